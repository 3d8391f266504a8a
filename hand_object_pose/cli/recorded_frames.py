"""Frames with depth of a bag, or of a directory of pictures."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from hand_object_pose.cli.pictures import read_pictures
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.replay.bag_files import open_recording
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.frames import FrameReader
from hand_object_pose.replay.opened_bag import open_with_topics
from hand_object_pose.replay.plan import plan_frames

COLOUR, DEPTH = "colour", "depth"
_MILLIMETRE = 0.001


def bag_frames(path: Path, config: ReplayConfig) -> Iterator[Frame | str]:
    """The frames of a bag, or why one cannot be used.

    Raises:
        UserError: the bag cannot be read, or lacks images, camera_info or depth images.
    """
    with closing(open_recording(path)) as bag:
        opened = open_with_topics(bag, config)
        plan = plan_frames(bag.name, opened.stamps, opened.topics, opened.depth, config)
        for replayed in FrameReader(bag, opened.topics, opened.depth, config.settings, []).frames(plan):
            yield replayed.problem if replayed.frame is None else replayed.frame


def is_directory_of_pictures(path: Path) -> bool:
    """Whether a path holds what ``directory_frames`` reads."""
    return (path / COLOUR).is_dir() and (path / DEPTH).is_dir()


def directory_frames(path: Path, matrix: np.ndarray, rate: float, every: int = 1) -> Iterator[Frame]:
    """The frames of ``colour/NAME.png`` (or .jpg ...) with ``depth/NAME.png``, 16 bits, millimetres, aligned to them.

    Args:
        path: the directory.
        matrix: K (3, 3) of the pictures, without distortion.
        rate: pictures a second, in the order of their names; every: take each n-th.

    Raises:
        UserError: a picture has no depth of its size, or cannot be read.
    """
    for number, picture in enumerate(read_pictures([path / COLOUR])):
        if number % every:
            continue
        height, width = picture.image.shape[:2]
        file = path / DEPTH / f"{picture.source.stem}.png"
        depth = cv2.imread(str(file), cv2.IMREAD_UNCHANGED) if file.is_file() else None
        if depth is None or depth.dtype != np.uint16 or depth.shape != (height, width):
            found = "no such picture" if depth is None else f"{depth.dtype} of {depth.shape}"
            raise UserError(f"{file}: expected depth in millimetres, 16 bits, {width}x{height} pixels, found {found}")
        yield Frame(picture.image, Camera(matrix, width, height), number / rate, depth.astype(np.float32) * _MILLIMETRE)
