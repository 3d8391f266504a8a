"""The wrist's depth r_z of equation 3, which the paper takes as given: several ways with one interface.

This module says what they have in common; ``root_depth_modes`` names and makes them.
"""

import math
from dataclasses import dataclass
from typing import Protocol

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.estimation.frame import Frame


@dataclass(frozen=True)
class RelativeMeshes:
    """What the network says of one crop before the wrist's depth is known.

    Attributes:
        hand: (778, 3) and object: (1000, 3): u, v in undistorted full-image pixels, z in metres relative to the wrist.
        hand_faces, object_faces: (F, 3), counter-clockwise seen from outside.
    """

    hand: FloatArray
    hand_faces: IntArray
    object: FloatArray
    object_faces: IntArray


@dataclass(frozen=True)
class RootDepthEstimate:
    """The wrist's depth.

    Attributes:
        depth: metres; NaN where none was found, and ``reason`` says why.
        sigma: standard deviation, metres.
        source: "depth_image", "bone_length", "fixed" or "ground_truth".
        residual: metres, robust spread of measured against predicted surface; NaN where nothing was measured.
        support: share of the measured vertices that agree, 0 to 1; NaN where nothing was measured.
    """

    depth: float
    sigma: float
    source: str
    residual: float = math.nan
    support: float = math.nan
    reason: str = ""


class RootDepth(Protocol):
    """Finds the wrist's depth in a frame."""

    def estimate(self, frame: Frame, meshes: RelativeMeshes) -> RootDepthEstimate:
        """The depth, or the reason why there is none."""
        ...


class FixedRootDepth:
    """A depth that the user gives."""

    def __init__(self, depth: float, sigma: float = 0.05) -> None:
        """``depth`` and its standard deviation ``sigma`` in metres."""
        self._estimate = RootDepthEstimate(depth, sigma, "fixed")

    def estimate(self, frame: Frame, meshes: RelativeMeshes) -> RootDepthEstimate:
        """The given depth."""
        return self._estimate


class TrueRootDepth:
    """The ground truth that comes with the frame, as in the paper's evaluation."""

    def estimate(self, frame: Frame, meshes: RelativeMeshes) -> RootDepthEstimate:
        """The frame's own depth."""
        if frame.true_root_depth is None:
            return no_depth("ground_truth", "the frame holds no true root depth")
        return RootDepthEstimate(frame.true_root_depth, 0.0, "ground_truth")


def no_depth(source: str, reason: str) -> RootDepthEstimate:
    """Says in words why there is none."""
    return RootDepthEstimate(math.nan, math.nan, source, reason=reason)
