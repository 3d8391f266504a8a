"""What one replayed frame is worth: the estimate, its errors, and what needs no truth."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult, HandObjectEstimate
from hand_object_pose.evaluation.depth_agreement import depth_residual, mask_agreement
from hand_object_pose.evaluation.frame_metrics import hand_metrics, object_metrics
from hand_object_pose.evaluation.frame_record import (
    IN_VIEW,
    INVALID,
    OUT_OF_VIEW,
    REFUSED,
    UNKNOWN,
    VALID,
    FrameRecord,
)
from hand_object_pose.evaluation.in_view import in_view
from hand_object_pose.evaluation.penetration import penetration_metrics, volume_metrics
from hand_object_pose.evaluation.stability import PosedPair, bone_deviations, jump_metrics
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.replay.frame_truth import FrameTruth
from hand_object_pose.replay.frames import ReplayedFrame
from hand_object_pose.replay.scored_frame import ScoredFrame

_REFUSED_HERE = "no estimate was made"


def score_frame(
    replayed: ReplayedFrame,
    result: FrameResult | None,
    truth: FrameTruth | None,
    weights: WeightsInfo,
    camera: Camera | None,
) -> ScoredFrame:
    """Everything that can be said of a frame by itself.

    Args:
        replayed: the frame.
        result: of the estimator; None where the image could not be used.
        truth: None where it is not known.
        weights: whose meshes the estimate is of.
        camera: of this frame, or of the last one that could be used; None: none yet.
    """
    stamp = replayed.planned.stamp
    seen = _truth_state(camera, truth, weights)
    if result is None or replayed.frame is None:
        return ScoredFrame(FrameRecord(stamp, REFUSED, seen, replayed.problem or _REFUSED_HERE), truth=truth)
    if not result.pairs:
        return ScoredFrame(FrameRecord(stamp, INVALID, seen, "nothing was seen"), truth=truth, timing=result.timing)
    pair = result.pairs[0]
    values: dict[str, float] = {}
    if pair.valid:
        values = _alone(replayed.frame, pair, weights)
        if truth is not None and seen == IN_VIEW:
            values |= _errors(pair, truth, weights)
    record = FrameRecord(
        stamp,
        VALID if pair.valid else INVALID,
        seen,
        pair.reason,
        pair.confidence,
        pair.object.name if pair.object else "",
        pair.track_id,
        pair.roi_source,
        float(pair.root_depth) if np.isfinite(pair.root_depth) else None,
        pair.root_depth_source,
        values,
    )
    return ScoredFrame(record, pair if pair.valid else None, truth, result.timing)


def with_stability(frames: Sequence[ScoredFrame]) -> list[ScoredFrame]:
    """The frames of a bag with ``stability.*``, which compare each valid estimate with those around it."""
    posed = [
        (number, PosedPair(_seconds(frame, frames[0]), frame.pair.track_id, frame.pair.hand.joints, frame.object_pose))
        for number, frame in enumerate(frames)
        if frame.pair is not None and frame.pair.hand is not None
    ]
    if not posed:
        return list(frames)
    pairs = [pair for _, pair in posed]
    bones = bone_deviations(np.stack([pair.joints for pair in pairs]))
    found = list(frames)
    for (number, _), deviation, jumps in zip(posed, bones, jump_metrics(pairs), strict=True):
        record = frames[number].record
        values = {**record.values, "stability.bones_percent": float(deviation), **jumps}
        found[number] = replace(frames[number], record=replace(record, values=values))
    return found


def _seconds(frame: ScoredFrame, first: ScoredFrame) -> float:
    # Since the first: a number of seconds since 1970 has no room for nanoseconds.
    return (frame.record.stamp_ns - first.record.stamp_ns) / 1e9


def _truth_state(camera: Camera | None, truth: FrameTruth | None, weights: WeightsInfo) -> str:
    if truth is None:
        return UNKNOWN
    if camera is None:
        # An image that cannot be used must not raise the availability.
        return IN_VIEW
    model = weights.objects[truth.object_name]
    return IN_VIEW if in_view(camera, model, truth.object_pose, truth.joints) else OUT_OF_VIEW


def _alone(frame: Frame, pair: HandObjectEstimate, weights: WeightsInfo) -> dict[str, float]:
    meshes = []
    if pair.hand is not None:
        meshes.append(TriangleMesh(pair.hand.vertices, weights.hand.faces_of(pair.hand.side)))
    if pair.object is not None and pair.object.valid:
        model = weights.objects[pair.object.name]
        meshes.append(TriangleMesh(transform_points(pair.object.pose, model.vertices), model.faces))
    values = {}
    if len(meshes) == 2:
        values = penetration_metrics(meshes[0].vertices, meshes[1]) | volume_metrics(*meshes)
    if meshes:
        images = {
            "depth.residual_mm": depth_residual(frame, *meshes),
            "mask.agreement_percent": mask_agreement(frame, *meshes),
        }
        values |= {name: value for name, value in images.items() if value is not None}
    return values


def _errors(pair: HandObjectEstimate, truth: FrameTruth, weights: WeightsInfo) -> dict[str, float]:
    """An estimate of another object than the true one has no errors of the object: it is not available."""
    values: dict[str, float] = {}
    hand, thing = pair.hand, pair.object
    if hand is not None and truth.hand_vertices is not None and truth.joints is not None:
        values |= hand_metrics(hand.vertices, hand.joints, truth.hand_vertices, truth.joints)
    if thing is not None and thing.valid and thing.name == truth.object_name:
        values |= object_metrics(thing.pose, truth.object_pose, weights.objects[truth.object_name])
    return values
