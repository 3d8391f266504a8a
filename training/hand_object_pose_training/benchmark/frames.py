"""A frame as benchmarks see it, whatever dataset it is of."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.benchmark.frame_values import PosedFrame
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.occlusion import seen_share
from hand_object_pose_training.datasets.problems import LeftOutError


@dataclass(frozen=True)
class BenchmarkFrame:
    """One frame that counts; metres, camera frame.

    Attributes:
        place: in the dataset's list; key: there; sequence, number: where in which recording.
        camera, side: of the whole image and its hand; model: the object.
        truth: what is known; wrist: (3,); box: (4,) of hand and object, pixels, not cut at the image's border.
        seen: see ``BenchmarkRecord``.
        image, depth: read them; depth may give None.
    """

    place: int
    key: str
    sequence: str
    number: int
    camera: Camera
    side: str
    model: ObjectModel
    truth: PosedFrame
    wrist: FloatArray
    box: FloatArray
    seen: float | None
    image: Callable[[], NDArray[np.uint8]]
    depth: Callable[[], NDArray[np.float32] | None]


class FrameSource(Interface):
    """Frames of a dataset.

    Attributes:
        hand: model of right hands; listed: how many frames the dataset lists.
        left_out: how many of them do not count, by reason; complete once ``frames`` is at its end.
        scenes: number of each recording's folder, as BOP counts them; empty where it does not know the dataset.
    """

    hand: HandModel
    listed: int
    scenes: Mapping[str, int]
    left_out: Counter[str]

    def frames(self) -> Iterator[BenchmarkFrame]:
        """All that count, in the dataset's order."""
        ...


def true_box(camera: Camera, truth: PosedFrame, model: ObjectModel, given: FloatArray | None) -> FloatArray:
    """(4,) around hand and object; the hand is its vertices, else its joints, else its ``given`` box, if there is one.

    Raises:
        LeftOutError: something is behind the camera.
    """
    assert truth.object_pose is not None
    parts = [transform_points(truth.object_pose, model.vertices)]
    hand = truth.hand_vertices if truth.hand_vertices is not None else truth.joints
    parts += [] if hand is None else [hand]
    if min(part[:, 2].min() for part in parts) <= 0:
        raise LeftOutError("partly behind the camera")
    boxes = [projected_box(camera, part) for part in parts]
    boxes += [given] if hand is None and given is not None else []
    edges = np.stack(boxes)
    return np.concatenate([edges[:, :2].min(axis=0), edges[:, 2:].max(axis=0)])


def least_seen(camera: Camera, truth: PosedFrame, model: ObjectModel, hand_faces: NDArray) -> float | None:
    """See ``BenchmarkRecord.seen``."""
    if truth.hand_vertices is None or truth.object_pose is None:
        return None
    hand = truth.hand_vertices, hand_faces
    thing = transform_points(truth.object_pose, model.vertices), model.faces
    return min(seen_share(camera, *hand, *thing), seen_share(camera, *thing, *hand))
