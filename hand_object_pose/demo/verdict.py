"""Why the demo's exit status is 1."""

from collections.abc import Mapping, Sequence

from hand_object_pose.demo.requirements import Requirement
from hand_object_pose.evaluation.frame_errors import HAND_ERRORS, OBJECT_ERRORS
from hand_object_pose.evaluation.summary import Summary
from hand_object_pose.live.counts import ImageCounts

LARGEST_FACTOR = 2.0


def card_errors(provenance: Mapping[str, str]) -> dict[str, float]:
    """The held-out errors that a model card states, by the demo's names; those that it lacks are left out.

    A card may leave out what an error is of: ``mje_cm`` is taken for ``hand.mje_cm``.
    """
    found = {}
    for name in (*HAND_ERRORS, *OBJECT_ERRORS):
        text = provenance.get(name, provenance.get(name.rpartition(".")[2]))
        try:
            found[name] = float(text) if text is not None else None
        except ValueError:
            continue
    return {name: value for name, value in found.items() if value is not None}


def failures(
    estimates: int,
    counts: ImageCounts,
    errors: Mapping[str, float] | None,
    card: Mapping[str, float],
    inconsistent: Sequence[str] = (),
) -> list[str]:
    """In words; empty: the exit status is 0.

    Args:
        estimates: how many messages arrived that hold a valid estimate.
        counts: see there.
        errors: means by name; None where no truth is known.
        card: errors that the model card states.
        inconsistent: stamps, frames and transforms that differ, in words.
    """
    reasons = []
    if not estimates:
        reasons.append("no estimate arrived")
    reasons += [f"the counts do not add up: {problem}" for problem in counts.problems]
    reasons += [f"inconsistent: {problem}" for problem in inconsistent]
    for name, stated in card.items():
        if errors is not None and not errors[name] <= LARGEST_FACTOR * stated:
            reasons.append(f"{name} is {errors[name]:.2f}, more than twice the model card's {stated:.2f}")
    return reasons


def remarks(
    summary: Summary | None, card: Mapping[str, float], truth_known: bool, wanted: Sequence[Requirement] = ()
) -> list[str]:
    """What a reader should know that is no failure."""
    found = []
    if not truth_known:
        found.append("The bag holds no ground truth: no errors.")
    elif summary is None:
        found.append("Hand and object were in view in no processed frame: no errors.")
    if truth_known and not card:
        found.append("The weights' model card states no errors to compare with.")
    return found + [_remark(entry) for entry in wanted if not entry.reached]


def _remark(entry: Requirement) -> str:
    if entry.reached is None:
        return f"{entry.name}: played too briefly for a verdict ({entry.measured:.3f}, {entry.words} over a minute)."
    return f"NOT REACHED: {entry.name} is {entry.measured:.3f}, should be {entry.words}."
