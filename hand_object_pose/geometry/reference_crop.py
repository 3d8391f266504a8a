"""The pre-processing of the authors' release, for replaying their evaluation on imported weights.

Everything happens in "256-space": the whole image is first resized to 256x256, whatever its aspect ratio.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import CropBox

REFERENCE_SIZE = 256
_SMALLEST_SIDE = 64.0


@dataclass(frozen=True)
class ReferenceCrop:
    """What the released network was given.

    Attributes:
        image: (256, 256, 3) float32 RGB in [0, 1].
        box: the crop in 256-space.
        camera: pinhole of the crop.
    """

    image: NDArray[np.float32]
    box: CropBox
    camera: Camera


def full_to_reference(camera: Camera) -> FloatArray:
    """(2,) factors from full-image pixels to 256-space."""
    return np.array([REFERENCE_SIZE / camera.width, REFERENCE_SIZE / camera.height])


def reference_camera(camera: Camera) -> Camera:
    """The camera of the whole image in 256-space."""
    scale = np.diag([*full_to_reference(camera), 1.0])
    return Camera(scale @ camera.matrix, REFERENCE_SIZE, REFERENCE_SIZE)


def reference_crop_box(boxes: FloatArray) -> CropBox:
    """The crop around the union of boxes (N, 4) = (x_min, y_min, x_max, y_max), all in 256-space.

    Anchored at the union's top-left corner, with neither margin nor centring, and moved into the image; one
    larger than the image leaves it at the top and left.
    """
    check_shape("boxes", boxes, ("N", 4))
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    side = max(float((high - low).max()), _SMALLEST_SIDE)
    x, y = (_inside(max(float(start), 0.0), side) for start in low)
    return CropBox(x, y, side)


def _inside(start: float, side: float) -> float:
    return REFERENCE_SIZE - side if start + side > REFERENCE_SIZE else start


def reference_crop(image: NDArray[np.uint8], camera: Camera, box: CropBox) -> ReferenceCrop:
    """Resize, then cut and scale, in two interpolations as released.

    Args:
        image: (H, W, 3) RGB; camera: of the full image, undistorted; box: the crop in 256-space.
    """
    check_shape("image", image, (camera.height, camera.width, 3))
    resized = cv2.resize(image.astype(np.float32), (REFERENCE_SIZE, REFERENCE_SIZE), interpolation=cv2.INTER_LINEAR)
    affine = reference_affine(box)
    warped = cv2.warpAffine(resized, affine, (REFERENCE_SIZE, REFERENCE_SIZE), flags=cv2.INTER_LINEAR)
    return ReferenceCrop(warped / np.float32(255), box, reference_crop_camera(camera, box))


def reference_affine(box: CropBox) -> NDArray[np.float32]:
    """(2, 3) float32 map from 256-space to the crop, from three float32 point pairs as released.

    Rounding so moves it by up to some 1e-4 from ``box.affine``.
    """
    half = np.float32(REFERENCE_SIZE / 2)
    steps = np.array([[0, 0], [0, 1], [1, 0]], dtype=np.float32)
    centre, reach = box.centre.astype(np.float32), np.float32(box.side / 2)
    affine = cv2.getAffineTransform(centre + steps * reach, half + steps * half)
    return affine.astype(np.float32)


def reference_crop_camera(camera: Camera, box: CropBox) -> Camera:
    """The pinhole camera of a crop in 256-space of the full image's ``camera``."""
    affine = np.vstack([reference_affine(box), [0.0, 0.0, 1.0]])
    return Camera(affine @ reference_camera(camera).matrix, REFERENCE_SIZE, REFERENCE_SIZE)
