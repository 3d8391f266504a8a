"""Twenty poses of a hand model as one picture, to look at: does it read as a hand, do the joints keep their volume?"""

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.ray.ray_pyembree import RayMeshIntersector

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.meshes import vertex_normals
from hand_object_pose.hand.flexion import abduction_axes, flexion_axes
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.mano_layer import ManoLayer

_CELL = 170
_SIDES_CUT = 10
_SPAN = 0.24
_COLUMNS = 5
_SKIN = np.array([0.93, 0.72, 0.60])
_INSIDE = np.array([0.35, 0.25, 0.55])
# Viewing direction and up: the palm from the little finger's side, and the back from the thumb's side.
_VIEWS = (((-0.3, 0.8, 0.5), (-1.0, 0.0, 0.0)), ((-0.2, -0.75, -0.65), (-1.0, 0.0, 0.0)))

_OPEN, _FIST, _HALF = (0, 0, 0), (82, 100, 60), (40, 45, 28)
_THUMB_OVER, _THUMB_OUT = ((4, 35, 66), -18, -2), ((0, 0, 0), 0, 0)
# Flexion (three joints) of index, middle, ring, little; spread; thumb: flexion, its joints' abduction, in degrees.
_POSES: dict[str, tuple[tuple[tuple[int, int, int], ...], int, tuple[tuple[int, int, int], int, int]]] = {
    "rest": ((_OPEN,) * 4, 0, _THUMB_OUT),
    "spread": ((_OPEN,) * 4, 14, ((-5, -5, -5), 12, 0)),
    "fingers together": ((_OPEN,) * 4, -5, ((10, 0, 0), -20, 0)),
    "relaxed": (((20, 28, 15), (25, 32, 18), (28, 34, 20), (30, 34, 20)), 0, ((8, 10, 12), 0, 0)),
    "fist": ((_FIST,) * 4, -3, _THUMB_OVER),
    "point": ((_OPEN, _FIST, _FIST, _FIST), 0, _THUMB_OVER),
    "victory": (((0, 0, 0), (0, 0, 0), _FIST, _FIST), 8, ((40, 30, 40), 0, 0)),
    "thumb up": ((_FIST,) * 4, -3, ((-10, -5, -10), 0, 0)),
    "pinch": (((48, 52, 28), (25, 25, 12), (15, 20, 10), (10, 15, 10)), 0, ((22, 14, 22), 0, 0)),
    "tripod": (((48, 48, 25), (50, 48, 25), (30, 40, 20), (25, 35, 20)), 0, ((28, 12, 20), 0, 0)),
    "power grasp": ((_HALF,) * 4, 2, ((15, 10, 15), 8, 0)),
    "tight power grasp": (((60, 65, 40),) * 4, 0, ((28, 20, 30), 0, 0)),
    "ball": (((25, 35, 25),) * 4, 10, ((10, 5, 20), 12, 0)),
    "hook": (((5, 95, 60),) * 4, 0, ((0, 0, 10), -10, 0)),
    "key grip": (((55, 75, 40), (65, 80, 45), (70, 85, 45), (72, 85, 45)), -3, ((5, 12, 25), -20, -10)),
    "call": ((_FIST, _FIST, _FIST, _OPEN), 0, ((-8, -8, -10), 8, 0)),
    "first joints 90": (((90, 0, 0),) * 4, 0, _THUMB_OUT),
    "second joints 90": (((0, 90, 0),) * 4, 0, ((0, 60, 0), 0, 0)),
    "third joints 90": (((0, 0, 90),) * 4, 0, ((0, 0, 80), 0, 0)),
    "bent backwards": (((-25, 0, -8),) * 4, 6, ((-15, -10, -15), 0, 0)),
}


def contact_sheet(model: HandModel) -> NDArray[np.uint8]:
    """(H, W, 3) RGB uint8: each pose from two sides, with its name."""
    layer = ManoLayer(model)
    cells = [_cell(name, layer(_pose(model, *angles)).vertices[0], model) for name, angles in _POSES.items()]
    rows = [np.hstack(cells[start : start + _COLUMNS]) for start in range(0, len(cells), _COLUMNS)]
    return np.vstack(rows)


def _pose(
    model: HandModel,
    fingers: tuple[tuple[int, int, int], ...],
    spread: int,
    thumb: tuple[tuple[int, int, int], int, int],
) -> FloatArray:
    index, middle, ring, little = fingers
    flexion = np.deg2rad([*index, *middle, *little, *ring, *thumb[0]])
    abduction = np.deg2rad([spread, 0, 0, 0, 0, 0, spread, 0, 0, spread / 2, 0, 0, thumb[1], thumb[2], 0])
    vectors = flexion[:, None] * flexion_axes(model) + abduction[:, None] * abduction_axes(model)
    return np.concatenate([np.zeros(3), vectors.ravel()])[None]


def _cell(name: str, vertices: FloatArray, model: HandModel) -> NDArray[np.uint8]:
    views = [_shaded(vertices, model, np.array(view), np.array(up)) for view, up in _VIEWS]
    views = [view[:, _SIDES_CUT:-_SIDES_CUT] for view in views]
    picture = np.ascontiguousarray((np.hstack(views) * 255).astype(np.uint8))
    cv2.putText(picture, name, (6, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    return picture


def _shaded(vertices: FloatArray, model: HandModel, view: FloatArray, up: FloatArray) -> FloatArray:
    """(cell, cell, 3) in [0, 1]: orthographic, smooth normals, one lamp; two rays a pixel each way."""
    view = view / np.linalg.norm(view)
    up = up - view * (up @ view)
    up /= np.linalg.norm(up)
    right, size = np.cross(view, up), 2 * _CELL
    steps = ((np.arange(size) + 0.5) / size - 0.5) * _SPAN
    across, down = np.meshgrid(steps, steps)
    centre = np.array([-0.08, -0.012, 0.0])
    origins = centre + across.reshape(-1, 1) * right - down.reshape(-1, 1) * up - 0.5 * view
    mesh = trimesh.Trimesh(vertices, model.faces, process=False)
    face = RayMeshIntersector(mesh).intersects_first(origins, np.tile(view, (len(origins), 1)))
    hit = np.flatnonzero(face >= 0)
    picture = np.ones((size * size, 3))
    picture[hit] = _colours(mesh, vertices, face[hit], origins[hit], view, -view + 0.5 * up - 0.5 * right)
    return picture.reshape(_CELL, 2, _CELL, 2, 3).mean(axis=(1, 3))


def _colours(
    mesh: trimesh.Trimesh,
    vertices: FloatArray,
    face: FloatArray,
    origins: FloatArray,
    view: FloatArray,
    lamp: FloatArray,
) -> FloatArray:
    flat = mesh.face_normals[face]
    corners = mesh.triangles[face]
    depth = np.einsum("ij,ij->i", corners[:, 0] - origins, flat) / (flat @ view)
    weights = trimesh.triangles.points_to_barycentric(corners, origins + depth[:, None] * view)
    normals = np.einsum("ij,ijk->ik", weights, vertex_normals(vertices, mesh.faces)[mesh.faces[face]])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = 0.3 + 0.7 * np.clip(normals @ (lamp / np.linalg.norm(lamp)), 0, 1)
    colours = _SKIN * light[:, None]
    colours[flat @ view > 0] = _INSIDE
    return np.clip(colours, 0, 1)
