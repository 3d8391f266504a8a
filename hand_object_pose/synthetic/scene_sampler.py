"""Single random scenes for training: every state that a handover shows, from reaching to holding out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.projection import visible_share
from hand_object_pose.geometry.se3 import inverse_pose, pose_matrix, transform_points
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.appearance import sample_appearance
from hand_object_pose.synthetic.finger_closing import PosedHand
from hand_object_pose.synthetic.grasp_library import GraspLibrary, shipped_grasps
from hand_object_pose.synthetic.reaching import ReachConfig, retreated
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.viewpoints import (
    ViewConfig,
    level_to_camera,
    sample_attitude,
    sample_camera,
)


@dataclass(frozen=True)
class SceneConfig:
    """What scenes show.

    Attributes:
        reaching_share: share of scenes in which the hand has not arrived yet; closing_share: in which its fingers
            are just closing; in the others it holds the object.
        pose_noise: standard deviation added to finger poses, radians; shape_noise: to shape coefficients.
        view, reach: see there.
    """

    reaching_share: float = 0.3
    closing_share: float = 0.1
    pose_noise: float = 0.03
    shape_noise: float = 0.15
    view: ViewConfig = field(default_factory=ViewConfig)
    reach: ReachConfig = field(default_factory=ReachConfig)


class SceneSampler:
    """Draws scenes; about a millisecond each."""

    def __init__(
        self,
        hand: HandModel,
        catalogue: Mapping[str, ObjectModel],
        library: GraspLibrary | None = None,
        config: SceneConfig | None = None,
    ) -> None:
        """Prepare.

        Args:
            hand: a right hand; catalogue: objects by name, all equally likely.
            library: their grasps; None takes the shipped ones.
            config: see ``SceneConfig``.

        Raises:
            UserError: the library lacks an object, or was made for another mesh of it or another hand.
        """
        self.config = config or SceneConfig()
        self.posed = PosedHand(hand)
        self.frame = self.posed.frame
        self._models = {name: catalogue[name] for name in sorted(catalogue)}
        library = shipped_grasps() if library is None else library
        library.require_hand(hand)
        self._grasps = {name: library.of(model) for name, model in self._models.items()}

    def sample(self, rng: np.random.Generator) -> Scene:
        """A random scene; the same for the same state of ``rng``."""
        name = list(self._models)[rng.integers(len(self._models))]
        grasps = self._grasps[name]
        grasp = grasps[[int(rng.integers(len(grasps)))]]
        state, away = self._state(rng)
        pose = state * grasp.pose + (1 - state) * grasp.open_pose
        pose = pose + rng.normal(0, self.config.pose_noise, pose.shape)
        betas = grasp.betas + rng.normal(0, self.config.shape_noise, grasp.betas.shape)
        vertices, joints = (points[0] for points in self.posed.mesh(pose, betas))
        wrist = retreated(grasp.T_object_wrist[0], self.frame, self.config.reach, away, rng)
        corners = transform_points(inverse_pose(wrist), self._models[name].vertices)
        camera, placement = self._placed(vertices, corners, rng)
        truth = SceneTruth(
            transform_points(placement, vertices),
            transform_points(placement, joints),
            name,
            placement @ inverse_pose(wrist),
        )
        return Scene(truth, camera, sample_appearance(rng))

    def _state(self, rng: np.random.Generator) -> tuple[float, float]:
        """How far the fingers are closed, 0 to 1, and how far the hand still is from the grasp, metres."""
        chance = rng.random()
        if chance < self.config.reaching_share:
            return float(rng.uniform(0, 0.3)), float(rng.uniform(*self.config.reach.distance))
        if chance < self.config.reaching_share + self.config.closing_share:
            return float(rng.random()), 0.0
        return 1.0, 0.0

    def _placed(
        self, vertices: FloatArray, object_vertices: FloatArray, rng: np.random.Generator
    ) -> tuple[Camera, FloatArray]:
        """A camera and the wrist's pose (4, 4) in its frame such that hand and object are in view."""
        view = self.config.view
        centre = (vertices.mean(axis=0) + object_vertices.mean(axis=0)) / 2
        while True:
            camera = sample_camera(view, rng)
            attitude = sample_attitude(view, rng)
            tilt = level_to_camera(rng.uniform(*view.elevation), rng.uniform(*view.camera_roll))
            rotation = tilt @ attitude.rotation(self.frame)
            pixel = rng.uniform(0.08, 0.92, 2) * [camera.width, camera.height]
            target = camera.unproject(pixel, np.asarray(rng.uniform(*view.distance)))
            placement = pose_matrix(rotation, target - rotation @ centre)
            shares = [visible_share(camera, transform_points(placement, p)) for p in (vertices, object_vertices)]
            if min(shares) >= view.visible_share:
                return camera, placement
