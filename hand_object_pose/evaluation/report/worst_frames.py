"""The frames that the report of several bags shows, of those that were kept of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hand_object_pose.evaluation.frame_record import FrameRecord
from hand_object_pose.evaluation.report.frame_choice import CRITERIA, NO_ESTIMATE, SHOWN, badness, spread
from hand_object_pose.evaluation.report.shown_frames import ShownFrame, ShownFrames

Place = tuple[str, int]

_CAPTIONED = ("hand.mje_cm", "object.add_s_cm", "depth.residual_mm", "interaction.pd_max_mm")


@dataclass(frozen=True)
class ChosenFrame:
    """One frame, where it comes from, and why it is shown.

    Attributes:
        bag: its name; seconds: since the first image of the bag.
        record: its row; shown: its pictures and meshes.
        why: in words, at least one reason.
    """

    bag: str
    seconds: float
    record: FrameRecord
    shown: ShownFrame
    why: Sequence[str]

    @property
    def title(self) -> str:
        """Bag, time and reasons."""
        return f"{self.bag}, {self.seconds:.2f} s: {', '.join(self.why)}"

    @property
    def caption(self) -> str:
        """The title with what was measured, or why there is no estimate."""
        record = self.record
        facts = [f"{name} {record.values[name]:.2f}" for name in _CAPTIONED if name in record.values]
        if record.confidence is not None:
            facts.append(f"confidence {record.confidence:.2f}")
        if record.reason:
            facts.append(f"not valid: {record.reason}")
        if self.shown.attention:
            facts.append(self.shown.attention)
        return f"{self.title}. {'; '.join(facts)}"


def choose_frames(records: Mapping[str, Sequence[FrameRecord]], shown: Mapping[str, ShownFrames]) -> list[ChosenFrame]:
    """The worst ``SHOWN`` of all bags by each criterion, and as many evenly; each once, with all its reasons.

    Args:
        records: all rows, by bag; shown: what was kept of the same bags.
    """
    kept = {(bag, frame.row): frame for bag in records for frame in shown[bag].frames}
    reasons: dict[Place, list[str]] = {}
    scores = {(bag, row): badness(records[bag][row]) for bag, row in kept}
    for criterion in CRITERIA:
        judged = {place: score[criterion] for place, score in scores.items() if criterion in score}
        # Sorting keeps the order of bags and rows among equals.
        worst = sorted(judged, key=judged.__getitem__, reverse=True)[:SHOWN]
        for number, place in enumerate(worst, 1):
            reasons.setdefault(place, []).append(_reason(criterion, number))
    even = [place for place, frame in kept.items() if frame.is_even]
    # Evenly, so that one bag does not take the places of the others.
    for place in spread(even, SHOWN):
        reasons.setdefault(place, []).append("chosen evenly over time")
    return [_chosen(place, records[place[0]], kept[place], why) for place, why in reasons.items()]


def _reason(criterion: str, number: int) -> str:
    return NO_ESTIMATE if criterion == NO_ESTIMATE else f"no. {number} by {criterion}"


def _chosen(place: Place, records: Sequence[FrameRecord], shown: ShownFrame, why: Sequence[str]) -> ChosenFrame:
    record = records[shown.row]
    return ChosenFrame(place[0], (record.stamp_ns - records[0].stamp_ns) / 1e9, record, shown, why)
