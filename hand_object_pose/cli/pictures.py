"""Pictures from files, directories and videos."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm")
VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        name: for files written about it; source: the file it came from; number: of the frame in a video, else 0.
        image: (H, W, 3) uint8 RGB; follows: whether it is a later frame of the same video.
    """

    name: str
    source: Path
    image: NDArray[np.uint8]
    number: int = 0
    follows: bool = False


def read_pictures(paths: Sequence[Path], every: int = 1) -> Iterator[Picture]:
    """All pictures of image files, directories of them (sorted by name), and videos.

    Args:
        paths: files and directories.
        every: of a video, take each n-th frame.

    Raises:
        UserError: a path does not exist, holds no picture, or cannot be decoded.
    """
    taken: set[str] = set()
    for path in (file for given in paths for file in _files(given)):
        source = _frames(path, every) if path.suffix.lower() in VIDEO_SUFFIXES else iter([_image(path)])
        stem = path.stem if path.stem not in taken else f"{path.parent.name}_{path.stem}"
        if stem in taken:
            raise UserError(f"{path}: two pictures are called '{path.stem}'; give their directories separately")
        taken.add(stem)
        for picture in source:
            name = stem if picture.name == path.stem else f"{stem}_{picture.number:06d}"
            yield Picture(name, path, picture.image, picture.number, picture.follows)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        if not files:
            raise UserError(
                f"{path}: expected pictures ({', '.join(IMAGE_SUFFIXES)}) in this directory, found none; "
                "bags are for evaluate-bag"
            )
        return files
    if not path.is_file():
        raise UserError(f"{path}: no such file or directory; give pictures, a directory of them, or a video")
    return [path]


def _image(path: Path) -> Picture:
    raw = np.frombuffer(path.read_bytes(), np.uint8)
    if not raw.size:
        raise UserError(f"{path}: expected a picture, but the file is empty")
    decoded = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    if decoded is None:
        raise UserError(f"{path}: expected a picture or a video, but it cannot be decoded")
    return Picture(path.stem, path, cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


def _frames(path: Path, every: int) -> Iterator[Picture]:
    video = cv2.VideoCapture(str(path))
    try:
        number = 0
        while True:
            decoded, frame = video.read()
            if not decoded:
                break
            if number % every == 0:
                name = f"{path.stem}_{number:06d}"
                yield Picture(name, path, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), number, number > 0)
            number += 1
    finally:
        video.release()
    if number == 0:
        raise UserError(f"{path}: expected a video, but no frame can be decoded")
