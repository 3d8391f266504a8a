"""What the report shows of a bag beyond its rows: pictures and meshes of some frames, and joint errors by distance."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.metrics.curves import THRESHOLDS
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.npz_files import UNREADABLE

SHOWN_FILE = "shown_frames.npz"
# Names of meshes, of which a frame has those that are known.
MESHES = ("hand", "object", "true hand", "true object")
# Names of pictures: the image with the estimate and with the truth; the estimate's meshes turned, attention on them.
OVER_IMAGE, MESHES_ALONE = ("estimate", "truth"), ("turned", "attention")
PICTURES = (*OVER_IMAGE, *MESHES_ALONE)


@dataclass(frozen=True)
class ShownFrame:
    """One frame.

    Attributes:
        row: its position among the rows of the bag.
        is_even: chosen evenly over time, rather than as one of the worst only.
        pictures: JPEG files by names of ``PICTURES``, of which a frame has those that are known.
        meshes: by names of ``MESHES``, metres, camera frame.
        attention: what its picture shows, in words; empty: there is none.
    """

    row: int
    is_even: bool
    pictures: dict[str, bytes]
    meshes: dict[str, TriangleMesh]
    attention: str = ""


@dataclass(frozen=True)
class ShownFrames:
    """Of one bag.

    Attributes:
        frames: in the order of the bag.
        joint_shares: (T,) over the frames with errors of the hand, the sum of the shares of joints, wrists aligned,
            that are no farther from the truth than each of ``metrics.curves.THRESHOLDS``.
        no_attention: why no frame shows the network's attention, in words; empty: they do, or there are none.
    """

    frames: Sequence[ShownFrame] = ()
    joint_shares: FloatArray = field(default_factory=lambda: np.zeros(len(THRESHOLDS)))
    no_attention: str = ""


def write_shown_frames(path: Path, shown: ShownFrames) -> None:
    """Write an .npz file, the same for the same content."""
    arrays: dict[str, NDArray] = {
        "joint_shares": shown.joint_shares,
        "rows": np.array([frame.row for frame in shown.frames], int),
        "is_even": np.array([frame.is_even for frame in shown.frames], bool),
        "attention": np.array([frame.attention for frame in shown.frames], str),
        "no_attention": np.array(shown.no_attention),
    }
    for frame in shown.frames:
        for name, picture in frame.pictures.items():
            arrays[f"{frame.row}/{name}/jpeg"] = np.frombuffer(picture, np.uint8)
        for name, mesh in frame.meshes.items():
            arrays[f"{frame.row}/{name}/vertices"] = mesh.vertices.astype(np.float32)
            arrays[f"{frame.row}/{name}/faces"] = mesh.faces.astype(np.int32)
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_shown_frames(path: Path) -> ShownFrames:
    """What ``write_shown_frames`` wrote.

    Raises:
        UserError: it is not there, or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        rows = zip(*(arrays[name].tolist() for name in ("rows", "is_even", "attention")), strict=True)
        frames = [_frame(row, is_even, attention, arrays) for row, is_even, attention in rows]
        return ShownFrames(frames, arrays["joint_shares"], str(arrays["no_attention"]))
    except UNREADABLE as error:
        raise UserError(f"{path}: expected the frames to be shown of an evaluated bag, found: {error!r}") from error


def _frame(row: int, is_even: bool, attention: str, arrays: dict[str, NDArray]) -> ShownFrame:
    pictures = {name: arrays[f"{row}/{name}/jpeg"].tobytes() for name in PICTURES if f"{row}/{name}/jpeg" in arrays}
    meshes = {
        name: TriangleMesh(arrays[f"{row}/{name}/vertices"], arrays[f"{row}/{name}/faces"])
        for name in MESHES
        if f"{row}/{name}/faces" in arrays
    }
    return ShownFrame(row, is_even, pictures, meshes, attention)
