"""A prepared index as what training reads: crops with a margin, the same as rendered samples."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import crop_camera, crop_image, square_crop
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.joints import FINGERTIPS
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets.frame import MIRRORED, AnnotatedFrame
from hand_object_pose_training.datasets.index import PreparedIndex
from hand_object_pose_training.datasets.mirrored_objects import with_mirrored
from hand_object_pose_training.datasets.object_files import load_objects
from hand_object_pose_training.datasets.silhouettes import draw_silhouettes
from hand_object_pose_training.shards import ShardSample


@dataclass(frozen=True)
class StoredCrop:
    """What a sample shows of its image, or of a rendered scene, before augmentation.

    Attributes:
        size: side in pixels; margin: side relative to the hand-object box, wider than any crop made from it.
    """

    size: int = 352
    margin: float = 1.6


class PreparedSamples:
    """Samples of an index, by number; left hands are shown mirrored. Stands where ``ShardedSamples`` may."""

    def __init__(
        self, index: PreparedIndex, catalogue: Mapping[str, ObjectModel] | None = None, crop: StoredCrop | None = None
    ) -> None:
        """Samples of an index.

        Args:
            index: see there. Frames whose hand is not known are left out.
            catalogue: objects, and mirror images for left hands; frames of others are left out. None reads all.
            crop: see ``StoredCrop``.

        Raises:
            UserError: an object is missing, or its mesh is another than when the index was made; no frame is left.
        """
        self.index, self.crop = index, crop or StoredCrop()
        self.catalogue = dict(catalogue) if catalogue is not None else index_catalogue(index)
        self.hands = index.hands()
        self._regressor = self.hands.right.joint_regressor21
        self._numbers = np.flatnonzero(index.known_hands() & known_objects(index, self.catalogue))
        if not len(self._numbers):
            raise UserError(
                f"{index.path}: expected frames with a known hand and one of the objects "
                f"{', '.join(self.object_names)}; its objects are {', '.join(index.object_names)}"
            )

    @property
    def object_names(self) -> list[str]:
        """Sorted names, mirrored ones included."""
        return sorted(self.catalogue)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[ShardSample]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> ShardSample:
        """One sample, read from its image file.

        Raises:
            FileProblemError: an image has disappeared or been damaged since the index was made.
        """
        frame = self.index[int(self._numbers[number])].posed(self.hands).as_right_hand(self.hands)
        assert frame.hand_vertices is not None
        box = square_crop(frame.box[None], self.crop.margin)
        camera = crop_camera(frame.camera, box, self.crop.size)
        return ShardSample(
            image=crop_image(frame.image(), frame.camera, box, self.crop.size),
            labels=self._labels(frame, camera),
            hand_vertices=frame.hand_vertices.astype(np.float32),
            joints=self._joints(frame),
            object_pose=frame.object_pose.astype(np.float32),
            object_name=frame.object_name,
            camera_matrix=camera.matrix.astype(np.float32),
        )

    def _joints(self, frame: AnnotatedFrame) -> NDArray[np.float32]:
        """Annotated inner joints, and tips of the hand model's own vertices: HO3D's tips lie on other ones."""
        assert frame.hand_vertices is not None
        joints = self._regressor @ frame.hand_vertices
        if np.isfinite(frame.joints).all():
            inner = np.setdiff1d(np.arange(21), FINGERTIPS)
            joints[inner] = frame.joints[inner]
        return joints.astype(np.float32)

    def _labels(self, frame: AnnotatedFrame, camera: Camera) -> NDArray[np.uint8]:
        """The dataset's mask where it has one, else drawn."""
        assert frame.hand_vertices is not None
        mask = frame.mask()
        if mask is not None:
            return _nearest(mask, frame.camera, camera)
        model = self.catalogue[frame.object_name]
        vertices = transform_points(frame.object_pose, model.vertices)
        return draw_silhouettes(camera, vertices, model.faces, frame.hand_vertices, self.hands.right.faces)


def known_objects(index: PreparedIndex, catalogue: Mapping[str, ObjectModel]) -> NDArray[np.bool_]:
    """(N,) whether the object of each frame, mirrored for left hands, is in a catalogue with the same mesh.

    Raises:
        UserError: an object of that name has another mesh.
    """
    for name, expected in index.header.objects.items():
        if name in catalogue and catalogue[name].hash != expected:
            raise UserError(
                f"{index.path}: object '{name}' has mesh {expected[:12]}, expected {catalogue[name].hash[:12]} as in "
                "the other dataset of the run; prepare both with the same --models"
            )
    names = np.array(index.object_names)
    right, left = ([name + end in catalogue for name in names] for end in ("", MIRRORED))
    numbers = index.column("object")
    return np.where(index.column("is_left"), np.array(left)[numbers], np.array(right)[numbers])


def index_catalogue(index: PreparedIndex) -> dict[str, ObjectModel]:
    """The objects of an index, and their mirror images where it has left hands.

    Raises:
        UserError: one is missing, or its mesh is another than when the index was made.
    """
    directory = index.models
    objects, problems = load_objects(directory, index.object_names)
    for name, expected in index.header.objects.items():
        if name in objects and objects[name].hash != expected:
            found = objects[name].hash[:12]
            problems.append(f"{directory}: object '{name}' has mesh {found}, expected {expected[:12]}")
    if problems:
        raise UserError(f"{index.path}: {'; '.join(problems)}; put the objects back, or prepare the dataset again")
    return with_mirrored(objects) if index.column("is_left").any() else objects


def _nearest(mask: NDArray[np.uint8], camera: Camera, target: Camera) -> NDArray[np.uint8]:
    """The labels (H, W) of ``camera`` as ``target``, a crop of it, sees them."""
    affine = (target.matrix @ np.linalg.inv(camera.matrix))[:2]
    seen = cv2.warpAffine(mask, affine, (target.width, target.height), flags=cv2.INTER_NEAREST)
    return np.asarray(seen, dtype=np.uint8)
