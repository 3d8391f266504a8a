"""The frames of a prepared index, each as training reads it and as its files say."""

from pathlib import Path

from numpy.typing import NDArray

from hand_object_pose.errors import UserError
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.images import read_image
from hand_object_pose_training.datasets.index import PreparedIndex
from hand_object_pose_training.datasets.prepared_samples import index_catalogue
from hand_object_pose_training.inspection.measures import Measures, measured
from hand_object_pose_training.inspection.plain_dexycb import PlainDexYcb
from hand_object_pose_training.inspection.plain_frame import PlainFrame, PlainReader
from hand_object_pose_training.inspection.plain_ho3d import PlainHo3d


class FrameSource:
    """The frames of an index in pairs: as training reads them, and as the files say."""

    def __init__(self, index: PreparedIndex) -> None:
        """Open what the frames share.

        Raises:
            UserError: the index is empty, the dataset is no longer in its place, objects or hand models are others than
                when the index was made, or the dataset is one of your own, of whose files nothing is known here.
        """
        if not len(index):
            raise UserError(f"{index.path}: expected frames, found none; prepare the dataset again")
        if not index.root.is_dir():
            raise UserError(f"{index.path}: its dataset is not in {index.root}; say where it is now: --root DIRECTORY")
        self.index, self.hands, self.catalogue = index, index.hands(), index_catalogue(index)
        self._plain = _plain_reader(index, self.hands)

    def pair(self, number: int) -> tuple[AnnotatedFrame, PlainFrame]:
        """Frame ``number``; both mirrored if it shows a left hand, which is what training reads.

        Raises:
            UserError: a file is missing, or not what the dataset's format says.
        """
        frame = self.index[number].posed(self.hands).as_right_hand(self.hands)
        plain = self._plain.read(frame.key)
        _check_sizes(frame, plain)
        return frame, plain.mirrored(frame.camera.width) if frame.is_mirrored else plain

    def measure(self, number: int) -> Measures:
        """The numbers of frame ``number``; raises as ``pair``, and where a part of it is behind the camera."""
        frame, plain = self.pair(number)
        return measured(frame, plain, self.hands.right, self.catalogue[frame.object_name])


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


def _check_sizes(frame: AnnotatedFrame, plain: PlainFrame) -> None:
    """A picture of another size than the camera's would be compared in the wrong places, or not at all."""
    expected, files = (frame.camera.height, frame.camera.width), frame.files
    pictures: list[tuple[Path | None, NDArray | None]] = [
        (files.image, read_image(files.image)[..., 0]),
        (files.depth, plain.depth),
        (files.mask, plain.labels),
    ]
    for path, picture in pictures:
        if picture is not None and picture.shape != expected:
            raise UserError(f"{path}: expected {_size(expected)} as its camera, found {_size(picture.shape)}")


def _size(shape: tuple[int, ...]) -> str:
    if len(shape) < 2:
        return "no picture"
    channels = f" with {shape[2]} channels" if shape[2:] else ""
    return f"{shape[1]} x {shape[0]} pixels{channels}"
