"""What a depth camera makes of exact depth: quantisation, noise, holes at edges and on slanted surfaces.

The noise grows with the square of the distance, as triangulation makes it (Khoshelham and Oude Elberink 2012).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.cameras import Camera

DepthImage = NDArray[np.float32]


@dataclass(frozen=True)
class DepthSensorConfig:
    """One depth camera; the defaults are near those of an active stereo camera at short range.

    Attributes:
        noise_at_one_metre: standard deviation of the depth, metres, at 1 m; it grows with the square of the depth.
        noise_size: pixels over which neighbouring errors are alike.
        quantum: step of the output, metres.
        near, far: metres; no depth outside.
        edge_step: relative step in depth that counts as an edge; edge_holes: share of pixels lost beside edges.
        grazing_angle: between ray and surface, radians, below which depth is lost.
        wall: depth of the plane behind everything, metres, where the scene holds nothing; 0 leaves it without depth.
        speckle: share of pixels lost anywhere.
    """

    noise_at_one_metre: float = 0.0025
    noise_size: float = 1.2
    quantum: float = 0.001
    near: float = 0.15
    far: float = 4.0
    edge_step: float = 0.03
    edge_holes: float = 0.45
    grazing_angle: float = 0.16
    wall: float = 1.6
    speckle: float = 0.002


class DepthSensor:
    """Turns exact depth into what a sensor returns."""

    def __init__(self, config: DepthSensorConfig | None = None) -> None:
        """A sensor; see ``DepthSensorConfig``."""
        self.config = config if config is not None else DepthSensorConfig()

    def measure(self, depth: DepthImage, camera: Camera, rng: np.random.Generator) -> DepthImage:
        """The measured depth (H, W) float32, metres, 0 where the sensor found none.

        Args:
            depth: (H, W) exact depth along the optical axis, metres, 0 where the scene holds nothing.
            camera: the camera it was rendered with.
            rng: source of the noise.

        Raises:
            ValueError: if the depth is not of the camera's size.
        """
        check_shape("depth", depth, (camera.height, camera.width))
        config = self.config
        exact = np.where(depth > 0, depth, np.float32(config.wall)).astype(np.float32)
        measured = exact + np.float32(config.noise_at_one_metre) * exact**2 * self._noise(depth.shape, rng)
        measured = np.round(measured / config.quantum) * config.quantum
        lost = (exact < config.near) | (exact > config.far) | self._is_grazing(exact, camera)
        lost |= _beside_edges(exact, config.edge_step) & (self._noise(depth.shape, rng) < _quantile(config.edge_holes))
        lost |= rng.random(depth.shape, dtype=np.float32) < config.speckle
        return np.where(lost, 0, measured).astype(np.float32)

    def _noise(self, shape: tuple[int, ...], rng: np.random.Generator) -> DepthImage:
        """Standard normal, alike over ``noise_size`` pixels."""
        white = rng.standard_normal(shape, dtype=np.float32)
        size = self.config.noise_size
        if size < 0.3:
            return white
        # A Gaussian filter of this width divides the standard deviation of white noise by 2 sigma sqrt(pi).
        return np.asarray(cv2.GaussianBlur(white, (0, 0), size), dtype=np.float32) * np.float32(
            2 * size * np.sqrt(np.pi)
        )

    def _is_grazing(self, depth: DepthImage, camera: Camera) -> NDArray[np.bool_]:
        """Where the surface is seen at less than the grazing angle, from the slope of the depth image."""
        slope_x = cv2.Scharr(depth, cv2.CV_32F, 1, 0) / 32
        slope_y = cv2.Scharr(depth, cv2.CV_32F, 0, 1) / 32
        focal_x, focal_y = camera.matrix[0, 0], camera.matrix[1, 1]
        tangent = np.hypot(slope_x * focal_x, slope_y * focal_y) / np.maximum(depth, np.float32(1e-6))
        return np.asarray(tangent > 1 / np.tan(self.config.grazing_angle))


def _beside_edges(depth: DepthImage, step: float) -> NDArray[np.bool_]:
    """Pixels at most two away from a relative step in depth."""
    kernel = np.ones((5, 5), dtype=np.uint8)
    return np.asarray(cv2.dilate(depth, kernel) > cv2.erode(depth, kernel) * np.float32(1 + step))


def _quantile(share: float) -> float:
    """The value below which this share of a standard normal lies."""
    return float(ndtri(share))
