"""Pictures of one frame for the report: meshes over the image, the truth beside it, and both meshes turned."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.result import Box, HandObjectEstimate
from hand_object_pose.evaluation.drawing.jpeg import encode_jpeg
from hand_object_pose.evaluation.drawing.overlay import MESH_COLOURS, draw_estimates
from hand_object_pose.evaluation.drawing.turned_views import ColouredMesh, view_tiles
from hand_object_pose.evaluation.report.attention_view import AttentionShares, attention_picture
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points

ColourImage = NDArray[np.uint8]

LARGEST_WIDTH = 640
# A picture of 640x480 has about half of it; only images full of noise are compressed more strongly.
_LARGEST_BYTES = 100_000


@dataclass(frozen=True)
class Seen:
    """A frame as it is kept until its pictures are drawn.

    Attributes:
        image: (H, W, 3) RGB, no wider than ``LARGEST_WIDTH``; camera: of it.
        estimate: valid or not; truth: in the same form, if it is known.
        network_input: (1, 3, S, S), the crop that the network was shown; None where it is not known.
    """

    image: ColourImage
    camera: Camera
    estimate: HandObjectEstimate
    truth: HandObjectEstimate | None
    network_input: NDArray[np.float32] | None = None


def shrunk(
    image: ColourImage,
    camera: Camera,
    estimate: HandObjectEstimate,
    truth: HandObjectEstimate | None,
    network_input: NDArray[np.float32] | None = None,
) -> Seen:
    """Copy a frame, smaller where it is wide."""
    width = min(LARGEST_WIDTH, camera.width)
    height = max(1, round(camera.height * width / camera.width))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    if estimate.box is not None:
        estimate = replace(estimate, box=_resized(estimate.box, width / camera.width, height / camera.height))
    return Seen(small, camera.resized(width, height), estimate, truth, network_input)


def draw_frame(seen: Seen, weights: WeightsInfo, shares: AttentionShares | None = None) -> dict[str, bytes]:
    """JPEG files by name.

    "estimate" and, if known, "truth" over the image; "turned": the estimate's meshes, if any; "attention" on them, if
    it is known.
    """
    known = {"estimate": seen.estimate} | ({} if seen.truth is None else {"truth": seen.truth})
    pictures = {
        name: draw_estimates(seen.image, seen.camera, [pair], weights.hand, weights.objects)
        for name, pair in known.items()
    }
    meshes = meshes_of(seen.estimate, weights)
    if meshes:
        pictures["turned"] = view_tiles([ColouredMesh(mesh, MESH_COLOURS[name]) for name, mesh in meshes.items()])
    if shares is not None:
        pictures["attention"] = attention_picture(shares, meshes)
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


def _resized(box: Box, x: float, y: float) -> Box:
    return Box(box.x_min * x, box.y_min * y, box.x_max * x, box.y_max * y)
