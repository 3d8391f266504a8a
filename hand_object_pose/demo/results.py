"""Everything that a demo run measured, and its JSON form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hand_object_pose.demo.requirements import Requirement
from hand_object_pose.demo.scoring import Scores
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.live.counts import ImageCounts
from hand_object_pose.live.timing import Rate

FORMAT = "hand_object_pose demo 1"


@dataclass(frozen=True)
class DemoResults:
    """What was measured.

    Attributes:
        title: in words; bag: its path; seed: None for a user's own bag; object_id: what was looked for.
        weights: see there; device: where the network ran, by the node; threads: of the network.
        scores, counts: see there.
        latency: see ``latency_statistics``; rate, age_slope: None where too few estimates arrived.
        consistency: problems of stamps, frames and transforms.
        card: errors that the model card states.
        failures, remarks: in words.
        requirements: what should be reached; falling short is remarked and no failure.
        session: exit codes, rounds and what else is known of the run.
        environment: processor, libraries.
    """

    title: str
    bag: str
    seed: int | None
    object_id: str
    weights: WeightsInfo
    device: str
    threads: int
    scores: Scores
    counts: ImageCounts
    latency: Mapping[str, Mapping[str, float]]
    rate: Rate | None
    age_slope: float | None
    consistency: list[str]
    card: Mapping[str, float]
    failures: list[str]
    remarks: list[str]
    requirements: list[Requirement] = field(default_factory=list)
    session: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The content of metrics.json; errors are on top, by name."""
        summary = self.scores.summary
        return {
            "format": FORMAT,
            "title": self.title,
            "seed": self.seed,
            "bag": self.bag,
            "object": self.object_id,
            **(summary.as_dict() if summary else {}),
            "frames_processed": len(self.scores.frames),
            "counts": self.counts.as_dict(),
            "latency": {stage: dict(values) for stage, values in self.latency.items()},
            "rate": self.rate.as_dict() if self.rate else None,
            "age_slope_ms_per_s": self.age_slope,
            "consistency_problems": self.consistency,
            "model_card": dict(self.card),
            "requirements": {entry.name: entry.as_dict() for entry in self.requirements},
            "failures": self.failures,
            "remarks": self.remarks,
            "weights": {"name": self.weights.name, "sha256": self.weights.hash, "preset": self.weights.preset},
            "device": self.device,
            "threads": self.threads,
            "session": dict(self.session),
            "environment": dict(self.environment),
        }
