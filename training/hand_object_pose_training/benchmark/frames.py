"""The frames of HO3D, DexYCB and of rendered samples as benchmarks see them."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.evaluation.benchmark.frame_values import PosedFrame
from hand_object_pose.evaluation.benchmark.protocol import Protocol
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.occlusion import seen_share
from hand_object_pose_training.datasets.contact_filter import ContactFilter
from hand_object_pose_training.datasets.dexycb_reader import DexYcbReader
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.problems import FileProblemError, LeftOutError
from hand_object_pose_training.datasets.reader import DatasetReader
from hand_object_pose_training.shards import ShardedSamples

FloatArray = NDArray[np.floating]


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


class ReaderFrames:
    """Those of a reader that a protocol keeps."""

    def __init__(
        self, reader: DatasetReader, hands: Hands, catalogue: Mapping[str, ObjectModel], protocol: Protocol
    ) -> None:
        """``catalogue``: the objects by their names in the dataset."""
        self._reader, self._hands, self._catalogue, self._protocol = reader, hands, catalogue, protocol
        rule = ContactFilter() if protocol.near is None else ContactFilter("joints_to_vertices", protocol.near)
        self._contact = rule
        self._keys = reader.keys()
        self.hand, self.listed = hands.right, len(self._keys)
        self.scenes: Mapping[str, int] = reader.scene_numbers() if isinstance(reader, DexYcbReader) else {}
        self.left_out: Counter[str] = Counter()

    def frames(self) -> Iterator[BenchmarkFrame]:
        """See ``FrameSource``."""
        self.left_out.clear()
        for place, key in enumerate(self._keys):
            frame = self._kept(place, key)
            if frame is not None:
                yield frame

    def _kept(self, place: int, key: str) -> BenchmarkFrame | None:
        try:
            return self._frame(place, self._reader.read(key))
        except LeftOutError as reason:
            self.left_out[str(reason)] += 1
        except FileProblemError as error:
            self.left_out[error.kind] += 1
        return None

    def _frame(self, place: int, annotated: AnnotatedFrame) -> BenchmarkFrame:
        if not self._protocol.keeps(annotated.object_name, annotated.side):
            raise LeftOutError("not in the protocol (object or side)")
        if annotated.object_name not in self._catalogue:
            raise LeftOutError(f"no usable mesh of object '{annotated.object_name}'")
        model = self._catalogue[annotated.object_name]
        frame = annotated.posed(self._hands)
        self._contact.check(frame, model)
        joints = frame.joints if np.isfinite(frame.joints).all() else None
        truth = PosedFrame(frame.hand_vertices, joints, frame.object_pose)
        folder, _, number = frame.key.rpartition("/")
        # DexYCB's cameras look at one and the same recording.
        sequence = folder.rpartition("/")[0] or folder
        faces = self._hands.model(frame.side).faces
        given = frame.box if np.isfinite(frame.box).all() else None
        return BenchmarkFrame(
            place,
            frame.key,
            sequence,
            int(number),
            frame.camera,
            frame.side,
            model,
            truth,
            frame.joints[0],
            true_box(frame.camera, truth, model, given),
            least_seen(frame.camera, truth, model, faces),
            frame.image,
            frame.depth,
        )


class RenderedFrames:
    """Those of a directory of shards: crops of scenes of their own, each a sequence by itself."""

    def __init__(self, samples: ShardedSamples, catalogue: Mapping[str, ObjectModel]) -> None:
        """``catalogue``: the objects of the samples."""
        self._samples, self._catalogue = samples, catalogue
        self.hand, self.listed = default_hand(), len(samples)
        self.scenes: Mapping[str, int] = {}
        self.left_out: Counter[str] = Counter()

    def frames(self) -> Iterator[BenchmarkFrame]:
        """See ``FrameSource``."""
        for place in range(self.listed):
            sample = self._samples[place]
            camera = Camera(sample.camera_matrix.astype(np.float64), *sample.image.shape[1::-1])
            model = self._catalogue[sample.object_name]
            parts = (sample.hand_vertices, sample.joints, sample.object_pose)
            truth = PosedFrame(*(part.astype(np.float64) for part in parts))
            assert truth.joints is not None
            yield BenchmarkFrame(
                place,
                f"{place}",
                f"{place}",
                0,
                camera,
                "right",
                model,
                truth,
                truth.joints[0],
                true_box(camera, truth, model, None),
                least_seen(camera, truth, model, self.hand.faces),
                partial(np.copy, sample.image),
                lambda: None,
            )


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
