"""An evaluated frame, for everything that tells of it."""

from dataclasses import dataclass, field

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.frame_record import FrameRecord
from hand_object_pose.replay.frame_truth import FrameTruth


@dataclass(frozen=True)
class ScoredFrame:
    """One frame.

    Attributes:
        record: the row for files.
        pair: the estimate, if it is valid; truth: if it is known.
        timing: seconds by stage.
    """

    record: FrameRecord
    pair: HandObjectEstimate | None = None
    truth: FrameTruth | None = None
    timing: dict[str, float] = field(default_factory=dict)

    @property
    def object_pose(self) -> FloatArray | None:
        """(4, 4) of a valid estimate, if its object's pose may be used."""
        thing = self.pair.object if self.pair else None
        return thing.pose if thing is not None and thing.valid else None
