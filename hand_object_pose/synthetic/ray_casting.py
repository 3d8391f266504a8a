"""Rays against triangles with Embree, float32."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from embreex.mesh_construction import TriangleMesh as EmbreeMesh
from embreex.rtcore import EmbreeDevice
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from hand_object_pose.arrays import IntArray
from hand_object_pose.checks import check_shape

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class RayHits:
    """The nearest hit of each ray.

    Attributes:
        face: (N,) face index, -1 where nothing was hit.
        distance: (N,) in lengths of the ray's direction; infinite where nothing was hit.
        barycentric: (N, 3) weights of the face's three corners.
    """

    face: IntArray
    distance: FloatArray
    barycentric: FloatArray


class RayMesh:
    """A triangle mesh that rays can hit, in its own frame."""

    def __init__(self, vertices: NDArray[np.floating], faces: IntArray) -> None:
        """Build the search tree of vertices (V, 3) and faces (F, 3)."""
        check_shape("vertices", vertices, ("V", 3))
        check_shape("faces", faces, ("F", 3))
        # Robust: no ray slips through between two faces.
        self._scene = EmbreeScene(device=_device(), robust=True)
        self._mesh = EmbreeMesh(self._scene, _as_float32(vertices), np.ascontiguousarray(faces, dtype=np.int32))

    def cast(self, origins: FloatArray, directions: FloatArray) -> RayHits:
        """Nearest hits of rays from origins (N, 3) along directions (N, 3) of any length."""
        if len(origins) == 0:
            return RayHits(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros((0, 3), np.float32))
        found = self._scene.run(_as_float32(origins), _as_float32(directions), output=True)
        face = found["primID"]
        u, v = found["u"], found["v"]
        distance = np.where(face >= 0, found["tfar"], np.float32(np.inf))
        return RayHits(face, distance, np.stack([1.0 - u - v, u, v], axis=1))

    def is_blocked(self, origins: FloatArray, directions: FloatArray, reach: float = 10.0) -> NDArray[np.bool_]:
        """(N,) whether rays from origins (N, 3) hit anything nearer than ``reach`` lengths of their direction."""
        if len(origins) == 0:
            return np.zeros(0, dtype=bool)
        distances = np.full(len(origins), reach, dtype=np.float32)
        return self._scene.run(_as_float32(origins), _as_float32(directions), distances, query="OCCLUDED") >= 0


@lru_cache(maxsize=1)
def _device() -> EmbreeDevice:
    return EmbreeDevice()


def _as_float32(array: NDArray[np.floating]) -> FloatArray:
    return np.ascontiguousarray(array, dtype=np.float32)
