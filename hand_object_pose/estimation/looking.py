"""Looks at frames through squares: crop, network, root depth, lift, and the fits to the depth image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hand_object_pose.estimation.backend import Backend, NetworkOutput
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.either_hand import run_for_either_hand
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.hand_depth_fit import HandDepthFit
from hand_object_pose.estimation.object_fit import ObjectFit
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.estimation.view import Lifted, View
from hand_object_pose.geometry.crops import CropBox
from hand_object_pose.objects.object_model import ObjectModel

# Shorter quaternions have no direction that means anything.
_LEAST_QUATERNION = 1e-12


@dataclass(frozen=True)
class NothingSeen:
    """Why a look ended without an estimate; ``root_source`` where that is the root depth's fault."""

    reason: str
    root_source: str = ""


@dataclass(frozen=True)
class Sight:
    """What to look at.

    Attributes:
        frame, crop: a square of a frame.
        model: the object that is looked for; side: of the hand, "left" or "right".
        object_fit: of the track, with the frame before.
    """

    frame: Frame
    crop: CropBox
    model: ObjectModel
    side: str
    object_fit: ObjectFit


class Looking:
    """Looks at frames with one set of weights."""

    def __init__(self, backend: Backend, config: EstimatorConfig) -> None:
        """Prepare."""
        self._backend = backend
        self._weights = backend.weights
        self._regressor = self._weights.hand.joint_regressor21
        self._hand_depth_fit = HandDepthFit(self._weights.hand)
        self.set_config(config)

    def set_config(self, config: EstimatorConfig) -> None:
        """Change settings between frames."""
        self._config = config
        self._root_depth = config.make_root_depth(self._weights)

    def look(self, sights: Sequence[Sight], timer: StageTimer) -> list[Observation | NothingSeen]:
        """What the network, evaluated once, and the depth image say of each square; of none for no squares."""
        if not sights:
            return []
        with timer.stage("crop"):
            views = [self._view(sight) for sight in sights]
            images = np.concatenate([view.network_input(s.frame) for view, s in zip(views, sights, strict=True)])
        with timer.stage("network"):
            models, sides = [sight.model for sight in sights], [sight.side for sight in sights]
            answers = run_for_either_hand(self._backend, images, models, sides)
        return [self._observed(*seen, timer) for seen in zip(sights, views, answers, strict=True)]

    def look_alone(
        self, frame: Frame, crop: CropBox, model: ObjectModel, timer: StageTimer
    ) -> Observation | NothingSeen:
        """What is seen in one square of a frame that belongs to no stream; the hand's side is that of the settings."""
        return self.look([Sight(frame, crop, model, self._config.hand_side, ObjectFit())], timer)[0]

    def _view(self, sight: Sight) -> View:
        return View.of(sight.frame, sight.crop, self._weights.lixels)

    def _observed(
        self, sight: Sight, view: View, output: NetworkOutput, timer: StageTimer
    ) -> Observation | NothingSeen:
        if problem := _unusable(output):
            return NothingSeen(problem)
        with timer.stage("root_depth"):
            meshes = view.relative_meshes(output, self._weights.hand.faces_of(sight.side), sight.model)
            root = self._root_depth.estimate(sight.frame, meshes)
        if root.reason:
            return NothingSeen(root.reason, root.source)
        with timer.stage("lift"):
            lifted = view.lift(output, root.depth, self._regressor)
        with timer.stage("surface_fit"):
            fits = self._config.surface_fit and root.source == "depth_image"
            lifted, residual = self._fitted(sight, lifted) if fits else (lifted, math.inf)
        known = self._weights, sight.frame, sight.model, sight.side
        return Observation(*known, view, output, root, lifted, residual, fits)

    def _fitted(self, sight: Sight, lifted: Lifted) -> tuple[Lifted, float]:
        """Hand and object pulled onto the surface that the depth image shows, and the object's residual."""
        faces = self._weights.hand.faces_of(sight.side)
        lifted = self._hand_depth_fit.fit(sight.frame, lifted, faces)
        found = sight.object_fit.fit(sight.frame, lifted, sight.model, faces)
        return replace(lifted, object_pose=found.pose), found.residual


def _unusable(output: NetworkOutput) -> str:
    if not all(np.isfinite(array).all() for array in vars(output).values()):
        return "the network's output is not finite"
    if np.linalg.norm(output.quaternion, axis=-1).min() < _LEAST_QUATERNION:
        return "the network's rotation is a quaternion of length zero"
    return ""
