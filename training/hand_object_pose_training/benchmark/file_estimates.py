"""What other systems predicted, from their files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.benchmark.frame_values import PosedFrame
from hand_object_pose.npz_files import UNREADABLE
from hand_object_pose_training.benchmark.bop_estimates import BopEstimates
from hand_object_pose_training.benchmark.estimates import Estimates
from hand_object_pose_training.benchmark.frames import BenchmarkFrame
from hand_object_pose_training.benchmark.ho3d_submission import read_submission
from hand_object_pose_training.datasets.hands import Hands, ManoParameters

_SHAPES: dict[str, tuple[int, ...]] = {
    "object_poses": (4, 4),
    "vertices": (778, 3),
    "joints": (21, 3),
    "pose": (48,),
    "betas": (10,),
    "translation": (3,),
}
_MESH, _PARAMETERS = {"vertices", "joints"}, {"pose", "betas", "translation"}


def read_estimates(path: Path, dataset: str, listed: int, hands: Hands, scenes: Mapping[str, int]) -> Estimates:
    """The estimates of a file.

    ``SubmittedEstimates`` of HO3D's ``.json`` or ``.zip``, ``BopEstimates`` of DexYCB's ``.csv``, ``ArrayEstimates`` of
    ``.npz``.

    Args:
        path: the file; dataset: that it is of; listed: how many frames that lists; hands: of the dataset.
        scenes: see ``FrameSource``.

    Raises:
        UserError: it is not such a file.
    """
    if path.suffix == ".npz":
        return ArrayEstimates.read(path, hands)
    if path.suffix in (".json", ".zip") and dataset == "ho3d":
        return SubmittedEstimates.read(path, listed)
    if path.suffix == ".csv" and dataset == "dexycb":
        return BopEstimates.read(path, scenes)
    raise UserError(
        "--predictions: expected .npz, HO3D's .json or .zip with --dataset ho3d, or BOP's .csv with --dataset dexycb "
        f"(BOP does not number the scenes of others), found {path} with --dataset {dataset}"
    )


@dataclass(frozen=True)
class SubmittedEstimates:
    """Hands of an HO3D submission; it holds no objects.

    Attributes:
        name: for tables; joints: (N, 21, 3), vertices: (N, 778, 3) by the frames' places.
    """

    name: str
    joints: FloatArray
    vertices: FloatArray

    @classmethod
    def read(cls, path: Path, listed: int) -> "SubmittedEstimates":
        """Of a ``pred.json``, or a zip that holds one, for so many listed frames.

        Raises:
            FileProblemError: it is not such a file, or has another number of frames.
        """
        return cls(path.name, *read_submission(path, listed))

    def estimate(self, frame: BenchmarkFrame) -> tuple[PosedFrame, str]:
        """See ``Estimates``."""
        return PosedFrame(self.vertices[frame.place], self.joints[frame.place]), ""


@dataclass(frozen=True)
class ArrayEstimates:
    """Hands, objects or both by the frames' keys.

    Attributes:
        name: for tables; hands: whose parameters they are.
        rows: of each key. arrays: ``object_poses`` (N, 4, 4); ``vertices`` (N, 778, 3) with ``joints`` (N, 21, 3), or
            MANO's ``pose`` (N, 48) axis-angle about the flat hand, ``betas`` (N, 10), ``translation`` (N, 3). Metres,
            optical frame; a row of NaN is no estimate.
    """

    name: str
    hands: Hands
    rows: dict[str, int]
    arrays: dict[str, FloatArray]

    @classmethod
    def read(cls, path: Path, hands: Hands) -> "ArrayEstimates":
        """Of an npz file with ``keys`` (N,) and the arrays.

        Raises:
            UserError: the file cannot be read, or an array is missing or has another shape.
        """
        try:
            with np.load(path) as file:
                content = {name: file[name] for name in file}
        except UNREADABLE as error:
            raise UserError(f"{path}: expected predictions (.npz), found: {error}") from error
        keys = [str(key) for key in content.pop("keys", [])]
        names = set(content)
        if not keys or not names or names - {"object_poses"} not in (set(), _MESH, _PARAMETERS):
            raise UserError(
                f"{path}: expected the arrays keys, object_poses, and vertices with joints or pose with betas and "
                f"translation; found {', '.join(sorted(names)) or 'none'}, and {len(keys)} keys"
            )
        for name, array in content.items():
            expected = (len(keys), *_SHAPES[name])
            if array.shape != expected:
                raise UserError(f"{path}: {name}: expected shape {expected}, found {array.shape}")
        arrays = {name: array.astype(np.float64) for name, array in content.items()}
        return cls(path.name, hands, {key: row for row, key in enumerate(keys)}, arrays)

    def estimate(self, frame: BenchmarkFrame) -> tuple[PosedFrame, str]:
        """See ``Estimates``."""
        if frame.key not in self.rows:
            return PosedFrame(), "not in the file"
        found = {name: array[self.rows[frame.key]] for name, array in self.arrays.items()}
        known = {name: array for name, array in found.items() if np.isfinite(array).all()}
        vertices, joints = known.get("vertices"), known.get("joints")
        if set(known) >= _PARAMETERS:
            hand = ManoParameters(known["pose"], known["betas"], known["translation"])
            vertices, joints = self.hands.mesh(frame.side, hand)
        return PosedFrame(vertices, joints, known.get("object_poses")), "" if known else "not a number in the file"
