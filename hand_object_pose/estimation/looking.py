"""One look at a frame through one square: crop, network, root depth, lift, and the fits to the depth image."""

import math
from dataclasses import dataclass, replace

import numpy as np

from hand_object_pose.estimation.backend import Backend, NetworkOutput
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.hand_depth_fit import HandDepthFit
from hand_object_pose.estimation.object_fit import ObjectFit
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.surface_fit import SurfaceEvidence, surface_evidence
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.estimation.view import Lifted, View
from hand_object_pose.geometry.crops import CropBox
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel

# Shorter quaternions have no direction that means anything.
_LEAST_QUATERNION = 1e-12


@dataclass(frozen=True)
class NothingSeen:
    """Why a look ended without an estimate; ``root_source`` where that is the root depth's fault."""

    reason: str
    root_source: str = ""


@dataclass(frozen=True)
class _Fitted:
    """See ``Observation``."""

    lifted: Lifted
    residual: float = math.inf
    surface: SurfaceEvidence | None = None


class Looking:
    """Looks at frames with one set of weights."""

    def __init__(self, backend: Backend, config: EstimatorConfig) -> None:
        """Prepare; the object's fit remembers the frame before."""
        self._backend = backend
        self._weights = backend.weights
        self._regressor = self._weights.hand.joint_regressor21
        self._hand_depth_fit = HandDepthFit(self._weights.hand)
        self._object_fit = ObjectFit()
        self.set_config(config)

    def set_config(self, config: EstimatorConfig) -> None:
        """Change settings between frames."""
        self._config = config
        self._root_depth = config.make_root_depth(self._weights)

    def reset(self) -> None:
        """Forget the frame before."""
        self._object_fit.reset()

    def keep(self, frame: Frame, seen: Observation) -> None:
        """Take what was seen for the frame's answer: the next frame's object is looked for there, too."""
        self._object_fit.keep(frame.stamp, seen.model, seen.lifted.object_pose, seen.object_residual)

    def look(self, frame: Frame, crop: CropBox, model: ObjectModel, timer: StageTimer) -> Observation | NothingSeen:
        """What the network and the depth image say of one square."""
        with timer.stage("crop"):
            mirrored = self._config.hand_side != self._weights.hand.side
            view = View.of(frame, crop, self._weights.lixels, mirrored)
            image = view.network_input(frame)
        with timer.stage("network"):
            output = self._backend.run(image, [model])
        if problem := _unusable(output):
            return NothingSeen(problem)
        with timer.stage("root_depth"):
            root = self._root_depth.estimate(frame, view.relative_meshes(output, self._weights, model.name))
        if root.reason:
            return NothingSeen(root.reason, root.source)
        with timer.stage("lift"):
            lifted = view.lift(output, root.depth, self._regressor)
        with timer.stage("surface_fit"):
            fits = self._config.surface_fit and root.source == "depth_image"
            found = self._fitted(frame, view, model, lifted) if fits else _Fitted(lifted)
        return Observation(self._weights, model, view, output, root, found.lifted, found.residual, fits, found.surface)

    def _fitted(self, frame: Frame, view: View, model: ObjectModel, lifted: Lifted) -> _Fitted:
        """Hand and object pulled onto the surface that the depth image shows."""
        faces = self._weights.hand.faces_of(self._config.hand_side)
        lifted = self._hand_depth_fit.fit(frame, lifted, faces)
        if view.mirrored:
            return _Fitted(lifted)
        found = self._object_fit.fit(frame, lifted, model, faces)
        mesh = TriangleMesh(transform_points(found.pose, model.vertices), model.faces)
        surface = surface_evidence(frame, mesh, TriangleMesh(lifted.hand, faces))
        return _Fitted(replace(lifted, object_pose=found.pose), found.residual, surface)


def _unusable(output: NetworkOutput) -> str:
    if not all(np.isfinite(array).all() for array in vars(output).values()):
        return "the network's output is not finite"
    if np.linalg.norm(output.quaternion, axis=-1).min() < _LEAST_QUATERNION:
        return "the network's rotation is a quaternion of length zero"
    return ""
