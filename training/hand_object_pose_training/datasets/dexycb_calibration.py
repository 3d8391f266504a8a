"""DexYCB's YAML files: sequences, cameras, hand shapes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose_training.datasets.dexycb_layout import IMAGE_SIZE, YCB_NAMES
from hand_object_pose_training.datasets.frame import SIDES
from hand_object_pose_training.datasets.problems import damaged, read_bytes


class _Loader(yaml.SafeLoader):
    """A safe loader that also takes Python's tuples, which some of the files are tagged with."""


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", yaml.SafeLoader.construct_sequence)


@dataclass(frozen=True)
class SequenceMeta:
    """One sequence's ``meta.yml``.

    Attributes:
        num_frames: of each camera; ycb_ids: 1 to 21, all objects on the table.
        grasped: index into ``ycb_ids``.
        side: "right" or "left"; hand_calibration, extrinsics: names of folders in ``calibration/``, without prefix.
    """

    num_frames: int
    ycb_ids: tuple[int, ...]
    grasped: int
    side: str
    hand_calibration: str
    extrinsics: str

    @property
    def object_id(self) -> int:
        """1 to 21, of the grasped object."""
        return self.ycb_ids[self.grasped]


def read_meta(path: Path) -> SequenceMeta:
    """A sequence's description; ``FileProblemError`` if the file is missing or damaged."""
    content = _read(path)
    try:
        meta = SequenceMeta(
            num_frames=int(content["num_frames"]),
            ycb_ids=tuple(int(number) for number in content["ycb_ids"]),
            grasped=int(content["ycb_grasp_ind"]),
            side=str(content["mano_sides"][0]),
            hand_calibration=str(content["mano_calib"][0]),
            extrinsics=str(content.get("extrinsics", "")),
        )
        fits = (
            meta.grasped >= 0 and meta.side in SIDES and 1 <= meta.object_id <= len(YCB_NAMES) and meta.num_frames >= 0
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise damaged(path, f"expected the description of a sequence ({error!r})") from error
    if not fits:
        raise damaged(path, f"expected a side, an object of 1 to 21 and frames, found {meta}")
    return meta


def read_intrinsics(path: Path) -> Camera:
    """The colour camera; ``FileProblemError`` if the file is missing or damaged."""
    content = _read(path)
    try:
        colour = content["color"]
        fx, fy, cx, cy = (float(colour[key]) for key in ("fx", "fy", "ppx", "ppy"))
        return Camera(np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]]), *IMAGE_SIZE)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"expected intrinsics of a colour camera ({error!r})") from error


def read_betas(path: Path) -> FloatArray:
    """(10,) shape coefficients; ``FileProblemError`` if the file is missing or damaged."""
    content = _read(path)
    try:
        return np.array(content["betas"], dtype=np.float64).reshape(10)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"expected ten shape coefficients ({error!r})") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(read_bytes(path), _Loader)  # a subclass of the safe loader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise damaged(path, f"expected YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(content, dict):
        raise damaged(path, "expected YAML with named entries")
    return content
