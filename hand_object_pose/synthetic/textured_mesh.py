"""An object's surface as the renderer needs it: corner normals, texture coordinates, and a pyramid of its texture."""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray

from hand_object_pose.arrays import IntArray
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.visual import load_visual_mesh, texture_image
from hand_object_pose.synthetic.ray_casting import RayMesh

FloatArray = NDArray[np.float32]

_CREASE = np.cos(np.radians(40.0))
_LARGEST_TEXTURE = 2048


@dataclass(frozen=True)
class TexturedMesh:
    """A mesh with texture, in its own frame.

    Attributes:
        vertices: (V, 3) metres; faces: (F, 3).
        corner_normals: (F, 3, 3), smooth except across creases.
        corner_uv: (F, 3, 2) texture coordinates, v upwards; textures: sRGB pictures, each half the one before.
        texels_per_metre: of the first picture, on average.
        corner_colours: (F, 3, 3) sRGB in [0, 1], used where there is no texture.
    """

    vertices: FloatArray
    faces: IntArray
    corner_normals: FloatArray
    corner_uv: FloatArray
    textures: tuple[NDArray[np.uint8], ...]
    texels_per_metre: float
    corner_colours: FloatArray
    rays: RayMesh = field(repr=False, compare=False)

    @staticmethod
    def of(mesh: trimesh.Trimesh) -> "TexturedMesh":
        """From a mesh with a texture, colours by vertex or face, or neither (grey)."""
        vertices = np.asarray(mesh.vertices, dtype=np.float32)
        faces = np.asarray(mesh.faces, dtype=np.int32)
        uv, texture = _texture(mesh)
        corner_uv = uv[faces] if texture is not None else np.zeros((len(faces), 3, 2), dtype=np.float32)
        return TexturedMesh(
            vertices=vertices,
            faces=faces,
            corner_normals=_corner_normals(mesh),
            corner_uv=corner_uv,
            textures=() if texture is None else _pyramid(texture),
            texels_per_metre=0.0
            if texture is None
            else _texel_density(vertices, faces, corner_uv, texture.shape[1::-1]),
            corner_colours=_vertex_colours(mesh)[faces],
            rays=RayMesh(vertices, faces),
        )

    def colours(self, face: IntArray, barycentric: FloatArray, pixels_per_metre: float) -> NDArray[np.uint8]:
        """Colours (N, 3), sRGB bytes, at points of faces (N,); textures are filtered for the image's scale."""
        if not self.textures:
            plain = np.einsum("nk,nkc->nc", barycentric, self.corner_colours[face])
            return (plain * 255 + 0.5).astype(np.uint8)
        halvings = round(np.log2(max(self.texels_per_metre / pixels_per_metre, 1)))
        level = min(int(halvings), len(self.textures) - 1)
        uv = np.einsum("nk,nkc->nc", barycentric, self.corner_uv[face])
        return sample_texture(self.textures[level], uv)


def sample_texture(texture: NDArray[np.uint8], uv: FloatArray) -> NDArray[np.uint8]:
    """Colours (N, 3) of a picture (H, W, 3), bilinear, at texture coordinates (N, 2), v upwards.

    The picture repeats beyond [0, 1].
    """
    height, width = texture.shape[:2]
    x = np.mod(uv[:, 0], 1.0) * width - 0.5
    y = np.mod(1.0 - uv[:, 1], 1.0) * height - 0.5
    left, top = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    across, down = (x - left)[:, None], (y - top)[:, None]
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    left, top = np.maximum(left, 0), np.maximum(top, 0)
    upper = texture[top, left] * (1 - across) + texture[top, right] * across
    lower = texture[bottom, left] * (1 - across) + texture[bottom, right] * across
    return (upper * (1 - down) + lower * down + np.float32(0.5)).astype(np.uint8)


def _texture(mesh: trimesh.Trimesh) -> tuple[FloatArray, NDArray[np.uint8] | None]:
    pixels = texture_image(mesh)
    uv = getattr(mesh.visual, "uv", None)
    if pixels is None or uv is None or len(uv) != len(mesh.vertices):
        return np.zeros((len(mesh.vertices), 2), dtype=np.float32), None
    scale = _LARGEST_TEXTURE / max(pixels.shape[:2])
    if scale < 1:
        pixels = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(uv, dtype=np.float32), pixels


def _pyramid(texture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    levels = [texture]
    while min(levels[-1].shape[:2]) > 8:
        height, width = levels[-1].shape[:2]
        smaller = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(smaller, dtype=np.uint8))
    return tuple(levels)


def _texel_density(vertices: FloatArray, faces: IntArray, corner_uv: FloatArray, size: tuple[int, ...]) -> float:
    corners = vertices[faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    edges = (corner_uv[:, 1:] - corner_uv[:, :1]) * np.asarray(size)
    texels = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]).sum()
    return float(np.sqrt(texels / max(areas, 1e-12)))


def _vertex_colours(mesh: trimesh.Trimesh) -> FloatArray:
    visual: Any = mesh.visual
    if visual.kind not in ("vertex", "face"):
        main = np.asarray(getattr(visual, "main_color", (160, 160, 160, 255)), dtype=np.float32)
        return np.broadcast_to(main[:3] / np.float32(255), (len(mesh.vertices), 3))
    colours: FloatArray = np.asarray(visual.vertex_colors[:, :3], dtype=np.float32)
    return colours / np.float32(255)


def _corner_normals(mesh: trimesh.Trimesh) -> FloatArray:
    """Average, at every corner, the faces around its position that are nearly coplanar with its own face."""
    faces = np.asarray(mesh.faces)
    corners = np.asarray(mesh.vertices)[faces]
    area_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(area_normals, axis=1, keepdims=True)
    unit = area_normals / np.maximum(lengths, 1e-20)
    # Seams of the texture split vertices: positions decide what is a neighbour, not indices.
    _, position = np.unique(np.round(np.asarray(mesh.vertices), 6), axis=0, return_inverse=True)
    first, second = _corner_pairs(np.ravel(position)[faces].ravel())
    is_smooth = np.einsum("nc,nc->n", unit[first // 3], unit[second // 3]) > _CREASE
    sums = np.zeros((len(faces) * 3, 3))
    np.add.at(sums, first[is_smooth], area_normals[second[is_smooth] // 3])
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    normals = np.where(norms > 1e-20, sums / np.maximum(norms, 1e-20), np.repeat(unit, 3, axis=0))
    return normals.reshape(len(faces), 3, 3).astype(np.float32)


def _corner_pairs(position: IntArray) -> tuple[IntArray, IntArray]:
    """All ordered pairs of corners (P,), (P,) at the same position, each corner with itself included."""
    order = np.argsort(position, kind="stable")
    starts = np.searchsorted(position[order], position, side="left")
    counts = np.bincount(position)[position]
    first = np.repeat(np.arange(len(position)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return first, order[np.repeat(starts, counts) + within]


def load_textured_mesh(model: ObjectModel) -> TexturedMesh:
    """The visual mesh of a known object; its plain 1000 vertices where it has none."""
    if model.visual_mesh is None:
        return TexturedMesh.of(trimesh.Trimesh(model.vertices, model.faces, process=False))
    return TexturedMesh.of(load_visual_mesh(model))
