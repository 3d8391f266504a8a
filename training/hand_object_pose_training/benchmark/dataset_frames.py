"""The frames of HO3D and DexYCB that a protocol keeps."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from hand_object_pose.evaluation.benchmark.frame_values import PosedFrame
from hand_object_pose.evaluation.benchmark.protocol import Protocol
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.benchmark.frames import BenchmarkFrame, least_seen, true_box
from hand_object_pose_training.datasets.contact_filter import ContactFilter
from hand_object_pose_training.datasets.dexycb_reader import DexYcbReader
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.problems import FileProblemError, LeftOutError
from hand_object_pose_training.datasets.reader import DatasetReader


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
