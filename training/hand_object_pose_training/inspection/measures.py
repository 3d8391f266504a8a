"""How far one frame's sample is from the pictures and from what the files say."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.errors import UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.inspection.plain_frame import EITHER, HAND, OBJECT, OTHER, PlainFrame
from hand_object_pose_training.inspection.seen_surface import Mesh, draw, projected

Measures = dict[str, FloatArray]
"""Numbers by name, one dimension each; a name is missing where there was nothing to measure:

seen_hand, seen_object: the share of the vertices that are seen, one number a frame;
hand, object, joints: 1 or 0, whether a seen vertex (any joint) falls on the mask of its own kind (on any of both);
covered: 1 or 0, whether a seen vertex falls on the label of something that is neither, of which the others say nothing;
depth_hand, depth_object: measured minus expected at seen vertices, metres; ratio_hand, ratio_object: measured over
    expected;
inner, tips: joints to the MANO layer's of the annotated parameters, metres; regressed: inner joints to those that the
    regressor takes from the mesh, where there are no parameters;
pixels: projected joints to the annotated pixels; corners: annotated corners of the object's box to its mesh's, metres;
reader: sample to the files, metres, of joints, hand, object and depth; shift: of their pixels by its camera's error;
relabelled: pixels whose label the reader gives otherwise.
"""

# What is measured by so much before the object, metres, may be a hand that is not known.
_IN_FRONT = 0.02
_KINDS = (("object", OBJECT), ("hand", HAND))
_TIPS = np.isin(np.arange(21), (4, 8, 12, 16, 20))


def measured(frame: AnnotatedFrame, plain: PlainFrame, hand: HandModel, model: ObjectModel) -> Measures:
    """All that can be measured of one frame.

    Args:
        frame: as training reads it: posed, a left hand mirrored; plain: the same from the files, mirrored likewise.
        hand: the right hand model; model: the frame's object.

    Raises:
        UserError: hand or object reaches behind the camera.
    """
    meshes = posed_meshes(frame, hand, model)
    if min(vertices[:, 2].min() for vertices, _ in meshes) <= 0:
        raise UserError("hand or object reaches behind the camera, where nothing can be projected")
    found = _against_pictures(frame, meshes, plain)
    found |= _joints_on_mask(frame, plain)
    found |= _against_annotations(frame, plain, hand, model)
    found |= _against_files(frame, plain, model)
    return {name: np.atleast_1d(values).astype(float) for name, values in found.items() if np.size(values)}


def posed_meshes(frame: AnnotatedFrame, hand: HandModel, model: ObjectModel) -> list[Mesh]:
    """The object and, where it is known, the hand, in the camera's frame; arguments as for ``measured``."""
    meshes: list[Mesh] = [(_moved(frame.object_pose, model.vertices), model.faces)]
    return meshes if frame.hand_vertices is None else [*meshes, (frame.hand_vertices, hand.faces)]


def pooled(measures: Sequence[Measures]) -> Measures:
    """The numbers of several frames together."""
    names = dict.fromkeys(name for each in measures for name in each)
    return {name: np.concatenate([each[name] for each in measures if name in each]) for name in names}


def _against_pictures(frame: AnnotatedFrame, meshes: Sequence[Mesh], plain: PlainFrame) -> dict[str, NDArray]:
    """Seen vertices on mask and depth image; behind something that is neither hand nor object nothing can be told."""
    surface = draw(frame.camera.matrix, (frame.camera.width, frame.camera.height), meshes)
    found: dict[str, NDArray] = {"covered": np.zeros(0, bool)}
    for number, ((vertices, _), (name, own)) in enumerate(zip(meshes, _KINDS, strict=False)):
        pixels = np.round(projected(vertices, frame.camera.matrix)).astype(int)
        seen = surface.sees(number, vertices, pixels)
        found[f"seen_{name}"] = seen.mean()
        pixels, depths = pixels[seen], vertices[seen, 2]
        if plain.labels is not None:
            label = plain.labels[pixels[:, 1], pixels[:, 0]]
            found[name] = np.isin(label[label != OTHER], (own, EITHER))
            found["covered"] = np.append(found["covered"], label == OTHER)
            pixels, depths = pixels[label != OTHER], depths[label != OTHER]
        if plain.depth is not None:
            found |= _against_depth(name, pixels, depths, plain.depth, alone=len(meshes) == 1)
    return found


def _against_depth(
    name: str, pixels: IntArray, expected: FloatArray, image: FloatArray, alone: bool
) -> dict[str, NDArray]:
    """Seen vertices at pixels (N, 2), expected at depths (N,); ``alone``: a hand that is not known may hide them."""
    depth = image[pixels[:, 1], pixels[:, 0]]
    told = depth > 0
    if alone:
        told &= depth > expected - _IN_FRONT
    return {f"depth_{name}": (depth - expected)[told], f"ratio_{name}": (depth / expected)[told]}


def _joints_on_mask(frame: AnnotatedFrame, plain: PlainFrame) -> dict[str, NDArray]:
    """Joints are inside the hand, so that hand or object is seen in their place."""
    if plain.labels is None:
        return {}
    joints = frame.joints[np.isfinite(frame.joints).all(axis=1)]
    pixels = np.round(projected(joints, frame.camera.matrix)).astype(int)
    pixels = pixels[np.all((pixels >= 0) & (pixels < plain.labels.shape[::-1]), axis=1)]
    label = plain.labels[pixels[:, 1], pixels[:, 0]]
    return {"joints": label[label != OTHER] > 0}


def _against_annotations(
    frame: AnnotatedFrame, plain: PlainFrame, hand: HandModel, model: ObjectModel
) -> dict[str, NDArray]:
    found: dict[str, NDArray] = {}
    known = np.isfinite(frame.joints).all()
    if known and plain.hand_joints is not None:
        gaps = np.linalg.norm(frame.joints - plain.hand_joints, axis=1)
        found |= {"inner": gaps[~_TIPS], "tips": gaps[_TIPS]}
    elif known and frame.hand_vertices is not None:
        gaps = np.linalg.norm(frame.joints - hand.joint_regressor21 @ frame.hand_vertices, axis=1)
        found["regressed"] = gaps[~_TIPS]
    if plain.joint_pixels is not None:
        found["pixels"] = np.linalg.norm(projected(frame.joints, frame.camera.matrix) - plain.joint_pixels, axis=1)
    if plain.corners is not None:
        edges = model.vertices.min(axis=0), model.vertices.max(axis=0)
        box = _moved(frame.object_pose, np.array(list(product(*zip(*edges, strict=True)))))
        found["corners"] = np.linalg.norm(plain.corners[:, None] - box[None], axis=2).min(axis=1)
    return found


def _against_files(frame: AnnotatedFrame, plain: PlainFrame, model: ObjectModel) -> dict[str, NDArray]:
    """The sample's own values; nothing but rounding may lie between them and the files."""
    thing = _moved(frame.object_pose, model.vertices)
    gaps = [_gap(thing, _moved(plain.object_pose, model.vertices)), _gap(frame.joints, plain.joints)]
    if frame.hand_vertices is not None and plain.hand_vertices is not None:
        gaps.append(_gap(frame.hand_vertices, plain.hand_vertices))
    read = frame.depth() if plain.depth is not None else None
    if read is not None and plain.depth is not None:
        gaps.append(_gap(read, plain.depth))
    shift = _gap(projected(thing, frame.camera.matrix), projected(thing, plain.camera_matrix))
    found = {"reader": np.array(max(gaps)), "shift": np.array(shift)}
    labels = frame.mask()
    if labels is not None and plain.labels is not None:
        other = labels != np.where(plain.labels == OTHER, 0, plain.labels)
        found["relabelled"] = np.array(np.count_nonzero(other))
    return found


def _gap(sample: FloatArray, files: FloatArray) -> float:
    """The largest difference; infinite where only one of them is a number."""
    same = np.isnan(sample) & np.isnan(files)
    gaps = np.nan_to_num(np.abs(sample - files), nan=np.inf)
    return float(np.where(same, 0, gaps).max())


def _moved(pose: FloatArray, points: FloatArray) -> FloatArray:
    return points @ pose[:3, :3].T + pose[:3, 3]
