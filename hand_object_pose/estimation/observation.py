"""One answer of the network with everything known around it, and what is published of it."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backend import NetworkOutput, WeightsInfo
from hand_object_pose.estimation.confidence import Evidence, confidence, hand_evidence, object_evidence
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.hand_features import hand_features
from hand_object_pose.estimation.result import HandEstimate, ObjectEstimate
from hand_object_pose.estimation.root_depth import RelativeMeshes, RootDepthEstimate
from hand_object_pose.estimation.uncertainty import (
    UNCALIBRATED_COVARIANCE,
    joint_sigmas,
    vertex_sigmas,
    vote_covariance,
)
from hand_object_pose.estimation.view import Lifted, View
from hand_object_pose.estimation.wrist_pose import wrist_pose
from hand_object_pose.geometry.meshes import unique_edges
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel


@lru_cache(maxsize=4)
def _edges(faces: bytes) -> NDArray[np.integer]:
    """Edges (E, 2) of faces (F, 3) given as the bytes of int64, because arrays cannot be keys."""
    return unique_edges(np.frombuffer(faces, dtype=np.int64).reshape(-1, 3))


@dataclass(frozen=True)
class Observation:
    """What was seen through one view of a frame.

    ``model`` is the object that was looked for; ``side`` the hand's, "right" or "left"; ``object_residual`` see
    ``FittedObject``; ``is_measured``: whether hand and object were to be fitted to the frame's depth image.
    """

    weights: WeightsInfo
    frame: Frame
    model: ObjectModel
    side: str
    view: View
    output: NetworkOutput
    root: RootDepthEstimate
    lifted: Lifted
    object_residual: float = math.inf
    is_measured: bool = False

    @property
    def points(self) -> FloatArray:
        """Hand and posed object (1778, 3), metres, camera frame: what a tracker follows."""
        return np.concatenate([self.lifted.hand, transform_points(self.lifted.object_pose, self.model.vertices)])

    def relative_meshes(self) -> RelativeMeshes:
        """What the network says before the wrist's depth is known."""
        return self.view.relative_meshes(self.output, self.weights.hand.faces_of(self.side), self.model)

    def confidence(self) -> float:
        """In [0, 1], see ``estimation.confidence``."""
        return confidence(self.evidence())

    def evidence(self) -> Evidence:
        """What speaks against the estimate."""
        lifted, fitted = self.lifted, math.isfinite(self.object_residual)
        deformation, disagreement = object_evidence(lifted.rough_object, self.model.vertices, lifted.object_pose)
        spread = np.linalg.norm(self.output.hand_sigma[0, :, :2], axis=1) / self.view.geometry.bins
        measured = not math.isnan(self.root.residual)
        return Evidence(
            hand_spread=float(np.median(spread)),
            hand_deformation=self._hand_deformation(),
            object_deformation=deformation,
            object_disagreement=None if fitted else disagreement,
            object_residual=self.object_residual if fitted else None,
            depth_residual=self.root.residual if measured else None,
            depth_rejected=1 - self.root.support if measured else None,
        )

    def hand(self) -> HandEstimate:
        """The hand with its standard deviations."""
        model = self.weights.uncertainty
        if model is None:
            sigma = self.vertex_spread(self.root.sigma)
        elif self.is_measured:
            sigma = model.measured_hand.sigmas(self.hand_features()[None])[0]
        else:
            # The wrist's depth is wrong along one of three axes.
            sigma = np.hypot(model.voted_hand.sigmas(self.hand_features()[None])[0], self.root.sigma / math.sqrt(3))
        regressed = joint_sigmas(sigma, self.weights.hand.joint_regressor21)
        lifted, weights = self.lifted, self.weights
        wrist = (
            wrist_pose(weights.hand, self.side, lifted.hand, lifted.joints) if np.isfinite(lifted.hand).all() else None
        )
        return HandEstimate(lifted.hand, lifted.joints, sigma, regressed, self.side, wrist)

    def hand_features(self) -> FloatArray:
        """(11,) see ``estimation.hand_features``."""
        deformation = self._hand_deformation()
        return hand_features(self.lifted.hand, self.output.hand_sigma[0], self.root, deformation)

    def _hand_deformation(self) -> float:
        hand, edges = self.weights.hand, _edges(self.weights.hand.faces.astype(np.int64).tobytes())
        return hand_evidence(self.lifted.hand, hand.v_template, edges)

    def vertex_spread(self, root_sigma: float) -> FloatArray:
        """(778,) metres, standard deviations of the heatmaps and, in metres, of the wrist's depth."""
        depth, matrix = self.lifted.hand[:, 2], self.view.camera.matrix
        return vertex_sigmas(self.output.hand_sigma[0], matrix, depth, self.view.geometry, root_sigma)

    def object(self, covariance: FloatArray | None = None) -> ObjectEstimate:
        """The object with the covariance (6, 6) of its pose, see ``ObjectEstimate``; None: not known."""
        published = UNCALIBRATED_COVARIANCE if covariance is None else covariance
        return ObjectEstimate(self.model.name, self.lifted.object_pose, published, covariance is not None)

    def vote_covariance(self) -> FloatArray:
        """Covariance (6, 6) of one node's vote about the voted pose, camera frame; not that of the pose's error."""
        votes, translation = self.lifted.votes, self.lifted.translation
        return vote_covariance(votes, self.output.quaternion[0], translation, self.view.viewing_rotation)
