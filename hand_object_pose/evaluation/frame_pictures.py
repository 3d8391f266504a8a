"""Pictures of one frame for the report: meshes over the image, the truth beside it, and both meshes turned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.result import Box, HandObjectEstimate
from hand_object_pose.evaluation.jpeg import encode_jpeg
from hand_object_pose.evaluation.overlay import HAND_COLOUR, OBJECT_COLOUR, draw_estimates, draw_meshes
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points

ColourImage = NDArray[np.uint8]

LARGEST_WIDTH = 640
# A picture of 640x480 has about half of it; only images full of noise are compressed more strongly.
_LARGEST_BYTES = 100_000
_TILE = 240
# The virtual camera's distance in radii of what it shows, and the share of a tile that this fills.
_DISTANCE, _FILLED = 4.0, 0.9


@dataclass(frozen=True)
class Seen:
    """A frame as it is kept until its pictures are drawn.

    Attributes:
        image: (H, W, 3) RGB, no wider than ``LARGEST_WIDTH``; camera: of it.
        estimate: valid or not; truth: in the same form, if it is known.
    """

    image: ColourImage
    camera: Camera
    estimate: HandObjectEstimate
    truth: HandObjectEstimate | None


def shrunk(image: ColourImage, camera: Camera, estimate: HandObjectEstimate, truth: HandObjectEstimate | None) -> Seen:
    """Copy a frame, smaller where it is wide."""
    width = min(LARGEST_WIDTH, camera.width)
    height = max(1, round(camera.height * width / camera.width))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    if estimate.box is not None:
        estimate = replace(estimate, box=_resized(estimate.box, width / camera.width, height / camera.height))
    return Seen(small, camera.resized(width, height), estimate, truth)


def draw_frame(seen: Seen, weights: WeightsInfo) -> dict[str, bytes]:
    """JPEG files by name: "estimate" and, if known, "truth" over the image; "turned": the estimate's meshes, if any."""
    known = {"estimate": seen.estimate} | ({} if seen.truth is None else {"truth": seen.truth})
    pictures = {
        name: draw_estimates(seen.image, seen.camera, [pair], weights.hand, weights.objects)
        for name, pair in known.items()
    }
    meshes = meshes_of(seen.estimate, weights)
    if meshes:
        pictures["turned"] = turned_views(list(meshes.values()), [_COLOURS[name] for name in meshes])
    return {name: encode_jpeg(picture, _LARGEST_BYTES) for name, picture in pictures.items()}


def meshes_of(pair: HandObjectEstimate, weights: WeightsInfo) -> dict[str, TriangleMesh]:
    """The meshes "hand" and "object" of an estimate, as far as it has them; metres, camera frame."""
    meshes = {}
    if pair.hand is not None:
        meshes["hand"] = TriangleMesh(pair.hand.vertices, weights.hand.faces_of(pair.hand.side))
    if pair.object is not None and pair.object.name in weights.objects:
        model = weights.objects[pair.object.name]
        meshes["object"] = TriangleMesh(transform_points(pair.object.pose, model.vertices), model.faces)
    return {name: mesh for name, mesh in meshes.items() if np.isfinite(mesh.vertices).all()}


def turned_views(meshes: Sequence[TriangleMesh], colours: Sequence[tuple[int, int, int]]) -> ColourImage:
    """Meshes as seen from the camera, and turned about its vertical by 90, 180 and 270 degrees (the paper's Figure 3).

    Returns:
        (240, 960, 3), RGB, four views side by side.
    """
    points = np.concatenate([mesh.vertices for mesh in meshes]).astype(float)
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    # A sphere of this radius at this distance just fills its share of the tile.
    focal = _FILLED * _TILE / 2 * np.sqrt(_DISTANCE**2 - 1)
    middle = (_TILE - 1) / 2
    camera = Camera(np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]]), _TILE, _TILE)
    tiles = []
    for angle in (0, 90, 180, 270):
        turn = Rotation.from_euler("y", angle, degrees=True).as_matrix()
        away = np.array([0.0, 0.0, _DISTANCE * radius])
        placed = [(mesh.vertices - centre) @ turn.T + away for mesh in meshes]
        tile = np.full((_TILE, _TILE, 3), 255, np.uint8)
        draw_meshes(tile, camera, [(v, m.faces, c) for v, m, c in zip(placed, meshes, colours, strict=True)])
        tiles.append(tile)
    return np.concatenate(tiles, axis=1)


_COLOURS = {"hand": HAND_COLOUR, "object": OBJECT_COLOUR}


def _resized(box: Box, x: float, y: float) -> Box:
    return Box(box.x_min * x, box.y_min * y, box.x_max * x, box.y_max * y)
