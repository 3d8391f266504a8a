"""The textured CAD mesh of an object, for rendering and markers."""

import numpy as np
import trimesh
from numpy.typing import NDArray

from hand_object_pose.errors import UserError
from hand_object_pose.objects.object_model import ObjectModel


def load_visual_mesh(model: ObjectModel) -> trimesh.Trimesh:
    """The CAD mesh in metres, object frame; vertices are repeated along texture seams.

    Where the file has a texture, ``mesh.visual.uv`` is (V, 2) with v upwards, and ``texture_image(mesh)`` the picture.

    Raises:
        UserError: the object has no CAD file, or it cannot be read.
    """
    if model.visual_mesh is None:
        raise UserError(f"object '{model.name}' has no CAD file to draw; give the catalogue's directory")
    try:
        mesh = trimesh.load_mesh(model.visual_mesh, process=False)
    except Exception as error:  # trimesh raises many kinds on a broken file
        raise UserError(f"{model.visual_mesh}: expected a mesh, but it cannot be read: {error}") from error
    if not isinstance(mesh, trimesh.Trimesh):
        raise UserError(f"{model.visual_mesh}: expected a mesh with triangles, found none")
    return mesh


def texture_image(mesh: trimesh.Trimesh) -> NDArray[np.uint8] | None:
    """The mesh's texture (H, W, 3) RGB, or None where it has none."""
    material = getattr(mesh.visual, "material", None)
    image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if image is None or getattr(mesh.visual, "uv", None) is None:
        return None
    return np.asarray(image.convert("RGB"))
