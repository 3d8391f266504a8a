"""Which parts of hand and object attend to each other: numbers by vertex, and their picture (the paper's Figure 1)."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.attention import AttentionMaps
from hand_object_pose.evaluation.drawing.turned_views import ColouredMesh, view_tiles
from hand_object_pose.geometry.meshes import TriangleMesh

CONTACT_DISTANCE = 0.01
"""Metres: the paper's choice of vertices whose attention is shown."""
_FRONT_AND_BACK = (0, 180)


@dataclass(frozen=True)
class AttentionShares:
    """What the vertices at the contact attend to on the other mesh, on average; 1 is an even share.

    Attributes:
        on_hand: (778,), on_object: (1000,); each has the mean 1; None where no map is known.
        hand_vertices, object_vertices: how many of each are at the contact; 0: none was, and the mean is over all.
    """

    on_hand: FloatArray | None
    on_object: FloatArray | None
    hand_vertices: int
    object_vertices: int

    @property
    def caption(self) -> str:
        """How many vertices were asked, and how much red is."""
        asked = f"attention of {self.hand_vertices} hand and {self.object_vertices} object vertices within 1 cm"
        if not self.hand_vertices:
            asked = "attention of all vertices, as none is within 1 cm of the other mesh"
        shares = {"hand": self.on_hand, "object": self.on_object}
        red = ", ".join(f"{name} {array.max():.1f}" for name, array in shares.items() if array is not None)
        return f"{asked}: red is {red} times an even share"


def attention_shares(maps: AttentionMaps, hand: TriangleMesh, thing: TriangleMesh) -> AttentionShares:
    """Mean rows of the vertices nearer than ``CONTACT_DISTANCE`` to a vertex of the other mesh, as the paper has them.

    Args:
        maps: of this frame.
        hand, thing: the estimated meshes, posed, in the same frame; 778 and 1000 vertices, as in the maps.
    """
    near_hand = cKDTree(thing.vertices).query(hand.vertices)[0] < CONTACT_DISTANCE
    near_thing = cKDTree(hand.vertices).query(thing.vertices)[0] < CONTACT_DISTANCE
    counts = int(near_hand.sum()), int(near_thing.sum())
    if not counts[0]:
        near_hand[:], near_thing[:] = True, True
    return AttentionShares(_mean_row(maps.to_object, near_thing), _mean_row(maps.to_hand, near_hand), *counts)


def attention_picture(shares: AttentionShares, meshes: Mapping[str, TriangleMesh]) -> NDArray[np.uint8]:
    """Hand and object alone, each as the camera sees it and from behind; blue: no attention, red: the most.

    Args:
        shares: see there.
        meshes: "hand" and "object".

    Returns:
        (240, 960, 3), RGB; a mesh without attention is grey.
    """
    values = {"hand": shares.on_hand, "object": shares.on_object}
    tiles = [
        view_tiles([ColouredMesh(meshes[name], heat_colours(meshes[name], values[name]))], _FRONT_AND_BACK)
        for name in values
    ]
    return np.concatenate(tiles, axis=1)


def heat_colours(mesh: TriangleMesh, values: FloatArray | None) -> FloatArray:
    """RGB (F, 3) of a mesh's faces by values (V,) at its vertices, from 0 (blue) to the largest one (red)."""
    if values is None:
        return np.full((len(mesh.faces), 3), 200.0)
    scaled = values[mesh.faces].mean(axis=1) / max(float(values.max()), 1e-12)
    levels = np.round(255 * scaled).astype(np.uint8)
    return cv2.applyColorMap(levels[:, None], cv2.COLORMAP_JET)[:, 0, ::-1].astype(float)


def _mean_row(attention: FloatArray | None, rows: NDArray[np.bool_]) -> FloatArray | None:
    return None if attention is None else attention[rows].mean(axis=0) * attention.shape[1]
