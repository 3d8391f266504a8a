"""`hand-object-pose calibrate`: a person's bone lengths, and how well they tell the depth, from an open hand."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from hand_object_pose.calibration.measurement import calibrate
from hand_object_pose.calibration.open_hand import OpenHandFinder, Sighting
from hand_object_pose.cli.numbers import camera_matrix, check_range
from hand_object_pose.cli.recorded_frames import bag_frames, directory_frames, is_directory_of_pictures
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.bone_lengths import BONE_NAMES, resting_bone_lengths
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.hand_calibration import HandCalibration
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.replay.configuration import ReplayConfig


def run(
    recording: Annotated[Path, tyro.conf.Positional],
    out: Path = Path("out/hand.yaml"),
    person: str = "",
    camera_name: str = "",
    camera: str | None = None,
    rate: float = 30.0,
    every: int = 3,
    side: Literal["right", "left"] = "right",
    image_topic: str = "",
    depth_topic: str = "",
    weights: Path | None = None,
) -> int:
    """Measure the bones of one open hand with a depth camera; the node then tells its distance without one.

    Record about ten seconds: one open hand, fingers apart, 40 to 80 cm before the camera, slowly turned. Writes a YAML
    file for the node's parameter `calibration_path`, which `root_depth.mode` bone_length and auto use.

    Args:
        recording: a bag with colour images, camera_info and aligned depth images; or a directory with colour/NAME.png
            and depth/NAME.png (16 bits, millimetres).
        out: the YAML file.
        person: whose hand it is, a note for people.
        camera_name: which camera it was, a note for people.
        camera: fx,fy,cx,cy of the pictures of a directory, pixels.
        rate: pictures a second of a directory.
        every: take each n-th image.
        side: right or left hand.
        image_topic: the colour images' topic, where there are several.
        depth_topic: the same of the depth images aligned to them.
        weights: a .safetensors file; the weights that ship with this package unless given.
    """
    check_range("--every", every, 1)
    check_range("--rate", rate, 1e-3, unit="pictures a second")
    if is_directory_of_pictures(recording):
        if camera is None:
            raise UserError("--camera: a directory of pictures needs fx,fy,cx,cy in pixels")
        frames: Iterable[Frame | str] = directory_frames(recording, camera_matrix(camera), rate, every)
    else:
        frames = bag_frames(recording, ReplayConfig(image_topic=image_topic, depth_topic=depth_topic, every=every))
    backend = load_backend(weights)
    found = list(_sightings(OpenHandFinder(backend, side), frames))
    hand, known = backend.weights.hand, backend.weights.hash
    calibration = calibrate(found, hand.joint_regressor21, known, person, camera_name)
    calibration.write(out)
    _print(calibration, hand, len(found))
    print(f"{out}: for the node's parameter calibration_path")
    return 0


def _sightings(finder: OpenHandFinder, frames: Iterable[Frame | str]) -> Iterator[Sighting | str]:
    for frame in track(frames, "looking for the hand", console=Console(stderr=True), transient=True):
        if isinstance(frame, str):
            yield frame
        else:
            yield from finder.sightings([frame])


def _print(calibration: HandCalibration, hand: HandModel, images: int) -> None:
    table = Table("bone", "length (mm)", "mean hand (mm)", "ratio")
    mean = resting_bone_lengths(hand)
    for name, length, usual in zip(BONE_NAMES, calibration.bone_lengths, mean, strict=True):
        table.add_row(name, f"{1000 * length:.1f}", f"{1000 * usual:.1f}", f"{length / usual:.2f}")
    Console().print(table)
    size = float(np.median(np.array(calibration.bone_lengths) / mean))
    print(
        f"{calibration.frames} of {images} images show the open hand; its size is {size:.0%} of the mean hand's.\n"
        f"The depth from these bones: {calibration.depth_bias:+.1%} beside the depth image's, taken away from now on; "
        f"standard deviation {calibration.depth_sigma:.1%}."
    )
