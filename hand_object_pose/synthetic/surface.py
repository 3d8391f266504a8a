"""What a point of a surface looks like, before light falls on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Surface:
    """Properties of N points.

    Attributes:
        normals: (N, 3), camera frame, about unit length, outward.
        albedo: (N, 3) linear RGB.
        specular, shininess: (N,) strength and exponent of the highlight (Blinn-Phong).
        wrap: (N, 3) how far diffuse light reaches around the terminator, by channel.
    """

    normals: FloatArray
    albedo: FloatArray
    specular: FloatArray
    shininess: FloatArray
    wrap: FloatArray


def concatenate_surfaces(first: Surface, second: Surface) -> Surface:
    """The points of both, in order."""
    return Surface(
        normals=np.concatenate([first.normals, second.normals]),
        albedo=np.concatenate([first.albedo, second.albedo]),
        specular=np.concatenate([first.specular, second.specular]),
        shininess=np.concatenate([first.shininess, second.shininess]),
        wrap=np.concatenate([first.wrap, second.wrap]),
    )
