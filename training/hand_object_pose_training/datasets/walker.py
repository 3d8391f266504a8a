"""Examines frames of a dataset one by one: annotation, files, filters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets.contact_filter import ContactFilter
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.images import check_ends, read_depth, read_image
from hand_object_pose_training.datasets.index_rows import frame_row, stack_rows
from hand_object_pose_training.datasets.problems import FileProblemError, LeftOutError, damaged, missing
from hand_object_pose_training.datasets.reader import DatasetReader

LeftHands = Literal["mirror", "skip"]


@dataclass(frozen=True)
class WalkConfig:
    """How a dataset is walked.

    Attributes:
        contact_filter: which frames are kept.
        left_hands: "mirror" keeps them (training shows their mirror images), "skip" leaves them out.
        decode: decode every image, which finds all damage; else only look at the ends of the files, which finds files
            cut short.
        workers: processes; 0 reads in this one, -1 takes one for each core.
    """

    contact_filter: ContactFilter = field(default_factory=ContactFilter)
    left_hands: LeftHands = "mirror"
    decode: bool = True
    workers: int = -1


@dataclass
class Part:
    """What became of some consecutive frames.

    Attributes:
        listed: how many they were.
        keys, names: of the frames kept and of their objects; columns: their rows, stacked; {} without any.
        left_out: how many frames were left out, by reason; problems: files missing or damaged.
    """

    listed: int = 0
    keys: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    columns: dict[str, NDArray] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Walker:
    """Examines frames; every worker process has one."""

    def __init__(
        self, reader: DatasetReader, hands: Hands, catalogue: Mapping[str, ObjectModel], config: WalkConfig
    ) -> None:
        """Objects that the catalogue lacks cost the frames that show them, nothing else."""
        self.reader, self.hands, self.catalogue, self.config = reader, hands, catalogue, config

    def examine(self, keys: Sequence[str]) -> Part:
        """Read and check some frames; never raises."""
        part, rows = Part(listed=len(keys)), []
        for key in keys:
            frame = self._examined(key, part)
            if frame is not None:
                part.keys.append(key)
                part.names.append(frame.object_name)
                rows.append(frame_row(frame))
        part.columns = stack_rows(rows)
        return part

    def _examined(self, key: str, part: Part) -> AnnotatedFrame | None:
        try:
            frame, problems = self._checked(self.reader.read(key))
            part.problems += problems
            return frame
        except LeftOutError as reason:
            part.left_out[str(reason)] += 1
        except FileProblemError as error:
            part.left_out[error.kind] += 1
            part.problems.append(str(error))
        except Exception as error:
            # A damaged file can fail in any way, and one of half a million must not end the walk.
            part.left_out["damaged file"] += 1
            part.problems.append(f"{key}: {error or type(error).__name__}")
        return None

    def _checked(self, frame: AnnotatedFrame) -> tuple[AnnotatedFrame, list[str]]:
        """The frame with its box, and problems that cost no frame."""
        if frame.side == "left" and self.config.left_hands == "skip":
            raise LeftOutError("left hand")
        if frame.object_name not in self.catalogue:
            raise LeftOutError(f"no usable mesh of object '{frame.object_name}'")
        posed = frame.posed(self.hands)
        model = self.catalogue[frame.object_name]
        self.config.contact_filter.check(posed, model)
        box = _box(posed, model)
        self._check_image(frame)
        return replace(frame, box=box), self._depth_problems(frame)

    def _check_image(self, frame: AnnotatedFrame) -> None:
        files, size = frame.files, (frame.camera.height, frame.camera.width)
        if not self.config.decode:
            check_ends(files.image)
        elif read_image(files.image).shape[:2] != size:
            raise damaged(files.image, f"expected an image of {frame.camera.width} x {frame.camera.height}")
        if files.mask is not None and not files.mask.is_file():
            raise missing(files.mask)

    def _depth_problems(self, frame: AnnotatedFrame) -> list[str]:
        """Training needs no depth: a bad one is reported, and the frame kept."""
        files = frame.files
        if files.depth is None:
            return []
        try:
            if self.config.decode:
                read_depth(files.depth, files.depth_encoding)
            else:
                check_ends(files.depth)
        except FileProblemError as error:
            return [str(error)]
        return []


def _box(frame: AnnotatedFrame, model: ObjectModel) -> np.ndarray:
    """(4,) around hand and object, cut at the border; the hand is its vertices, else its joints, else its given box."""
    parts = [transform_points(frame.object_pose, model.vertices)]
    boxes = []
    if frame.hand_vertices is not None:
        parts.append(frame.hand_vertices)
    elif np.isfinite(frame.joints).all():
        parts.append(frame.joints)
    elif np.isfinite(frame.box).all():
        boxes.append(frame.box)
    if min(part[:, 2].min() for part in parts) <= 0:
        raise LeftOutError("partly behind the camera")
    edges = np.stack([*(projected_box(frame.camera, part) for part in parts), *boxes])
    box = np.concatenate([edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)])
    box = np.clip(box, -0.5, np.array([frame.camera.width, frame.camera.height] * 2) - 0.5)
    if not (box[2:] > box[:2]).all():
        raise LeftOutError("outside the image")
    return box
