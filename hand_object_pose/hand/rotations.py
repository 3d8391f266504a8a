"""Axis-angle vectors to rotation matrices, for NumPy and PyTorch arrays, differentiable at every angle."""

from hand_object_pose.arrays import Array, namespace
from hand_object_pose.checks import check_shape

_SERIES_BELOW = 1e-6  # squared radians; beyond it the closed form is exact in float32 too


def rotation_from_axis_angle(vector: Array) -> Array:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3) in radians (Rodrigues' formula).

    Value and gradient are finite at 0, where a series replaces the quotients.
    """
    check_shape("vector", vector, ("...", 3))
    xp = namespace(vector)
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    squared = x * x + y * y + z * z
    small = squared < _SERIES_BELOW
    angle = xp.sqrt(xp.where(small, xp.ones_like(squared), squared))
    sine = xp.where(small, 1 - squared / 6, xp.sin(angle) / angle)
    # (1 - cos) / angle^2 by the half angle: no cancellation in float32.
    cosine = xp.where(small, 0.5 - squared / 24, 2 * (xp.sin(angle / 2) / angle) ** 2)
    rows = [
        [1 - cosine * (y * y + z * z), cosine * x * y - sine * z, cosine * x * z + sine * y],
        [cosine * x * y + sine * z, 1 - cosine * (x * x + z * z), cosine * y * z - sine * x],
        [cosine * x * z - sine * y, cosine * y * z + sine * x, 1 - cosine * (x * x + y * y)],
    ]
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
