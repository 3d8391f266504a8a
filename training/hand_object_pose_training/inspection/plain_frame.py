"""What a frame's files say, read by a few plain lines that share nothing with the readers but the hand model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError, in_one_line

OBJECT, HAND, EITHER, OTHER = 1, 2, 3, 4
"""Labels beside 0, the background: hand or object where a file does not tell which, and something else in front."""

_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class PlainFrame:
    """One frame in metres and pixels, camera's optical frame, joints wrist first, then thumb to little finger.

    Attributes:
        camera_matrix: (3, 3).
        joints: (21, 3) as annotated, NaN where not known.
        object_pose: (4, 4) object to camera.
        hand_vertices: (778, 3) of the annotated parameters, or as listed; None where the hand is not known.
        hand_joints: (21, 3) of the annotated parameters; None without such.
        joint_pixels: (21, 2) as annotated; None where the dataset has none.
        corners: (8, 3) of the object's box as annotated, in any order; None where the dataset has none.
        depth: (H, W) metres, 0 where nothing was measured; None without a file.
        labels: (H, W) of 0, OBJECT, HAND, EITHER and OTHER; None without a file.
    """

    camera_matrix: FloatArray
    joints: FloatArray
    object_pose: FloatArray
    hand_vertices: FloatArray | None = None
    hand_joints: FloatArray | None = None
    joint_pixels: FloatArray | None = None
    corners: FloatArray | None = None
    depth: FloatArray | None = None
    labels: NDArray[np.uint8] | None = None

    def mirrored(self, width: int) -> "PlainFrame":
        """What a mirror shows, of an image of this width: x changes sign, columns run the other way."""
        matrix, reflection = self.camera_matrix.copy(), np.diag([*_MIRROR, 1.0])
        matrix[0, 2] = width - 1 - matrix[0, 2]
        pixels = None if self.joint_pixels is None else self.joint_pixels * [-1, 1] + [width - 1, 0]
        return replace(
            self,
            camera_matrix=matrix,
            joints=self.joints * _MIRROR,
            object_pose=reflection @ self.object_pose @ reflection,
            hand_vertices=_reflected(self.hand_vertices),
            hand_joints=_reflected(self.hand_joints),
            joint_pixels=pixels,
            corners=_reflected(self.corners),
            depth=None if self.depth is None else self.depth[:, ::-1],
            labels=None if self.labels is None else self.labels[:, ::-1],
        )


class PlainReader(Protocol):
    """Reads the frames of one split."""

    def read(self, key: str) -> PlainFrame:
        """One frame by its key.

        Raises:
            UserError: a file is missing, or not what the dataset's format says; the message names it.
        """
        ...


@contextmanager
def content_of(path: Path) -> Iterator[None]:
    """Within it, whatever goes wrong is put down to the content of one file: a damaged one can fail in any way.

    Raises:
        UserError: something did.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({in_one_line(error)})") from error
    except Exception as error:
        raise UserError(f"{path}: not as the format says ({type(error).__name__}: {in_one_line(error)})") from error


def read_pixels(path: Path) -> NDArray | None:
    """An image file as OpenCV reads it, channels blue, green, red; None without such a file.

    Raises:
        UserError: it cannot be decoded.
    """
    if not path.is_file():
        return None
    with content_of(path):
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise UserError(f"{path}: cannot be decoded")
    return pixels


def read_yaml(path: Path) -> Any:
    """A YAML file; lists that are tagged as Python's tuples are lists."""
    return yaml.safe_load(path.read_text(encoding="utf-8").replace("!!python/tuple", ""))


def pose_of(rotation: FloatArray, translation: FloatArray) -> FloatArray:
    """(4, 4) of a rotation (3, 3) and a translation of three numbers."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, np.ravel(translation)
    return pose


def _reflected(points: FloatArray | None) -> FloatArray | None:
    return None if points is None else points * _MIRROR
