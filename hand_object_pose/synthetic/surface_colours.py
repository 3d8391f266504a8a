"""Colours of a mesh, from its texture, its corners or its faces, at any points near its surface."""

from dataclasses import replace

import igl
import numpy as np
import trimesh
from numpy.typing import NDArray

from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.visual import load_visual_mesh, texture_image
from hand_object_pose.synthetic.textured_mesh import TexturedMesh

# So near that the texture's own pixels are seen and nothing is filtered away.
_PIXELS_PER_METRE = 1e6
# As far apart as an object's 1000 vertices are.
_VERTICES_PER_METRE = 200.0


def has_colours(mesh: trimesh.Trimesh) -> bool:
    """Whether a mesh has a texture, or colours by corner or face."""
    return texture_image(mesh) is not None or getattr(mesh.visual, "kind", None) in ("vertex", "face")


class SurfaceColours:
    """The colours of one mesh."""

    def __init__(self, mesh: trimesh.Trimesh) -> None:
        """Hold a mesh that ``has_colours``."""
        self._mesh = TexturedMesh.of(mesh)
        self._vertices, self._faces = self._mesh.vertices.astype(np.float64), self._mesh.faces.astype(np.int64)

    def __call__(self, points: NDArray[np.floating], pixels_per_metre: float = _PIXELS_PER_METRE) -> NDArray[np.uint8]:
        """Colours (N, 3), sRGB bytes, of the surface's points nearest to points (N, 3), the mesh's frame.

        With fewer ``pixels_per_metre`` a texture's colours are means over larger places.
        """
        _, face, nearest = igl.point_mesh_squared_distance(points, self._vertices, self._faces)
        weights = trimesh.triangles.points_to_barycentric(self._vertices[self._faces[face]], nearest)
        # A needle of a triangle has no weights: its middle will do.
        weights = np.clip(np.nan_to_num(weights, nan=1 / 3), 0, 1)
        weights /= weights.sum(axis=1, keepdims=True)
        return self._mesh.colours(face, weights.astype(np.float32), pixels_per_metre)


def with_colours(model: ObjectModel) -> ObjectModel:
    """An object with its CAD file's colours at its vertices; as it is where it has some, or the file has none.

    Raises:
        UserError: the CAD file cannot be read.
    """
    if model.colours is not None or model.visual_mesh is None:
        return model
    mesh = load_visual_mesh(model)
    if not has_colours(mesh):
        return model
    return replace(model, colours=SurfaceColours(mesh)(model.vertices, _VERTICES_PER_METRE))
