"""A sample of a prepared index's frames, measured one by one, and what they say together."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose_training.inspection.faults import TruthLimits, faults
from hand_object_pose_training.inspection.frame_source import FrameSource
from hand_object_pose_training.inspection.measures import Measures, pooled


@dataclass(frozen=True)
class InspectedFrame:
    """One measured frame: its place in the index, its key, its numbers, and what these alone say is wrong."""

    number: int
    key: str
    measures: Measures
    faults: list[str]


@dataclass
class InspectedSplit:
    """What was found in one index.

    Attributes:
        source: of its frames.
        frames: those that were measured; unchecked: "key: why" of the others.
        faults: of all frames together, and of too many wrong ones.
        too_few: says so where most of the frames looked at could not be checked; what is found in the others must not
            pass for what is true of all.
    """

    source: FrameSource
    frames: list[InspectedFrame] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    too_few: str = ""

    @property
    def name(self) -> str:
        """Dataset and split."""
        header = self.source.index.header
        return f"{header.dataset} {header.split}"

    @property
    def size(self) -> int:
        """How many frames the index has."""
        return len(self.source.index)

    @property
    def together(self) -> Measures:
        """The numbers of all measured frames."""
        return pooled([frame.measures for frame in self.frames])

    @property
    def is_right(self) -> bool:
        """Whether enough was checked, and nothing found."""
        return not self.faults and not self.too_few

    @property
    def wrong(self) -> list[InspectedFrame]:
        """Frames whose own numbers are beyond the limits."""
        return [frame for frame in self.frames if frame.faults]


def spread(frames: int, count: int, seed: int) -> list[int]:
    """``count`` numbers of ``frames``, one drawn from each of as many equal parts."""
    edges = np.linspace(0, frames, min(count, frames) + 1).astype(int)
    return np.random.default_rng(seed).integers(edges[:-1], edges[1:]).tolist()


def inspect_split(
    source: FrameSource, numbers: list[int], limits: TruthLimits, advance: Callable[[], None]
) -> InspectedSplit:
    """Measure frames of an index by their numbers; ``advance`` is called after each."""
    split = InspectedSplit(source)
    for number in numbers:
        key = source.index[number].key
        try:
            measures = source.measure(number)
            split.frames.append(InspectedFrame(number, key, measures, faults(measures, limits)))
        except UserError as error:
            split.unchecked.append(f"{key}: {in_one_line(error)}")
        except Exception as error:
            # A damaged file can fail in any way, and one must not end the inspection of the others.
            split.unchecked.append(f"{key}: {type(error).__name__}: {in_one_line(error)}")
        advance()
    split.faults = _faults(split, limits) if split.frames else []
    if len(split.frames) < limits.checked * len(numbers):
        split.too_few = f"only {len(split.frames)} of {len(numbers)} frames can be (at least {limits.checked:.0%})"
    return split


def _faults(split: InspectedSplit, limits: TruthLimits) -> list[str]:
    together, share = split.together, len(split.wrong) / len(split.frames)
    found = faults(together, limits)
    if share > limits.frames and not found:
        found.append(
            f"{share:.0%} of the frames are wrong by themselves (at most {limits.frames:.0%}), though all together are "
            "not: one camera, sequence, object or side"
        )
    for name in ("hand", "object"):
        seen = together.get(f"seen_{name}", np.ones(1)).mean()
        if seen < limits.seen:
            found.append(
                f"only {seen:.0%} of the {name}'s vertices are seen at all (at least {limits.seen:.0%}): it lies "
                "outside the images or behind the other; its translation, a unit, or the camera's matrix"
            )
    if not {"hand", "object", "depth_hand", "depth_object"} & set(together):
        found.append("no frame has a mask or depth at a seen vertex: nothing could be compared with the pictures")
    return found
