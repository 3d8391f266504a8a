"""A picture of an object from all around, so that its axes, its size and its texture can be checked by eye."""

from pathlib import Path

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.errors import UserError
from hand_object_pose.synthetic.appearance import Light
from hand_object_pose.synthetic.colour import linear_of_bytes, linear_to_srgb
from hand_object_pose.synthetic.shading import shade
from hand_object_pose.synthetic.surface import Surface
from hand_object_pose.synthetic.textured_mesh import TexturedMesh

Image = NDArray[np.uint8]

_SIZE = 240
_PAPER = 245
_LIGHT = Light(np.array([-0.4, -0.6, -0.7]) / np.linalg.norm([0.4, 0.6, 0.7]), np.full(3, 0.75))


def turntable(mesh: trimesh.Trimesh, path: Path) -> None:
    """Write eight views: six from all around, 20 degrees from above, and those from straight above and below.

    Args:
        mesh: metres, z up. path: of the picture (PNG).

    Raises:
        UserError: the picture cannot be written.
    """
    textured = TexturedMesh.of(mesh)
    views = [(f"{turn} deg" + (", front" if turn == 0 else ""), turn, 20) for turn in range(0, 360, 60)]
    views += [("top", 0, 90), ("bottom", 0, -90)]
    pictures = [
        _captioned(_view(textured, np.radians(turn), np.radians(elevation)), words) for words, turn, elevation in views
    ]
    sheet = np.concatenate([np.concatenate(row, axis=1) for row in (pictures[:4], pictures[4:])])
    if not cv2.imwrite(str(path), sheet[..., ::-1]):
        raise UserError(f"{path}: the turntable picture cannot be written; is the directory writable?")


def viewing_axes(turn: float, elevation: float) -> FloatArray:
    """Rows right, down and forward (3, 3) of a camera that looks at the origin, in the object's frame.

    At turn 0 it looks from -y, x to the right and z upwards; ``turn`` moves it counter-clockwise seen from above.
    """
    backward = np.array([np.sin(turn) * np.cos(elevation), -np.cos(turn) * np.cos(elevation), np.sin(elevation)])
    right = np.array([np.cos(turn), np.sin(turn), 0.0])
    return np.stack([right, np.cross(-backward, right), -backward])


def _view(mesh: TexturedMesh, turn: float, elevation: float) -> Image:
    """The object (S, S, 3) by parallel rays, its longest diagonal across the picture."""
    axes = viewing_axes(turn, elevation).astype(np.float32)
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    radius = np.linalg.norm(high - low) / 2
    steps = (np.arange(_SIZE, dtype=np.float32) + 0.5) / _SIZE * 2 - 1
    across, down = np.meshgrid(steps * radius, steps * radius)
    plane = np.stack([across.ravel(), down.ravel(), np.full(across.size, -2 * radius)], axis=1).astype(np.float32)
    origins = plane @ axes + (low + high) / 2
    hits = mesh.rays.cast(origins, np.broadcast_to(axes[2], origins.shape))
    seen = hits.face >= 0
    picture = np.full((_SIZE * _SIZE, 3), _PAPER, dtype=np.uint8)
    picture[seen] = _lit(mesh, hits.face[seen], hits.barycentric[seen], axes, _SIZE / (2 * float(radius)))
    return picture.reshape(_SIZE, _SIZE, 3)


def _lit(mesh: TexturedMesh, face: IntArray, barycentric: FloatArray, axes: FloatArray, scale: float) -> Image:
    """Colours (N, 3) of surface points under one lamp that goes with the camera."""
    normals = np.einsum("nk,nkc->nc", barycentric, mesh.corner_normals[face]) @ axes.T
    count, none = len(face), np.zeros(len(face), dtype=np.float32)
    albedo = linear_of_bytes(mesh.colours(face, barycentric, scale))
    surface = Surface(normals, albedo, none, np.ones(count, np.float32), np.zeros((count, 3), np.float32))
    towards = np.broadcast_to(np.array([0, 0, -1], np.float32), (count, 3))
    everywhere = np.ones(count, np.float32)
    light = shade(surface, towards, (_LIGHT,), np.full(3, 0.35), lit=everywhere, openness=everywhere)
    return (linear_to_srgb(light) * 255 + 0.5).astype(np.uint8)


def _captioned(picture: Image, words: str) -> Image:
    return np.asarray(
        cv2.putText(picture, words, (8, _SIZE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (70, 70, 70), 1, cv2.LINE_AA)
    )
