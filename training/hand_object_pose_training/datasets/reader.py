"""What a dataset's reader is: the list of its frames, and one frame by its key."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose_training.datasets.frame import AnnotatedFrame, FilePatterns

FloatArray = NDArray[np.floating]


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


def joint_box(camera: Camera, points: Sequence[FloatArray], boxes: Sequence[FloatArray] = ()) -> FloatArray:
    """(4,) around the projections of point sets (N, 3), metres, z > 0, and boxes (4,), cut at the image's border."""
    parts = np.stack([*(projected_box(camera, part) for part in points), *boxes])
    box = np.concatenate([parts[:, :2].min(axis=0), parts[:, 2:].max(axis=0)])
    return np.clip(box, -0.5, np.array([camera.width, camera.height] * 2) - 0.5)
