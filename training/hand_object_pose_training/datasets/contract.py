"""What every reader's frames have to be: a check that shares no code with any reader.

Run it on a new reader before training on it. It compares annotations with the pictures and with the hand model, and
says in words what does not fit: a wrong unit, camera frame, joint order, side, box or depth.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.datasets.hands import Hands


@dataclass(frozen=True)
class ContractLimits:
    """Bounds; lengths in metres, pixels as such.

    Attributes:
        depth: of the wrist; hand_length: from the wrist to the base of the middle finger.
        joint: of an annotated joint to the one regressed from the mesh, which blend skinning draws inwards by 13 mm
            where a finger is bent as far as it goes; fingertip: the same of fingertips, which datasets choose freely.
        in_mask: least share of the hand's vertices that project onto the mask of hand and object.
        box: of the box's edges to those of the projected vertices, pixels.
        surface: of the measured depth to a vertex; on_surface: least share of the vertices so near, and least share
            that does not lie in front of the measured surface by more than that.
    """

    depth: tuple[float, float] = (0.1, 3.0)
    hand_length: tuple[float, float] = (0.05, 0.15)
    joint: float = 0.015
    fingertip: float = 0.024
    in_mask: float = 0.75
    box: float = 3.0
    surface: float = 0.012
    on_surface: float = 0.03
    not_in_front: float = 0.8


def check_frames(
    frames: Iterable[AnnotatedFrame],
    hands: Hands,
    catalogue: Mapping[str, ObjectModel],
    limits: ContractLimits | None = None,
) -> list[str]:
    """What is wrong with some frames of a reader, "key: problem"; [] if nothing is.

    Args:
        frames: with boxes, as those of a ``PreparedIndex``.
        hands: the hand models of the annotations; catalogue: the objects.
        limits: see ``ContractLimits``.

    Raises:
        FileProblemError: an image cannot be read.
    """
    keys: set[str] = set()
    problems: list[str] = []
    for frame in frames:
        if frame.key in keys:
            problems.append(f"{frame.key}: key: occurs twice")
        keys.add(frame.key)
        problems += [f"{frame.key}: {problem}" for problem in check_frame(frame, hands, catalogue, limits)]
    return problems


def check_frame(
    frame: AnnotatedFrame, hands: Hands, catalogue: Mapping[str, ObjectModel], limits: ContractLimits | None = None
) -> list[str]:
    """What is wrong with one frame; see ``check_frames``."""
    limits = limits or ContractLimits()
    model = catalogue.get(frame.object_name)
    if model is None:
        return [f"object: '{frame.object_name}' is not in the catalogue"]
    frame = frame.posed(hands)
    problems = [*_units(frame, limits), *_image(frame), *_object(frame, model)]
    if problems:
        # What follows projects points, and would only say the same again.
        return problems
    hand = hands.model(frame.side)
    if frame.hand_vertices is not None:
        problems += [*_joints(frame.joints, frame.hand_vertices, hand, limits), *_side(frame.hand_vertices, hand)]
    thing = model.vertices @ frame.object_pose[:3, :3].T + frame.object_pose[:3, 3]
    vertices = thing if frame.hand_vertices is None else np.concatenate([thing, frame.hand_vertices])
    return problems + _box(frame, vertices, limits) + _mask(frame, limits) + _depth(frame, vertices, limits)


def _units(frame: AnnotatedFrame, limits: ContractLimits) -> list[str]:
    wrist = frame.joints[0]
    if not np.isfinite(wrist).all():
        return ["joints: expected a finite wrist"]
    problems = []
    if frame.root_depth < 0:
        problems.append("frame: the wrist is behind the camera; expected OpenCV's frame with z forward, not OpenGL's")
    elif not limits.depth[0] <= frame.root_depth <= limits.depth[1]:
        problems.append(f"units: the wrist is {frame.root_depth:g} away; expected metres")
    length = np.linalg.norm(frame.joints[9] - wrist)
    if np.isfinite(length) and not limits.hand_length[0] <= length <= limits.hand_length[1]:
        problems.append(f"units or joint order: from the wrist to the middle finger's base it is {length:g} m")
    if frame.hand_vertices is not None and not np.isfinite(frame.hand_vertices).all():
        problems.append("hand_vertices: expected finite numbers, or None")
    return problems


def _image(frame: AnnotatedFrame) -> list[str]:
    image, camera = frame.image(), frame.camera
    problems = []
    if image.shape != (camera.height, camera.width, 3) or image.dtype != np.uint8:
        problems.append(
            f"image: expected uint8 of {(camera.height, camera.width, 3)}, found {image.dtype} {image.shape}"
        )
    focal, centre = camera.matrix[0, 0], camera.matrix[:2, 2]
    if not 0.3 * camera.width < focal < 5 * camera.width:
        problems.append(f"camera: a focal length of {focal:g} pixels does not fit a width of {camera.width}")
    if not (centre > 0).all() or not (centre < (camera.width, camera.height)).all():
        problems.append(f"camera: expected the principal point inside the image, found {centre}")
    return problems


def _object(frame: AnnotatedFrame, model: ObjectModel) -> list[str]:
    rotation = frame.object_pose[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or not np.linalg.det(rotation) > 0:
        return ["object_pose: expected a rotation matrix"]
    depth = (model.vertices @ rotation[2] + frame.object_pose[2, 3]).min()
    if not 0.05 < depth < 5:
        return [f"object_pose: the object's nearest point has z = {depth:g}; expected metres, z forward"]
    return []


def _joints(joints: FloatArray, vertices: FloatArray, hand: HandModel, limits: ContractLimits) -> list[str]:
    """Each annotated joint must be the nearest one to the joint that the mesh has in that place."""
    if not np.isfinite(joints).all():
        return []
    regressed = hand.joint_regressor21 @ vertices
    distances = np.linalg.norm(regressed[:, None] - joints[None], axis=2)
    strangers = np.flatnonzero(distances.argmin(axis=1) != np.arange(21))
    if len(strangers) > 2:
        return [f"joint order: {len(strangers)} of 21 joints lie nearest to others: {strangers.tolist()}"]
    allowed = np.where(np.isin(np.arange(21), (4, 8, 12, 16, 20)), limits.fingertip, limits.joint)
    far = np.flatnonzero(np.diagonal(distances) > allowed)
    return [f"joints: {far.tolist()} are up to {np.diagonal(distances).max():.3f} m off the mesh"] if len(far) else []


def _side(vertices: FloatArray, hand: HandModel) -> list[str]:
    """The palm hardly bends: only a mirrored palm needs a reflection to be aligned with the model's."""
    palm = hand.finger_labels == -1
    posed, rest = vertices[palm], hand.v_template[palm]
    u, _, vt = np.linalg.svd((posed - posed.mean(axis=0)).T @ (rest - rest.mean(axis=0)))
    return [f"side: the vertices are not those of a {hand.side} hand"] if np.linalg.det(u @ vt) < 0 else []


def _box(frame: AnnotatedFrame, vertices: FloatArray, limits: ContractLimits) -> list[str]:
    """With the whole hand known the box is tight; else it must hold the object."""
    size = np.array([frame.camera.width, frame.camera.height] * 2) - 0.5
    pixels = vertices @ frame.camera.matrix.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    tight = np.clip(np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]), -0.5, size)
    outside = np.concatenate([frame.box[:2] - tight[:2], tight[2:] - frame.box[2:]])
    if not (outside <= limits.box).all():
        return [f"box: {np.round(frame.box)} does not hold hand and object, which project to {np.round(tight)}"]
    if frame.hand_vertices is not None and (outside < -limits.box).any():
        return [f"box: {np.round(frame.box)} is larger than hand and object, which project to {np.round(tight)}"]
    return []


def _mask(frame: AnnotatedFrame, limits: ContractLimits) -> list[str]:
    """The hand's vertices must project onto hand or object: the latter may hide them."""
    mask = frame.mask()
    if mask is None or frame.hand_vertices is None:
        return []
    inside, columns, rows = _pixels(frame, frame.hand_vertices)
    if not (mask == 2).any():
        return ["mask: no pixel shows the hand"]
    share = float((mask[rows, columns] > 0).mean()) if inside.any() else 1.0
    return [] if share >= limits.in_mask else [f"projection: {share:.0%} of the hand's vertices lie on the mask"]


def _depth(frame: AnnotatedFrame, vertices: FloatArray, limits: ContractLimits) -> list[str]:
    """Seen vertices lie on the measured surface, hidden ones behind it, none in front."""
    depth = frame.depth()
    if depth is None:
        return []
    inside, columns, rows = _pixels(frame, vertices)
    measured, expected = depth[rows, columns], vertices[inside, 2]
    behind = (expected - measured)[measured > 0]
    if len(behind) < 20:
        return ["depth: hardly any vertex projects onto measured depth"]
    seen, fits = (np.abs(behind) < limits.surface).mean(), (behind > -limits.surface).mean()
    if seen >= limits.on_surface and fits >= limits.not_in_front:
        return []
    ratio = float(np.median(measured[measured > 0] / expected[measured > 0]))
    return [f"depth: {seen:.0%} of the vertices lie on the measured surface; measured over expected: {ratio:.3g}"]


def _pixels(frame: AnnotatedFrame, points: FloatArray) -> tuple[NDArray[np.bool_], NDArray, NDArray]:
    """Which of points (N, 3) project into the image, and their columns and rows."""
    pixels = points @ frame.camera.matrix.T
    pixels = np.round(pixels[:, :2] / pixels[:, 2:]).astype(int)
    inside = np.all((pixels >= 0) & (pixels < (frame.camera.width, frame.camera.height)), axis=1)
    return inside, pixels[inside, 0], pixels[inside, 1]
