"""Errors of what the node published against the bag's truth, beside those of the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hand_object_pose.demo.bag_content import BagContent, Truth
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.evaluation.baseline import Baseline
from hand_object_pose.evaluation.frame_errors import baseline_errors, frame_errors
from hand_object_pose.evaluation.in_view import in_view
from hand_object_pose.evaluation.summary import FrameScore, Summary, summarise
from hand_object_pose.hand.joints import WRIST
from hand_object_pose.live.recording import HeardEstimate
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.sample import SceneTruth


@dataclass(frozen=True)
class ScoredFrame:
    """A processed frame: what was heard of it, the bag's stamp, and its score where hand and object are in view."""

    heard: HeardEstimate
    original_stamp: int
    score: FrameScore | None


@dataclass(frozen=True)
class Scores:
    """All processed frames, and the means over those in view (None: there are none, or no truth is known)."""

    frames: list[ScoredFrame] = field(default_factory=list)
    summary: Summary | None = None


def score_recording(
    content: BagContent,
    estimates: Sequence[HeardEstimate],
    originals: Mapping[int, int],
    weights: WeightsInfo,
    baseline: Baseline | None,
) -> Scores:
    """Score every processed frame in which hand and object are in view.

    Args:
        content: the bag with its truth.
        estimates: what the node published.
        originals: the bag's stamp of each published stamp.
        weights: what the estimates were made with.
        baseline: None where the bag knows no truth.

    Raises:
        UserError: the truth is of another hand or object than the weights know.
    """
    truths = content.truth.scenes
    if baseline is None or not truths:
        frames = [ScoredFrame(heard, originals[heard.stamp], None) for heard in estimates if heard.stamp in originals]
        return Scores(frames)
    check_meshes(content.truth, weights)
    # A bag that is played in rounds shows the same scenes again.
    baselines = {
        stamp: _baseline(truth, baseline, weights.objects[truth.object_name])
        for stamp, truth in truths.items()
        if in_view(content.camera, weights.objects[truth.object_name], truth.object_pose, truth.joints)
    }
    frames = []
    for heard in estimates:
        if heard.stamp not in originals:
            continue
        stamp = originals[heard.stamp]
        score = _score(heard, truths[stamp], baselines[stamp], weights) if stamp in baselines else None
        frames.append(ScoredFrame(heard, stamp, score))
    scores = [frame.score for frame in frames if frame.score is not None]
    return Scores(frames, summarise(scores) if scores else None)


def check_meshes(truth: Truth, weights: WeightsInfo) -> None:
    """Refuse to compare meshes that are not the same.

    Raises:
        UserError: naming what differs.
    """
    if truth.hand_hashes - {weights.hand.hash}:
        raise UserError(
            f"the bag's truth shows another hand than '{weights.hand.name}', which the weights '{weights.name}' were "
            "trained on; their vertices cannot be compared"
        )
    for name, digest in truth.object_hashes.items():
        if weights.object(name).hash != digest:
            raise UserError(f"object '{name}': the bag's mesh differs from the one the weights were trained on")


def _baseline(truth: SceneTruth, baseline: Baseline, model: ObjectModel) -> dict[str, float]:
    return baseline_errors(truth, baseline.predict(truth.joints[WRIST], truth.object_name), model)


def _score(heard: HeardEstimate, truth: SceneTruth, baseline: Mapping[str, float], weights: WeightsInfo) -> FrameScore:
    return FrameScore(frame_errors(truth, heard.pair, weights.objects[truth.object_name]), baseline)
