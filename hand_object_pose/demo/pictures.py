"""Frames of the bag with the meshes over them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.demo.bag_content import BagContent
from hand_object_pose.demo.scoring import ScoredFrame
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.drawing.overlay import draw_estimates
from hand_object_pose.replay.frame_truth import FrameTruth
from hand_object_pose.synthetic.sample import SceneTruth

ColourImage = NDArray[np.uint8]


@dataclass(frozen=True)
class DrawnFrame:
    """A frame, its picture as the camera took it, and the one with the estimate's meshes over it."""

    frame: ScoredFrame
    plain: ColourImage
    drawn: ColourImage


def draw_frames(content: BagContent, frames: Sequence[ScoredFrame], weights: WeightsInfo) -> Iterator[DrawnFrame]:
    """Draw frames, at most one for each stamp of the bag, in order of stamps."""
    chosen = {frame.original_stamp: frame for frame in reversed(frames)}
    for stamp, image in content.images(set(chosen)):
        frame = chosen[stamp]
        pairs = [frame.heard.pair] if frame.heard.pair is not None else []
        yield DrawnFrame(frame, image, draw_estimates(image, content.camera, pairs, weights.hand, weights.objects))


def draw_truth(content: BagContent, drawn: DrawnFrame, weights: WeightsInfo) -> ColourImage:
    """The same frame with the true meshes over it."""
    truth = content.truth.scenes[drawn.frame.original_stamp]
    pairs = [truth_as_estimate(truth)]
    return draw_estimates(drawn.plain, content.camera, pairs, weights.hand, weights.objects)


def truth_as_estimate(truth: SceneTruth) -> HandObjectEstimate:
    """The truth as if it had been estimated, without a doubt."""
    return FrameTruth(truth.object_name, truth.object_pose, truth.hand_vertices, truth.joints).as_estimate()


def first_round(frames: Sequence[ScoredFrame]) -> list[ScoredFrame]:
    """The frames until the bag begins again."""
    kept: list[ScoredFrame] = []
    for frame in frames:
        if kept and frame.original_stamp <= kept[-1].original_stamp:
            break
        kept.append(frame)
    return kept


def error_text(errors: Mapping[str, float]) -> str:
    """Such as "hand 0.8 cm, object 1.1 cm"."""
    shown = {"hand": errors.get("hand.mje_cm"), "object": errors.get("object.add_s_cm")}
    return ", ".join(f"{name} {value:.1f} cm" for name, value in shown.items() if value is not None)
