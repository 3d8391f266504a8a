"""The default hand: a freely licensed hand in MANO's format, so that nobody must register for MANO to begin.

Right hand at rest: the wrist joint at the origin, fingers along -x, palm facing -y, thumb at +z. It has MANO's
counts, joint order and fingertip numbers, not MANO's topology. Origin and licence: assets/hands/PROVENANCE.md.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from hand_object_pose.hand.hand_file import load_hand_model
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.shipped import ASSETS

_FILE = ASSETS / "hands" / "default_right.npz"
_SIDES = ("right", "left")


@lru_cache(maxsize=2)
def default_hand(side: str = "right") -> HandModel:
    """The default hand of one side, cached; its arrays are read-only.

    Raises:
        ValueError: ``side`` is neither "right" nor "left".
    """
    if side not in _SIDES:
        raise ValueError(f"side: expected one of {', '.join(_SIDES)}, found {side!r}")
    model = load_hand_model(_FILE) if side == "right" else mirrored(default_hand("right"), "default_left")
    for value in vars(model).values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return model


def mirrored(model: HandModel, name: str) -> HandModel:
    """The other side of ``model``: its mirror image in the plane x = 0, as MANO's two hands are to each other.

    A pose (x, y, z) of a joint becomes (x, -y, -z): mirroring turns rotations about the normal's plane around.
    Principal components are mirrored alike, so equal coefficients give mirrored hands.
    """
    flip = np.array([-1.0, 1.0, 1.0])
    axis_angle = np.tile([1.0, -1.0, -1.0], 15)
    # R becomes M R M: entry (r, c) of R - I changes its sign with flip[r] * flip[c].
    rotation = np.tile(np.outer(flip, flip).ravel(), 15)
    return replace(
        model,
        name=name,
        side="left" if model.side == "right" else "right",
        v_template=model.v_template * flip,
        shapedirs=model.shapedirs * flip[:, None],
        posedirs=model.posedirs * flip[:, None] * rotation,
        faces=np.ascontiguousarray(model.faces[:, ::-1]),
        hands_components=model.hands_components * axis_angle,
        hands_mean=model.hands_mean * axis_angle,
    )
