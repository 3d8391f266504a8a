"""What a dataset's reader is: the list of its frames, and one frame by its key."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hand_object_pose_training.datasets.frame import AnnotatedFrame, FilePatterns


class DatasetReader(Protocol):
    """Reads one split of a dataset; must be picklable, because frames are read in several processes.

    Attributes:
        dataset, split: names that end up in the index.
        root: directory of the dataset.
        patterns: how files are called, relative to ``root``.
        problems: files that were missing or damaged when the list of frames was made.
    """

    dataset: str
    split: str
    root: Path
    patterns: FilePatterns
    problems: list[str]

    def keys(self) -> Sequence[str]:
        """All frames, "folder/id", in the dataset's official order."""
        ...

    def read(self, key: str) -> AnnotatedFrame:
        """One frame, in metres, in the camera's optical frame, joints in the order of ``hand.joints``.

        Raises:
            LeftOutError: the frame is not annotated, or not wanted.
            UserError: a file is missing or damaged.
        """
        ...
