"""The one small interface behind which the network runs; ONNX Runtime is the default, PyTorch an alternative."""

from dataclasses import dataclass
from typing import Protocol

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UnknownObjectError
from hand_object_pose.estimation.uncertainty_model import UncertaintyModel
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel

SINGLE = "float32"
PRECISIONS = (SINGLE, "float16", "bfloat16")
"""Types in which a network may be computed, as PyTorch calls them; every backend has the first."""


@dataclass(frozen=True)
class LixelGeometry:
    """What turns lixel coordinates into pixels and metres (equations 1 to 3).

    Attributes:
        image_size: W = H of the network's square input, pixels.
        bins: L, the quantization level.
        depth_radius: D, metres, relative to the wrist's depth.
        joints_in_grid: regress joints from the mesh in lixel units (the released network) instead of from metres.
        root_from_hand: the wrist's x and y come from the refined hand; False only to replay the authors'
            evaluation, which was given the whole true wrist.
        origin_in_lixels: translations are votes for the place of the object's origin in lixel units, rather than
            metres relative to the wrist.
        viewing_direction_compensated: R and T are voted in the frame of a virtual camera that looks through
            the crop's centre, and must be turned by that rotation.
    """

    image_size: int
    bins: int
    depth_radius: float
    joints_in_grid: bool = False
    origin_in_lixels: bool = False
    root_from_hand: bool = True
    viewing_direction_compensated: bool = True


@dataclass(frozen=True)
class WeightsInfo:
    """What a set of weights says about itself.

    Attributes:
        name: file stem; hash: SHA-256 of the safetensors file; preset: "paper", "reference", "compact".
        lixels: geometry of its coordinates.
        hand: the hand model it was trained on (faces, regressor, fingertips; skinning may be absent in imports).
        objects: the catalogue it was trained on, by name.
        provenance: free text fields: data, steps, time, held-out errors (``mje_cm``, ``add_s_cm`` ...).
        uncertainty: how large its errors are; None where nobody measured it.
    """

    name: str
    hash: str
    preset: str
    lixels: LixelGeometry
    hand: HandModel
    objects: dict[str, ObjectModel]
    provenance: dict[str, str]
    uncertainty: UncertaintyModel | None = None

    def object(self, name: str) -> ObjectModel:
        """An object of the catalogue.

        Raises:
            UnknownObjectError: the weights do not know it.
        """
        if name not in self.objects:
            raise UnknownObjectError(name, list(self.objects), f"the weights '{self.name}'")
        return self.objects[name]


@dataclass(frozen=True)
class NetworkOutput:
    """Outputs of the network for a batch; coordinates (u, v, z) in lixel units, [0, L).

    Attributes:
        hand_lixels: refined hand (B, 778, 3); hand_sigma: spread of its rough lixels (B, 778, 3).
        object_lixels: rough object (B, 1000, 3).
        quaternion: (B, 4) in (w, x, y, z), of any non-zero length.
        translation: (B, 3) object origin, metres relative to the wrist, or lixel units; see ``LixelGeometry``.
        votes: (B, 1000, 7), one quaternion and translation per object node.
    """

    hand_lixels: FloatArray
    hand_sigma: FloatArray
    object_lixels: FloatArray
    quaternion: FloatArray
    translation: FloatArray
    votes: FloatArray

    def of(self, number: int) -> "NetworkOutput":
        """The outputs of one of the batch, as a batch of one."""
        return NetworkOutput(**{name: array[number : number + 1] for name, array in vars(self).items()})


class Backend(Protocol):
    """Runs one set of weights."""

    @property
    def weights(self) -> WeightsInfo:
        """What was loaded."""
        ...

    @property
    def device(self) -> str:
        """Where it runs, in words for people, such as "cpu (ONNX Runtime, 2 threads)"."""
        ...

    def run(self, images: FloatArray, objects: list[ObjectModel]) -> NetworkOutput:
        """Evaluate the network.

        Args:
            images: crops (B, 3, S, S), RGB, float32 in [0, 1].
            objects: B objects, each from ``weights.objects``.
        """
        ...
