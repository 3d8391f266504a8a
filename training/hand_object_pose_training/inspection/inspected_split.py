"""A sample of a prepared index's frames, measured one by one, and what they say together."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import yaml

from hand_object_pose.errors import UserError
from hand_object_pose.npz_files import UNREADABLE
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.index import PreparedIndex
from hand_object_pose_training.datasets.prepared_samples import index_catalogue
from hand_object_pose_training.inspection.faults import TruthLimits, faults
from hand_object_pose_training.inspection.measures import Measures, measured, pooled
from hand_object_pose_training.inspection.plain_dexycb import PlainDexYcb
from hand_object_pose_training.inspection.plain_frame import PlainFrame, PlainReader
from hand_object_pose_training.inspection.plain_ho3d import PlainHo3d

# What a file that is missing, damaged or of another format makes a plain reading raise.
_UNREADABLE = (*UNREADABLE, UserError, TypeError, IndexError, AttributeError, yaml.YAMLError)


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
        name: dataset and split; size: how many frames the index has.
        frames: those that were measured; unchecked: "key: why" of the others.
        faults: of all frames together, and of too many wrong ones.
    """

    name: str
    size: int
    frames: list[InspectedFrame] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def together(self) -> Measures:
        """The numbers of all measured frames."""
        return pooled([frame.measures for frame in self.frames])

    @property
    def wrong(self) -> list[InspectedFrame]:
        """Frames whose own numbers are beyond the limits."""
        return [frame for frame in self.frames if frame.faults]


class FrameSource:
    """The frames of an index in pairs: as training reads them, and as the files say."""

    def __init__(self, index: PreparedIndex) -> None:
        """Open what the frames share.

        Raises:
            UserError: objects or hand models are others than when the index was made, or the dataset is one of your
                own, of whose files nothing is known here.
        """
        self.index, self.hands, self.catalogue = index, index.hands(), index_catalogue(index)
        self._plain = _plain_reader(index, self.hands)

    def pair(self, number: int) -> tuple[AnnotatedFrame, PlainFrame]:
        """Frame ``number``; both mirrored if it shows a left hand, which is what training reads."""
        annotated = self.index[number]
        plain = self._plain.read(annotated.key)
        frame = annotated.posed(self.hands).as_right_hand(self.hands)
        return frame, plain.mirrored(frame.camera.width) if frame.is_mirrored else plain

    def measure(self, number: int) -> Measures:
        """The numbers of frame ``number``."""
        frame, plain = self.pair(number)
        return measured(frame, plain, self.hands.right, self.catalogue[frame.object_name])


def spread(frames: int, count: int, seed: int) -> list[int]:
    """``count`` numbers of ``frames``, one drawn from each of as many equal parts."""
    edges = np.linspace(0, frames, min(count, frames) + 1).astype(int)
    return np.random.default_rng(seed).integers(edges[:-1], edges[1:]).tolist()


def inspect_split(
    source: FrameSource, numbers: list[int], limits: TruthLimits, advance: Callable[[], None]
) -> InspectedSplit:
    """Measure frames of an index by their numbers; ``advance`` is called after each."""
    header = source.index.header
    split = InspectedSplit(f"{header.dataset} {header.split}", len(source.index))
    for number in numbers:
        key = source.index[number].key
        try:
            measures = source.measure(number)
            split.frames.append(InspectedFrame(number, key, measures, faults(measures, limits)))
        except _UNREADABLE as error:
            split.unchecked.append(f"{key}: {error}")
        advance()
    if split.frames:
        split.faults = _faults(split, limits)
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


def _plain_reader(index: PreparedIndex, hands: Hands) -> PlainReader:
    dataset = index.header.dataset
    if dataset.startswith("ho3d"):
        return PlainHo3d(index.root, index.header.split, hands)
    if dataset == "dexycb":
        return PlainDexYcb(index.root, hands)
    raise UserError(
        f"{index.path}: expected HO3D or DexYCB, found '{dataset}'; frames of your own reader are checked by the "
        "sample's contract (docs/datasets.md)"
    )
