"""Pictures of meshes as the camera sees them and turned about the vertical."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.evaluation.drawing.overlay import Colour, draw_meshes
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh

ColourImage = NDArray[np.uint8]

ALL_SIDES = (0, 90, 180, 270)
_TILE = 240
# The virtual camera's distance in radii of what it shows, and the share of a tile that this fills.
_DISTANCE, _FILLED = 4.0, 0.9


@dataclass(frozen=True)
class ColouredMesh:
    """A mesh, metres, camera frame, and its colour, RGB, or those (F, 3) of its faces."""

    mesh: TriangleMesh
    colour: Colour


def view_tiles(shown: Sequence[ColouredMesh], angles: Sequence[float] = ALL_SIDES) -> ColourImage:
    """Meshes as seen from the camera, turned about its vertical by each angle, degrees (the paper's Figure 3).

    Returns:
        (240, 240 N, 3), RGB, the N views side by side.
    """
    points = np.concatenate([entry.mesh.vertices for entry in shown]).astype(float)
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    # A sphere of this radius at this distance just fills its share of the tile.
    focal = _FILLED * _TILE / 2 * np.sqrt(_DISTANCE**2 - 1)
    middle = (_TILE - 1) / 2
    camera = Camera(np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]]), _TILE, _TILE)
    away = np.array([0.0, 0.0, _DISTANCE * radius])
    tiles = []
    for angle in angles:
        turn = Rotation.from_euler("y", angle, degrees=True).as_matrix()
        tile = np.full((_TILE, _TILE, 3), 255, np.uint8)
        placed = [((entry.mesh.vertices - centre) @ turn.T + away, entry.mesh.faces, entry.colour) for entry in shown]
        draw_meshes(tile, camera, placed)
        tiles.append(tile)
    return np.concatenate(tiles, axis=1)
