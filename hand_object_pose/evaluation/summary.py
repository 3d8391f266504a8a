"""Errors over many frames, beside those of the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hand_object_pose.evaluation.frame_errors import FRAME_ERRORS

_CONTACT = "interaction.contact"
_CONTACT_PERCENT = "interaction.cp_percent"


@dataclass(frozen=True)
class FrameScore:
    """One frame in which hand and object are in view.

    Attributes:
        errors: of the estimate, by name; what it lacks is missing.
        baseline: of the baseline, by the same names, complete.
    """

    errors: Mapping[str, float]
    baseline: Mapping[str, float]

    @property
    def is_available(self) -> bool:
        """Whether the estimate gave everything."""
        return all(name in self.errors for name in FRAME_ERRORS)

    @property
    def counted(self) -> dict[str, float]:
        """What this frame counts with: the baseline's value wherever the estimate has none."""
        return {name: self.errors.get(name, self.baseline[name]) for name in FRAME_ERRORS}


@dataclass(frozen=True)
class Summary:
    """Means over frames.

    Attributes:
        frames: how many.
        availability: share with a valid estimate of hand and object.
        errors: means by name, frames without an estimate counting with the baseline's errors.
        baseline: means of the baseline over the same frames, by the same names.
    """

    frames: int
    availability: float
    errors: Mapping[str, float]
    baseline: Mapping[str, float]

    def as_dict(self) -> dict[str, object]:
        """For JSON: the errors by name, ``baseline``, ``availability``, ``frames``."""
        return {
            **self.errors,
            "baseline": dict(self.baseline),
            "availability": self.availability,
            "frames": self.frames,
        }


def summarise(scores: Sequence[FrameScore]) -> Summary:
    """Means over every frame given: those processed in which hand and object are in view.

    Raises:
        ValueError: there are none.
    """
    if not scores:
        raise ValueError("no frame to summarise: none was processed with hand and object in view")
    return Summary(
        frames=len(scores),
        availability=sum(score.is_available for score in scores) / len(scores),
        errors=_means([score.counted for score in scores]),
        baseline=_means([score.baseline for score in scores]),
    )


def _means(frames: Sequence[Mapping[str, float]]) -> dict[str, float]:
    means = {name: float(np.mean([frame[name] for frame in frames])) for name in FRAME_ERRORS}
    means[_CONTACT_PERCENT] = 100.0 * means.pop(_CONTACT)
    return means
