"""HO3D's annotation pickles, read without executing them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.hand.restricted_pickle import load_restricted_pickle
from hand_object_pose_training.datasets.problems import LeftOutError, damaged, missing

_HAND = ("handPose", "handBeta", "handTrans")
_OBJECT = ("objRot", "objTrans", "camMat", "handJoints3D", "objName")


@dataclass(frozen=True)
class Ho3dAnnotation:
    """The content of one pickle as it is: OpenGL frame, HO3D's joint order, metres, radians.

    Attributes:
        camera_matrix: (3, 3) pixels.
        object_name: YCB folder; object_rotation: (3,) axis-angle; object_translation: (3,).
        corners_at_rest: (8, 3) of the model's box, or None.
        joints: (21, 3), or (1, 3) where only the wrist is given.
        hand_pose: (48,), hand_betas: (10,), hand_translation: (3,); None in the evaluation split.
        hand_box: (4,) x_min, y_min, x_max, y_max in pixels, or None.
    """

    camera_matrix: FloatArray
    object_name: str
    object_rotation: FloatArray
    object_translation: FloatArray
    corners_at_rest: FloatArray | None
    joints: FloatArray
    hand_pose: FloatArray | None
    hand_betas: FloatArray | None
    hand_translation: FloatArray | None
    hand_box: FloatArray | None


def read_annotation(path: Path) -> Ho3dAnnotation:
    """Read one annotation of HO3D v2 or v3.

    Raises:
        LeftOutError: its entries are None, as those of frames that were never annotated.
        FileProblemError: it is missing, cut short, or not such an annotation.
        ForeignDataError: it asks for a class or function; nothing was executed.
    """
    if not path.is_file():
        raise missing(path)
    content = load_restricted_pickle(path)
    if not isinstance(content, dict):
        raise damaged(path, f"expected a dict, found {type(content).__name__}")
    absent = [key for key in _OBJECT if key not in content]
    if absent:
        raise damaged(path, f"expected an annotation, but it lacks {', '.join(absent)}")
    if any(content[key] is None for key in (*_OBJECT, *(key for key in _HAND if key in content))):
        raise LeftOutError("not annotated")
    try:
        return _annotation(content)
    except (TypeError, ValueError) as error:
        raise damaged(path, f"expected an annotation ({error})") from error


def _annotation(content: dict[str, Any]) -> Ho3dAnnotation:
    joints = _numbers(content, "handJoints3D").reshape(-1, 3)
    if len(joints) not in (1, 21):
        raise ValueError(f"handJoints3D: expected 1 or 21 joints, found {len(joints)}")
    has_hand = all(key in content for key in _HAND)
    return Ho3dAnnotation(
        camera_matrix=_numbers(content, "camMat").reshape(3, 3),
        object_name=str(content["objName"]),
        object_rotation=_numbers(content, "objRot").reshape(3),
        object_translation=_numbers(content, "objTrans").reshape(3),
        corners_at_rest=_optional(content, "objCorners3DRest", (8, 3)),
        joints=joints,
        hand_pose=_optional(content, "handPose", (48,)) if has_hand else None,
        hand_betas=_optional(content, "handBeta", (10,)) if has_hand else None,
        hand_translation=_optional(content, "handTrans", (3,)) if has_hand else None,
        hand_box=_optional(content, "handBoundingBox", (4,)),
    )


def _numbers(content: dict[str, Any], key: str) -> FloatArray:
    values = np.asarray(content[key], dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{key}: expected finite numbers")
    return values


def _optional(content: dict[str, Any], key: str, shape: tuple[int, ...]) -> FloatArray | None:
    return None if content.get(key) is None else _numbers(content, key).reshape(shape)
