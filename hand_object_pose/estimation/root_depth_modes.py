"""The ways to the wrist's depth by name, and the one that takes the best there is."""

from collections.abc import Callable, Sequence

from hand_object_pose.estimation.bone_length_root import BoneLengthRootDepth, KnownBones
from hand_object_pose.estimation.depth_image_root import DepthImageRootDepth
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.root_depth import (
    FixedRootDepth,
    RelativeMeshes,
    RootDepth,
    RootDepthEstimate,
    TrueRootDepth,
)
from hand_object_pose.hand.hand_model import HandModel

MODES = ("auto", "depth_image", "bone_length", "fixed", "ground_truth")
USING_DEPTH_IMAGES = ("auto", "depth_image")

_GUESS_SIGMA = 0.2
"""Metres: of the given depth where nobody knows whether the hand is there at all."""


class FirstRootDepth:
    """The depth by the first of several ways that finds one."""

    def __init__(self, ways: Sequence[RootDepth]) -> None:
        """``ways``, the best first."""
        self._ways = list(ways)

    def estimate(self, frame: Frame, meshes: RelativeMeshes) -> RootDepthEstimate:
        """The first depth found; where there is none, what the first way says."""
        first: RootDepthEstimate | None = None
        for way in self._ways:
            found = way.estimate(frame, meshes)
            if not found.reason:
                return found
            first = first or found
        if first is None:
            raise ValueError("FirstRootDepth: expected at least one way")
        return first


def make_root_depth(mode: str, value: float, hand: HandModel, known: KnownBones) -> RootDepth:
    """The strategy of that name (``MODES``).

    Args:
        mode: "auto" is the depth image where it measures, else bone lengths, else ``value``.
        value: metres, for "fixed".
        hand: the network's hand model; known: the bones of the hand that is seen.
    """

    def auto() -> RootDepth:
        bones = BoneLengthRootDepth(hand.joint_regressor21, known)
        return FirstRootDepth([DepthImageRootDepth(), bones, FixedRootDepth(value, _GUESS_SIGMA)])

    makers: dict[str, Callable[[], RootDepth]] = {
        "auto": auto,
        "depth_image": DepthImageRootDepth,
        "bone_length": lambda: BoneLengthRootDepth(hand.joint_regressor21, known),
        "fixed": lambda: FixedRootDepth(value),
        "ground_truth": TrueRootDepth,
    }
    if mode not in makers:
        raise ValueError(f"root depth: expected one of {', '.join(MODES)}, found '{mode}'")
    return makers[mode]()
