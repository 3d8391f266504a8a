"""Square crops: which part of the image the network sees, and the camera that belongs to it.

A crop of ``size`` pixels shows the square ``[x, x + side]^2`` of the undistorted full image:
``u_crop = (u - x) * size / side``, so that its intrinsics are an affine map times K.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.projection import distortion_map

# How much larger than the union of hand and object boxes a crop is; weights are trained around this value.
DEFAULT_MARGIN = 1.25

_MAX_OVERSAMPLING = 4


@dataclass(frozen=True)
class CropBox:
    """A square of the undistorted full image: its top-left corner and side, pixels; it may leave the image."""

    x: float
    y: float
    side: float

    def affine(self, size: int) -> FloatArray:
        """(3, 3) map from full-image pixels to pixels of a crop of ``size``."""
        scale = size / self.side
        return np.array([[scale, 0.0, -self.x * scale], [0.0, scale, -self.y * scale], [0.0, 0.0, 1.0]])

    @property
    def centre(self) -> FloatArray:
        """(2,) centre in full-image pixels."""
        return np.array([self.x + self.side / 2, self.y + self.side / 2])


def square_crop(boxes: FloatArray, margin: float = DEFAULT_MARGIN) -> CropBox:
    """The square around the union of boxes (N, 4) = (x_min, y_min, x_max, y_max), its side grown by ``margin``.

    Raises:
        ValueError: if the union is empty.
    """
    check_shape("boxes", boxes, ("N", 4))
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    side = float((high - low).max()) * margin
    if not side > 0:
        raise ValueError(f"square_crop: the union of the boxes is empty: {low} to {high}")
    x, y = (low + high) / 2 - side / 2
    return CropBox(float(x), float(y), side)


def crop_camera(camera: Camera, crop: CropBox, size: int) -> Camera:
    """The undistorted pinhole camera of a crop of ``size`` pixels."""
    return Camera(crop.affine(size) @ camera.matrix, size, size)


def crop_through(crop: CropBox, camera: Camera, other: Camera) -> CropBox:
    """The square in which ``other`` sees what ``camera`` sees in ``crop``: both look from the same place, the same way.

    Undistorted pixels change by K' K^-1, an affine map; where it scales x and y differently, the side by their
    geometric mean.
    """
    change = other.matrix @ np.linalg.inv(camera.matrix)
    x, y, _ = change @ [*crop.centre, 1.0]
    side = crop.side * float(np.sqrt(abs(np.linalg.det(change[:2, :2]))))
    return CropBox(float(x) - side / 2, float(y) - side / 2, side)


def crop_image(image: NDArray, camera: Camera, crop: CropBox, size: int) -> NDArray:
    """Cut, scale and undistort in one bilinear remap; black outside the image.

    Args:
        image: (H, W) or (H, W, C) as the camera took it, distorted.
        camera: of the full image.
        crop: in undistorted pixels of ``camera.matrix``.
        size: side of the result.

    Returns:
        (size, size[, C]) of the image's dtype. A crop that shrinks the image is sampled more densely and averaged.
    """
    factor = int(np.clip(np.ceil(crop.side / size), 1, _MAX_OVERSAMPLING))
    # Averaging takes a pixel from the middle of its samples, which is where the crop's camera has it.
    shift = (factor - 1) / (2 * factor) * crop.side / size
    fine = CropBox(crop.x - shift, crop.y - shift, crop.side)
    if camera.is_distorted:
        target = crop_camera(camera, fine, size * factor)
        sampled = cv2.remap(image, distortion_map(camera, target), None, cv2.INTER_LINEAR)
    else:
        affine = fine.affine(size * factor)[:2]
        sampled = cv2.warpAffine(image, affine, (size * factor, size * factor), flags=cv2.INTER_LINEAR)
    return sampled if factor == 1 else cv2.resize(sampled, (size, size), interpolation=cv2.INTER_AREA)


def viewing_rotation(camera: Camera, crop: CropBox) -> FloatArray:
    """R_view (3, 3): from the virtual camera that looks through the crop's centre to the camera.

    A crop does not show where in the image it lay; a rotation voted from the crop is therefore relative to the
    viewing direction of its centre. The smallest rotation that takes the optical axis there is used.
    """
    direction = camera.unproject(crop.centre, np.asarray(1.0))
    direction = direction / np.linalg.norm(direction)
    axis = np.cross([0.0, 0.0, 1.0], direction)
    length = np.linalg.norm(axis)
    if length < 1e-12:
        return np.eye(3)
    return Rotation.from_rotvec(axis / length * np.arctan2(length, direction[2])).as_matrix()


def projected_box(camera: Camera, points: FloatArray) -> FloatArray:
    """(4,) = (x_min, y_min, x_max, y_max) in undistorted pixels of points (N, 3) in metres, camera frame, z > 0."""
    pixels = camera.project(points)
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
