"""The hand's depths corrected by the aligned depth image, for what is seen of it and for what is not.

How far each part of a hand lies before or behind its wrist is what a colour image tells least. A depth image shows it
wherever the hand is seen. The network's errors along z are taken for a Gaussian process over the resting hand: smooth,
and growing with the distance from the wrist. What is measured at some vertices then corrects all of them by so much as
they are likely to err alike (Rasmussen and Williams, 2006, section 2.2). Every point moves along its viewing ray,
because where it appears in the image is what the network tells well.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve
from scipy.spatial.distance import cdist

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.estimation.depth_sampling import sample_depth
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.view import Lifted
from hand_object_pose.estimation.visibility import image_points, visible_points
from hand_object_pose.hand.hand_model import HandModel

_DECIMETRE = 0.1


@dataclass(frozen=True)
class HandDepthSettings:
    """Of ``HandDepthFit``; lengths in metres.

    Attributes:
        common: standard deviation of the error that all vertices share; the root depth has removed most of it.
        slope: of the error that grows in proportion to the distance from the resting wrist, at one decimetre.
        local, radius: of what remains, and the distance on the resting hand over which it changes.
        noise: of one measured vertex. Neighbours err alike (sleeves, the sensor, the hand's shape), which the
            regression does not know; it is therefore several times a sensor's.
        reach: measurements farther from the predicted surface are of something else.
        largest_step: depths around a pixel that differ by more are an edge, and not used.
        enough_vertices: of those measured, so many to twice as many, evenly spread over the mesh's numbering, are used.
        least_vertices: fewer measured vertices are no measurement.
    """

    common: float = 0.003
    slope: float = 0.015
    local: float = 0.01
    radius: float = 0.05
    noise: float = 0.03
    reach: float = 0.03
    largest_step: float = 0.02
    enough_vertices: int = 150
    least_vertices: int = 20


class HandDepthFit:
    """Corrects answers about one hand model, or its mirror image."""

    def __init__(self, hand: HandModel, settings: HandDepthSettings | None = None) -> None:
        """See ``HandDepthSettings``."""
        self._settings = settings or HandDepthSettings()
        self._regressor = hand.joint_regressor21
        self._covariance = _covariance(hand, self._settings)

    def fit(self, frame: Frame, lifted: Lifted, faces: IntArray) -> Lifted:
        """The answer with hand and joints where the depth image says; as it was where too little is measured.

        Args:
            frame: the depth image.
            lifted: the answer; its rough object may hide parts of the hand.
            faces: of the hand (F, 3), counter-clockwise seen from outside.
        """
        if frame.depth is None or min(lifted.hand[:, 2].min(), lifted.rough_object[:, 2].min()) <= 0:
            return lifted
        measured, gaps = self._gaps(frame, lifted, faces)
        if len(measured) < self._settings.least_vertices:
            return lifted
        among = self._covariance[np.ix_(measured, measured)] + self._settings.noise**2 * np.eye(len(measured))
        shift = self._covariance[:, measured] @ solve(among, gaps, assume_a="pos")
        joints = _along_rays(lifted.joints, self._regressor @ shift)
        return replace(lifted, hand=_along_rays(lifted.hand, shift), joints=joints)

    def _gaps(self, frame: Frame, lifted: Lifted, faces: IntArray) -> tuple[IntArray, FloatArray]:
        """Vertices (N,) that are seen and measured, and measured minus predicted depth (N,) in metres."""
        settings = self._settings
        hand, held = (image_points(frame.camera, points) for points in (lifted.hand, lifted.rough_object))
        # What hides needs no faces of its own: its vertices are dense enough.
        nothing: IntArray = np.zeros((0, 3), dtype=np.int64)
        seen = np.flatnonzero(visible_points((hand, faces), (held, nothing))[0])
        depth, smooth = sample_depth(frame, hand[seen, :2], settings.largest_step)
        gaps = depth - hand[seen, 2]
        used = np.flatnonzero(smooth & (np.abs(gaps) < settings.reach))
        used = used[:: max(1, len(used) // settings.enough_vertices)]
        return seen[used], gaps[used]


def _covariance(hand: HandModel, settings: HandDepthSettings) -> FloatArray:
    """Of the errors in depth of every two vertices (778, 778), square metres."""
    places = hand.v_template - hand.rest_wrists(np.zeros(hand.shapedirs.shape[-1]))
    near = np.exp(-0.5 * np.square(cdist(places, places) / settings.radius))
    steep = places @ places.T / _DECIMETRE**2
    covariance: FloatArray = settings.common**2 + settings.slope**2 * steep + settings.local**2 * near
    return covariance


def _along_rays(points: FloatArray, shift: FloatArray) -> FloatArray:
    """Points (N, 3), camera frame, moved along their viewing rays until their depths changed by ``shift`` (N,)."""
    moved: FloatArray = points * (1 + shift / points[:, 2])[:, None]
    return moved
