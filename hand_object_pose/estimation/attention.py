"""The network's mutual attention, for whoever wants to look at it; estimating does not need it."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError
from hand_object_pose.hand.hand_model import NUM_HAND_VERTICES
from hand_object_pose.objects.object_model import NUM_OBJECT_VERTICES, ObjectModel

TO_HAND, TO_OBJECT = "attention_to_hand", "attention_to_object"
_SHAPES = {
    TO_HAND: (NUM_HAND_VERTICES, NUM_OBJECT_VERTICES),
    TO_OBJECT: (NUM_OBJECT_VERTICES, NUM_HAND_VERTICES),
}


@dataclass(frozen=True)
class AttentionMaps:
    """Of one crop (equations 13 and 15); each row sums to one.

    Attributes:
        to_hand: (778, 1000), the share of each object vertex in what a hand vertex receives; None: it receives nothing.
        to_object: (1000, 778), the same of hand vertices in what an object vertex receives.
    """

    to_hand: FloatArray | None
    to_object: FloatArray | None


@runtime_checkable
class AttendingBackend(Protocol):
    """A backend that can also say how its network's vertices attend to each other."""

    def attention(self, images: FloatArray, objects: list[ObjectModel]) -> list[AttentionMaps]:
        """The maps of the first attention layer for crops and objects as ``Backend.run`` takes them.

        Raises:
            UserError: the network has none, or it cannot be had here.
        """
        ...


def attention_maps(found: dict[str, FloatArray | None]) -> list[AttentionMaps]:
    """Maps of a batch from arrays (B, 778, 1000) and (B, 1000, 778) by name.

    Raises:
        UserError: there is none between single vertices of hand and object.
    """
    maps = {name: found.get(name) for name in _SHAPES}
    known = {name: array for name, array in maps.items() if array is not None and array.shape[1:] == _SHAPES[name]}
    if not known:
        raise UserError("the network of these weights has no attention between single vertices of hand and object")
    batch = len(next(iter(known.values())))
    return [AttentionMaps(*(known[name][n] if name in known else None for name in _SHAPES)) for n in range(batch)]
