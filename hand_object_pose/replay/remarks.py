"""What readers must know of an evaluated bag, in words: what is missing, and what looks like a mistake."""

from collections import Counter
from collections.abc import Sequence

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.frame_record import INVALID, REFUSED
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.frame_truth import Truth
from hand_object_pose.replay.opened_bag import OpenedBag
from hand_object_pose.replay.scored_frame import ScoredFrame


def refuse_useless(name: str, frames: Sequence[ScoredFrame]) -> None:
    """Frames of a bag, none of which could be used, are no result.

    Raises:
        UserError: so it is; with the reason of the first.
    """
    if frames and all(frame.record.outcome == REFUSED for frame in frames):
        raise UserError(
            f"{name}: none of its {len(frames)} images could be used, the first because: {frames[0].record.reason}"
        )


def left_out(opened: OpenedBag) -> list[str]:
    """What could not be read of a bag; complete once everything was read."""
    bag, topic, found = opened.bag, opened.topics.image.name, len(opened.images)
    expected = bag.announced.get(topic, found)
    missing = [f"{bag.name}: {found} of the {expected} images on {topic} could be read"] if found < expected else []
    return [*bag.left_out, *missing]


def remarks(frames: Sequence[ScoredFrame], truth: Truth, planned: int, config: ReplayConfig) -> list[str]:
    """What else readers should know.

    Args:
        frames: all that were evaluated; planned: how many there should be.
        truth: that they were compared with.
        config: see there.
    """
    found = _unexpected(frames)
    refused = [frame.record for frame in frames if frame.record.outcome == REFUSED]
    if refused:
        found.append(f"{len(refused)} images could not be used, the first because: {refused[0].reason}")
    if len(frames) < planned:
        found.append(f"{planned - len(frames)} images were announced by the bag and could not be read")
    return found + _about_truth(frames, truth, config)


def _about_truth(frames: Sequence[ScoredFrame], truth: Truth, config: ReplayConfig) -> list[str]:
    if not truth.topic:
        return ["no ground truth: no errors, only what can be measured without it"]
    if not truth.count:
        return [f"{truth.topic} holds no truth that can be used"]
    unknown = sum(frame.truth is None for frame in frames)
    if not unknown:
        return []
    return [
        f"{unknown} of {len(frames)} images have no truth on {truth.topic} within {config.truth_tolerance:g} s "
        "(--truth-tolerance), and no errors"
    ]


def _unexpected(frames: Sequence[ScoredFrame]) -> list[str]:
    """What looks like a mistake in the settings."""
    invalid = Counter(frame.record.reason for frame in frames if frame.record.outcome == INVALID)
    found = []
    if invalid and invalid.total() == len(frames):
        reason, count = invalid.most_common(1)[0]
        found.append(f"not one valid estimate; {count} of {len(frames)} because: {reason}")
    wrong = Counter(
        (frame.record.object, frame.truth.object_name)
        for frame in frames
        if frame.record.is_valid and frame.truth and frame.record.object != frame.truth.object_name
    )
    for (estimated, true), count in wrong.items():
        found.append(f"{count} valid estimates are of '{estimated}', while '{true}' is true: no errors of the object")
    return found
