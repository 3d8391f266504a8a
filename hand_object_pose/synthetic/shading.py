"""Light on surfaces: wrapped Lambert, Blinn-Phong highlights, ambient light from above."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.synthetic.appearance import Light
from hand_object_pose.synthetic.surface import Surface

FloatArray = NDArray[np.float32]

# The camera's y axis points down: this much less ambient light comes from below than from above.
_AMBIENT_SLOPE = 0.3


def shade(
    surface: Surface,
    towards_camera: FloatArray,
    lights: Sequence[Light],
    ambient: NDArray[np.floating],
    lit: FloatArray,
    openness: FloatArray,
) -> FloatArray:
    """Linear RGB (N, 3) that leaves the surface towards the camera.

    Args:
        surface: N points.
        towards_camera: (N, 3) unit directions.
        lights: the first one is weakened by ``lit`` (N,), 0 in its shadow, 1 outside.
        ambient: (3,) linear RGB, weakened by ``openness`` (N,), 0 in a closed corner, 1 in the open.
    """
    slope = 1.0 - np.float32(_AMBIENT_SLOPE) * surface.normals[:, 1]
    diffuse = (slope * openness)[:, None] * ambient.astype(np.float32)
    highlight = np.zeros_like(diffuse)
    for number, light in enumerate(lights):
        visible = lit if number == 0 else openness
        direction, colour = light.direction.astype(np.float32), light.colour.astype(np.float32)
        facing = surface.normals @ direction
        wrapped = np.maximum(facing[:, None] + surface.wrap, 0) / (1 + surface.wrap)
        diffuse += wrapped * visible[:, None] * colour
        highlight += (_highlight(surface, towards_camera, direction, facing) * visible)[:, None] * colour
    return surface.albedo * diffuse + highlight


def _highlight(surface: Surface, towards_camera: FloatArray, direction: FloatArray, facing: FloatArray) -> FloatArray:
    half = towards_camera + direction
    length = np.sqrt(np.einsum("nc,nc->n", half, half) + np.float32(1e-12))
    cosine = np.clip(np.einsum("nc,nc->n", surface.normals, half) / length, 0, 1)
    return surface.specular * cosine**surface.shininess * (facing > 0)
