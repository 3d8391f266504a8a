"""Reads grasps that GrabNet made (Taheri et al. 2020), from a small npz file that its user writes.

GrabNet itself stores pictures of meshes. ``docs/augmentation.md`` shows the lines that save what its networks return.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.se3 import inverse_pose, pose_matrix
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.npz_files import UNREADABLE
from hand_object_pose.synthetic.grasps import Grasps

# Shapes after the number of grasps.
_KEYS: dict[str, tuple[int, ...]] = {"global_orient": (3,), "hand_pose": (45,), "transl": (3,), "rotmat": (3, 3)}
_ORTHOGONAL = 1e-3


def load_grabnet(path: Path, hand: HandModel) -> tuple[str, Grasps]:
    """Object name and grasps of a file.

    The file holds ``object_name`` (text), and for N grasps ``global_orient`` (N, 3) and ``hand_pose`` (N, 45)
    axis-angle, ``transl`` (N, 3) metres, ``rotmat`` (N, 3, 3) by which the object's vertices were turned
    (v -> R v), ``offset`` (3,) metres that was subtracted from them before, and, if not zero, ``betas`` (N, 10).
    In GrabNet's frame, the object is centred and turned; here the hand is moved back to the object's own frame.

    Args:
        path: the npz file; hand: the right hand whose poses these are (MANO).

    Raises:
        UserError: a key is missing or has another shape, or a rotation is none.
    """
    if hand.side != "right":
        raise UserError(f"GrabNet makes right hands, but '{hand.name}' is a {hand.side} hand")
    arrays = _read(path)
    count = len(arrays["hand_pose"])
    wrists = hand.rest_wrists(arrays["betas"]) + arrays["transl"]
    turned = pose_matrix(Rotation.from_rotvec(arrays["global_orient"]).as_matrix(), wrists)
    object_to_grabnet = pose_matrix(arrays["rotmat"], -np.einsum("nij,j->ni", arrays["rotmat"], arrays["offset"]))
    wrist = inverse_pose(object_to_grabnet) @ turned
    pose = arrays["hand_pose"]
    # GrabNet knows no hand on its way: the open hand is the closed one.
    return str(arrays["object_name"]), Grasps(wrist, pose, pose, arrays["betas"], np.zeros(count, dtype=bool))


def _read(path: Path) -> dict[str, NDArray]:
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: np.asarray(data[name]) for name in data.files}
    except UNREADABLE as error:
        raise UserError(f"{path}: expected GrabNet's grasps as npz ({error}); see docs/augmentation.md") from error
    missing = sorted({*_KEYS, "object_name", "offset"} - arrays.keys())
    if missing:
        raise UserError(f"{path}: lacks {', '.join(missing)}; see docs/augmentation.md for the lines that write it")
    count = len(np.atleast_1d(arrays["transl"]))
    arrays.setdefault("betas", np.zeros((count, 10)))
    shapes = {name: (count, *shape) for name, shape in _KEYS.items()} | {"offset": (3,), "betas": (count, 10)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise UserError(f"{path}: {name}: expected shape {shape}, found {arrays[name].shape}")
        arrays[name] = arrays[name].astype(np.float64)
        if not np.isfinite(arrays[name]).all():
            raise UserError(f"{path}: {name}: expected finite numbers")
    products = np.swapaxes(arrays["rotmat"], 1, 2) @ arrays["rotmat"]
    if count and (np.abs(products - np.eye(3)).max() > _ORTHOGONAL or np.linalg.det(arrays["rotmat"]).min() < 0):
        raise UserError(f"{path}: rotmat: expected rotations; a scaled object's grasps do not fit its real size")
    return arrays
