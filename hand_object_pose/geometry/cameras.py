"""The pinhole camera in OpenCV's convention.

Optical frame of REP 103: x right, y down, z forward. Pixel (0, 0) is the centre of the top-left pixel.
"""

from dataclasses import dataclass, field

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape


@dataclass(frozen=True)
class Camera:
    """Intrinsics of one camera.

    Attributes:
        matrix: K, shape (3, 3), pixels.
        width, height: image size, pixels.
        distortion_model: as in sensor_msgs/CameraInfo: "" (none), "plumb_bob", "rational_polynomial", "equidistant".
        distortion: coefficients D in the order of that model; empty means none.
    """

    matrix: FloatArray
    width: int
    height: int
    distortion_model: str = ""
    distortion: FloatArray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        check_shape("Camera.matrix", self.matrix, (3, 3))
        if self.matrix[0, 0] <= 0 or self.matrix[1, 1] <= 0:
            raise ValueError("Camera.matrix: focal lengths must be positive; is the camera calibrated?")

    @property
    def is_distorted(self) -> bool:
        """Whether any distortion coefficient is non-zero."""
        return bool(np.any(self.distortion))

    def project(self, points: FloatArray) -> FloatArray:
        """Undistorted pixels (..., 2) of points (..., 3) in metres, camera frame, z > 0."""
        check_shape("points", points, ("...", 3))
        normalised = points[..., :2] / points[..., 2:]
        return normalised @ self.matrix[:2, :2].T + self.matrix[:2, 2]

    def unproject(self, pixels: FloatArray, depth: FloatArray) -> FloatArray:
        """Points (..., 3) in metres of undistorted pixels (..., 2) at depth z (...) in metres."""
        check_shape("pixels", pixels, ("...", 2))
        homogeneous = np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=-1)
        return homogeneous @ np.linalg.inv(self.matrix).T * np.asarray(depth)[..., None]

    def windowed(self, offset: tuple[int, int], size: tuple[int, int], binning: tuple[int, int]) -> "Camera":
        """The camera of a window of the image, read out with binning.

        As ``image_geometry`` and ``image_proc`` do, the pixel centres of binned pixels are not shifted by half a pixel.

        Args:
            offset: (x, y) of the window's top-left pixel; size: its (width, height); both in pixels before binning.
            binning: how many pixels (x, y) become one.
        """
        scale = np.diag([1 / binning[0], 1 / binning[1], 1.0])
        shift = np.array([[1.0, 0.0, -offset[0]], [0.0, 1.0, -offset[1]], [0.0, 0.0, 1.0]])
        width, height = size[0] // binning[0], size[1] // binning[1]
        return Camera(scale @ shift @ self.matrix, width, height, self.distortion_model, self.distortion)

    def resized(self, width: int, height: int) -> "Camera":
        """The camera of the same image at another size in pixels, as OpenCV resizes: edges stay, not pixel centres."""
        x, y = width / self.width, height / self.height
        scale = np.array([[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2], [0.0, 0.0, 1.0]])
        return Camera(scale @ self.matrix, width, height, self.distortion_model, self.distortion)
