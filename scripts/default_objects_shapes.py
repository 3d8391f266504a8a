"""Shapes of the default objects as signed distance functions: metres, z up, before centring."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Distance = Callable[[Array], Array]


@dataclass(frozen=True)
class Shape:
    """A solid: ``distance`` (..., 3) -> (...), negative inside, within the box ``low`` .. ``high``."""

    distance: Distance
    low: tuple[float, float, float]
    high: tuple[float, float, float]


def rounded_box(p: Array, half: tuple[float, ...], radius: float) -> Array:
    """Box of half sides ``half`` whose edges are rounded with ``radius``."""
    q = np.abs(p) - (np.array(half) - radius)
    return np.linalg.norm(np.maximum(q, 0), axis=-1) + np.minimum(q.max(axis=-1), 0) - radius


def capsule(p: Array, a: Array, b: Array, radius_a: float, radius_b: float) -> Array:
    """Approximate distance to a segment with radius growing linearly from ``a`` to ``b``."""
    along = np.clip(((p - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(p - a - along[..., None] * (b - a), axis=-1) - (radius_a + along * (radius_b - radius_a))


def smooth_union(a: Array, b: Array, blend: float) -> Array:
    """Union with a fillet of about ``blend``."""
    mix = np.clip(0.5 + 0.5 * (b - a) / blend, 0, 1)
    return b + (a - b) * mix - blend * mix * (1 - mix)


def revolved(p: Array, profile: Array, squeeze: float = 1.0) -> Array:
    """Solid of revolution about z of the closed polygon ``profile`` (N, 2) of (radius, z).

    ``squeeze`` scales x and y distances along y: 0.6 makes an ellipse whose y axis is 0.6 of its x axis.
    """
    radial = np.hypot(p[..., 0], p[..., 1] / squeeze)
    return polygon_distance(np.stack([radial, p[..., 2]], axis=-1), profile) * min(squeeze, 1.0)


def polygon_distance(p: Array, corners: Array) -> Array:
    """Signed distance of points (..., 2) to a simple polygon (N, 2)."""
    distance = np.full(p.shape[:-1], np.inf)
    inside = np.zeros(p.shape[:-1], dtype=bool)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge, to_point = b - a, p - a
        along = np.clip((to_point @ edge) / (edge @ edge), 0, 1)
        distance = np.minimum(distance, np.linalg.norm(to_point - along[..., None] * edge, axis=-1))
        crosses = (a[1] > p[..., 1]) != (b[1] > p[..., 1])
        if a[1] != b[1]:
            inside ^= crosses & (p[..., 0] < a[0] + (p[..., 1] - a[1]) * edge[0] / edge[1])
    return np.where(inside, -distance, distance)


def _mirrored_profile(points: list[tuple[float, float]]) -> Array:
    """Closed polygon from the right half of a profile, bottom to top, by mirroring it in the axis."""
    right = np.array(points)
    return np.concatenate([right, right[::-1] * (-1, 1)])


def carton() -> Shape:
    """A packet 4 cm deep (y), 11 cm wide (x), 16 cm high (z)."""
    return Shape(lambda p: rounded_box(p, (0.055, 0.02, 0.08), 0.003), (-0.055, -0.02, -0.08), (0.055, 0.02, 0.08))


def can() -> Shape:
    """A tin of 6.8 cm diameter and 10 cm height with a recessed lid."""
    profile = _mirrored_profile(
        [(0.031, 0), (0.034, 0.003), (0.034, 0.097), (0.033, 0.1), (0.0295, 0.1), (0.0285, 0.097)]
    )
    return Shape(lambda p: revolved(p, profile), (-0.034, -0.034, 0), (0.034, 0.034, 0.1))


def bottle() -> Shape:
    """A squeeze bottle 19 cm high with an oval body (9 x 5.6 cm) and a round cap."""
    body = _mirrored_profile(
        [(0.040, 0), (0.045, 0.006), (0.045, 0.10), (0.041, 0.118), (0.030, 0.138), (0.020, 0.148), (0.02, 0.152)]
    )
    cap = _mirrored_profile([(0.017, 0.143), (0.017, 0.165), (0.014, 0.170), (0.008, 0.188), (0.006, 0.19)])

    def distance(p: Array) -> Array:
        return smooth_union(revolved(p, body, 0.62), revolved(p, cap), 0.004)

    return Shape(distance, (-0.045, -0.028, 0), (0.045, 0.028, 0.19))


def mug() -> Shape:
    """A mug of 8.2 cm diameter and 9.5 cm height, 5 mm wall, handle towards +x."""
    body = _mirrored_profile(
        [(0.037, 0), (0.041, 0.004), (0.041, 0.093), (0.039, 0.095), (0.036, 0.093), (0.036, 0.010), (0.032, 0.006)]
    )

    def handle(p: Array) -> Array:
        around = np.hypot((p[..., 0] - 0.041) / 0.85, p[..., 2] - 0.048) - 0.030
        half_width = np.abs(p[..., 1]) - 0.003
        ring = np.hypot(around * 0.85, np.maximum(half_width, 0)) - 0.005
        return np.maximum(ring, 0.0375 - np.hypot(p[..., 0], p[..., 1]))

    return Shape(
        lambda p: smooth_union(revolved(p, body), handle(p), 0.004), (-0.041, -0.041, 0), (0.073, 0.041, 0.095)
    )


def banana() -> Shape:
    """A banana of about 18 cm, bent in the x-z plane, stem at +x."""
    angles = np.linspace(-0.98, 0.98, 25)
    centres = np.stack([0.095 * np.sin(angles), 0 * angles, 0.095 * (1 - np.cos(angles))], axis=1)
    stations = np.linspace(0, 1, 25)
    radii = np.interp(
        stations,
        [0, 0.05, 0.15, 0.35, 0.65, 0.85, 0.92, 1],
        [0.006, 0.010, 0.0155, 0.0185, 0.0185, 0.014, 0.007, 0.006],
    )

    def distance(p: Array) -> Array:
        nearest = np.full(p.shape[:-1], np.inf)
        pieces = zip(centres[:-1], centres[1:], radii[:-1], radii[1:], strict=True)
        for a, b, radius_a, radius_b in pieces:
            nearest = np.minimum(nearest, capsule(p, a, b, radius_a, radius_b))
        return nearest

    return Shape(distance, (-0.0848, -0.0185, -0.0185), (0.0848, 0.0185, 0.048))


def drill() -> Shape:
    """A cordless drill: housing along x with the chuck at +x, pistol grip down to a battery."""

    def distance(p: Array) -> Array:
        housing = capsule(p, np.array([-0.05, 0, 0.145]), np.array([0.03, 0, 0.145]), 0.028, 0.026)
        chuck = capsule(p, np.array([0.05, 0, 0.145]), np.array([0.085, 0, 0.145]), 0.018, 0.010)
        tilt = np.stack([p[..., 0] + 0.035 + 0.18 * (p[..., 2] - 0.075), p[..., 1], p[..., 2] - 0.08], axis=-1)
        grip = rounded_box(tilt, (0.020, 0.016, 0.062), 0.012)
        battery = rounded_box(p - np.array([-0.012, 0, 0.018]), (0.045, 0.03, 0.018), 0.006)
        return smooth_union(smooth_union(smooth_union(housing, chuck, 0.006), grip, 0.012), battery, 0.008)

    return Shape(distance, (-0.08, -0.031, 0.0), (0.097, 0.031, 0.176))


SHAPES: dict[str, Shape] = {
    "banana": banana(),
    "bottle": bottle(),
    "can": can(),
    "carton": carton(),
    "drill": drill(),
    "mug": mug(),
}
