"""Draws estimates over the image they were made from, quickly enough for a live picture."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.drawing.painting import fill_triangles
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.projection import distort
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel

# RGB of a mesh, or (F, 3) of its faces.
Colour = tuple[int, int, int] | FloatArray

HAND_COLOUR = (235, 175, 140)
OBJECT_COLOUR = (90, 160, 225)
MESH_COLOURS = {
    "hand": HAND_COLOUR,
    "object": OBJECT_COLOUR,
    "true hand": (159, 217, 154),
    "true object": (201, 160, 220),
}
BOX_COLOUR = (255, 220, 60)
CONTACT_COLOUR = (215, 30, 30)
# Of the words about an estimate, pixels.
_LINE_HEIGHT = 16


def draw_estimates(
    image: NDArray[np.uint8],
    camera: Camera,
    pairs: Sequence[HandObjectEstimate],
    hand: HandModel,
    objects: Mapping[str, ObjectModel],
    opacity: float = 0.6,
) -> NDArray[np.uint8]:
    """A copy of an image (H, W, 3) with meshes, contacts, boxes, and the reasons why something is not valid.

    Args:
        image: RGB as the camera took it.
        camera: of that image; its distortion is applied to what is drawn.
        pairs: estimates; a mesh is drawn also for those that are not valid, if there is one.
        hand: the model that the estimates were made with, of either side.
        objects: models by id.
        opacity: of the meshes, 0 to 1.
    """
    painted = image.copy()
    for pair in pairs:
        draw_meshes(painted, camera, _meshes(pair, hand, objects))
    result = cv2.addWeighted(painted, opacity, image, 1 - opacity, 0)
    for number, pair in enumerate(pairs):
        _annotate(result, camera, pair, number)
    return result


def draw_meshes(
    image: NDArray[np.uint8], camera: Camera, meshes: Sequence[tuple[FloatArray, IntArray, Colour]]
) -> None:
    """Paint meshes (vertices (V, 3) metres in the camera's frame, faces, colour) from far to near, in place."""
    shown = []
    for vertices, faces, colour in meshes:
        if vertices[:, 2].min() > 0:
            towards = _towards_camera(vertices[faces])
            colours = np.broadcast_to(np.asarray(colour, float), (len(faces), 3))[towards]
            shown.append((vertices, faces[towards], _shades(vertices[faces[towards]], colours)))
    fill_triangles(image, camera, shown, cv2.LINE_AA)


def _meshes(
    pair: HandObjectEstimate, hand: HandModel, objects: Mapping[str, ObjectModel]
) -> list[tuple[FloatArray, IntArray, Colour]]:
    meshes: list[tuple[FloatArray, IntArray, Colour]] = []
    if pair.object is not None and pair.object.name in objects:
        model = objects[pair.object.name]
        meshes.append((transform_points(pair.object.pose, model.vertices), model.faces, OBJECT_COLOUR))
    if pair.hand is not None:
        meshes.append((pair.hand.vertices, hand.faces_of(pair.hand.side), HAND_COLOUR))
    return meshes


def _towards_camera(corners: FloatArray) -> NDArray[np.bool_]:
    """(F,) whether triangles (F, 3, 3) show the camera their outside; the others are hidden by these."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.einsum("ij,ij->i", normals, corners[:, 0]) < 0


def _shades(corners: FloatArray, colours: FloatArray) -> FloatArray:
    """(F, 3) colours of triangles of these colours (F, 3) lit from the camera."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    facing = np.abs(normals[:, 2]) / np.maximum(lengths, 1e-12)
    return (0.35 + 0.65 * facing)[:, None] * colours


def _annotate(image: NDArray[np.uint8], camera: Camera, pair: HandObjectEstimate, number: int) -> None:
    if pair.box is not None:
        corners = np.array([[pair.box.x_min, pair.box.y_min], [pair.box.x_max, pair.box.y_max]]).round().astype(int)
        cv2.rectangle(image, corners[0].tolist(), corners[1].tolist(), BOX_COLOUR, 1)
    if pair.contacts is not None and len(pair.contacts.points):
        for x, y in distort(camera, pair.contacts.points).round().astype(int).tolist():
            cv2.circle(image, (x, y), 2, CONTACT_COLOUR, -1, cv2.LINE_AA)
    name = pair.object.name if pair.object is not None else ""
    _write(image, f"{name} {pair.confidence:.2f}" if pair.valid else f"not valid: {pair.reason}", number)


def _write(image: NDArray[np.uint8], text: str, line: int) -> None:
    """White letters with a black border, in place; OpenCV's thick letters are wider than thin ones and make none."""
    rows = image[_LINE_HEIGHT * line :][: 2 * _LINE_HEIGHT]
    letters = np.zeros(rows.shape[:2], np.uint8)
    cv2.putText(letters, text, (6, _LINE_HEIGHT), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1, cv2.LINE_AA)
    for mask, colour in ((cv2.dilate(letters, np.ones((3, 3), np.uint8)), 0), (letters, 255)):
        opacity = mask[..., None] / 255
        rows[:] = np.rint(rows * (1 - opacity) + colour * opacity)
