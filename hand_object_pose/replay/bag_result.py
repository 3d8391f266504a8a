"""What the evaluation of one bag found."""

from dataclasses import dataclass
from typing import Any

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.evaluation.frame_record import FrameRecord
from hand_object_pose.evaluation.report.shown_frames import ShownFrames
from hand_object_pose.replay.scored_frame import ScoredFrame
from hand_object_pose.replay.topics import BagTopics


@dataclass(frozen=True)
class BagResult:
    """Everything that the evaluation of one bag found.

    Attributes:
        frames: see ``ScoredFrame``, in the order of the bag.
        images: how many the bag holds; truths: how many true poses; truth_topic: where they are.
        topics: that were used.
        duration_s: between the first and the last image.
        left_out: what could not be read; remarks: what else a reader should know.
        weights: see there; device: where the network ran.
        digest: tells bags apart whatever they are called.
        shown: what the report shows beyond the rows.
        live: what became of the images that were played into a live node, for JSON; None: it was not one.
    """

    frames: list[ScoredFrame]
    images: int
    truths: int
    truth_topic: str
    topics: BagTopics
    duration_s: float
    left_out: list[str]
    remarks: list[str]
    weights: WeightsInfo
    device: str
    digest: str
    shown: ShownFrames
    live: dict[str, Any] | None = None

    @property
    def records(self) -> list[FrameRecord]:
        """Rows for files."""
        return [frame.record for frame in self.frames]
