"""Short synthetic recordings for exported datasets: one object, one hand that takes it, one or several cameras."""

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.mirroring import MIRROR
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.projection import visible_share
from hand_object_pose.geometry.se3 import inverse_pose, pose_matrix, transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.appearance import Appearance, sample_appearance
from hand_object_pose.synthetic.finger_closing import PosedHand
from hand_object_pose.synthetic.grasp_library import shipped_grasps
from hand_object_pose.synthetic.motion import minimum_jerk
from hand_object_pose.synthetic.occlusion import seen_share
from hand_object_pose.synthetic.reaching import ReachConfig, retreated
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.viewpoints import ViewConfig, level_to_camera, sample_attitude
from hand_object_pose_training.datasets.contact_filter import surface_distances
from hand_object_pose_training.datasets.hands import Hands, ManoParameters

_AXIS_ANGLE_MIRROR = np.tile([1.0, -1.0, -1.0], 15)


@dataclass(frozen=True)
class EpisodeConfig:
    """How an episode goes.

    Attributes:
        reach_share: share of the frames in which the hand still comes nearer.
        reach: how far away it begins, metres.
        turn: how far the held object is turned about each axis at most, radians.
        move: how far it is moved along each axis at most, metres.
        distance: from a camera to hand and object, metres.
        elevation: how far cameras look down, radians.
        least_seen: share of the object's camera side that the first camera sees past the hand in the last frame.
        least_visible: share of the vertices of each of hand and object that every camera sees in every frame.
        attempts: at placing each camera.
        plans: attempts at grasp and motion.
    """

    reach_share: float = 0.3
    reach: ReachConfig = field(default_factory=lambda: ReachConfig(distance=(0.03, 0.08)))
    turn: float = 0.5
    move: float = 0.04
    distance: tuple[float, float] = (0.6, 0.85)
    elevation: tuple[float, float] = (0.1, 0.8)
    least_visible: float = 0.97
    least_seen: float = 0.25
    attempts: int = 6
    plans: int = 60


@dataclass(frozen=True)
class View:
    """One camera of an episode: intrinsics and its pose (4, 4), world frame to camera frame."""

    camera: Camera
    T_camera_world: FloatArray


class Episode:
    """A hand takes an object, turns and moves it; the world's origin is near the two, y points down."""

    def __init__(
        self,
        model: ObjectModel,
        side: str,
        num_frames: int,
        cameras: list[Camera],
        rng: np.random.Generator,
        config: EpisodeConfig | None = None,
    ) -> None:
        """Choose a grasp, a motion, the cameras' places and a look.

        Args:
            model: one of the default objects.
            side: of the hand; for "left" the object must have a plane of symmetry, see ``mirror_plane``.
            num_frames: at least 1; cameras: their intrinsics.
            rng: source of all randomness; config: see there.

        Raises:
            UserError: no left hand can hold the object, or no plan lets the cameras see everything.
        """
        self.model, self.side, self.num_frames = model, side, num_frames
        self._config = config or EpisodeConfig()
        self._plane = self._chosen_plane()
        self._posed = PosedHand(default_hand())
        self._hands = Hands.default()
        self.appearance: Appearance = sample_appearance(rng)
        self.views: list[View] = []
        for _ in range(self._config.plans):
            self._plan(rng)
            views = [self._view(camera, number, rng) for number, camera in enumerate(cameras)]
            self.views = [view for view in views if view is not None]
            if len(self.views) == len(cameras):
                return
        raise UserError(
            f"object '{model.name}': no recording in {self._config.plans} attempts in which {len(cameras)} cameras see "
            "hand and object throughout; try another seed"
        )

    @property
    def betas(self) -> FloatArray:
        """(10,) the hand's shape."""
        return self._grasp.betas[0]

    def _plan(self, rng: np.random.Generator) -> None:
        """Draw a grasp, the way to it, and what happens to the object afterwards."""
        config, grasps = self._config, shipped_grasps().of(self.model)
        self._grasp = grasps[[int(rng.integers(len(grasps)))]]
        start = self._grasp.T_object_wrist[0]
        far = retreated(start, self._posed.frame, config.reach, config.reach.distance[1], rng)
        self._way = far[:3, 3] - start[:3, 3]
        self._attitude = sample_attitude(ViewConfig(), rng).rotation(self._posed.frame)
        self._turn = rng.uniform(-config.turn, config.turn, 3)
        self._move = rng.uniform(-config.move, config.move, 3)

    def hand(self, frame: int, view: View) -> ManoParameters:
        """The hand's parameters in a camera's frame."""
        wrist = view.T_camera_world @ self._wrist(frame)
        fingers = self._fingers(frame)
        if self._plane is not None:
            fingers = fingers * _AXIS_ANGLE_MIRROR
        pose = np.concatenate([Rotation.from_matrix(wrist[:3, :3]).as_rotvec(), fingers])
        return ManoParameters(pose, self.betas, wrist[:3, 3] - self._hands.rest_wrist(self.side, self.betas))

    def object_pose(self, frame: int, view: View) -> FloatArray:
        """(4, 4) object frame to a camera's frame."""
        return view.T_camera_world @ self._object(frame)

    def scene(self, frame: int, view: View) -> Scene:
        """What a camera sees in a frame, 0 to ``num_frames`` - 1."""
        vertices, joints = self._hands.mesh(self.side, self.hand(frame, view))
        truth = SceneTruth(vertices, joints, self.model.name, self.object_pose(frame, view))
        return Scene(truth, view.camera, self.appearance)

    def _chosen_plane(self) -> FloatArray | None:
        if self.side == "right":
            return None
        plane = mirror_plane(self.model)
        if plane is None:
            raise UserError(f"object '{self.model.name}' has no plane of symmetry: no left hand's grasp of it is known")
        return plane

    def _progress(self, frame: int) -> tuple[float, float]:
        """How far the hand has come (0 to 1), and then how far it has moved the object."""
        time = (frame + 0.5) / self.num_frames
        share = self._config.reach_share
        return float(minimum_jerk(time / share)), float(minimum_jerk((time - share) / (1 - share)))

    def _fingers(self, frame: int) -> FloatArray:
        come, _ = self._progress(frame)
        return (come * self._grasp.pose + (1 - come) * self._grasp.open_pose)[0]

    def _object(self, frame: int) -> FloatArray:
        """(4, 4) object frame to world: the grasp's middle lies near the origin, and turns and moves."""
        _, moved = self._progress(frame)
        turn = Rotation.from_rotvec(moved * self._turn).as_matrix() @ self._attitude
        held = turn @ inverse_pose(self._grasp.T_object_wrist[0])[:3, :3]
        if self._plane is not None:
            held = MIRROR @ held @ self._plane
        middle = (self._object_wrist(1.0)[:3, 3] + self.model.vertices.mean(axis=0)) / 2
        return pose_matrix(held, moved * self._move - held @ middle)

    def _object_wrist(self, come: float) -> FloatArray:
        """(4, 4) hand model's axes with the wrist at the origin, to object frame."""
        wrist = self._grasp.T_object_wrist[0].astype(np.float64).copy()
        wrist[:3, 3] += (1 - come) * self._way
        if self._plane is None:
            return wrist
        return pose_matrix(self._plane @ wrist[:3, :3] @ MIRROR, self._plane @ wrist[:3, 3])

    def _wrist(self, frame: int) -> FloatArray:
        return self._object(frame) @ self._object_wrist(self._progress(frame)[0])

    def _view(self, camera: Camera, number: int, rng: np.random.Generator) -> View | None:
        """A place from which a camera sees hand and object throughout; the first camera looks from the front.

        None if none was found.
        """
        for _ in range(self._config.attempts):
            azimuth = rng.uniform(-0.1, 0.1) if number == 0 else rng.uniform(-1.3, 1.3)
            around = Rotation.from_euler("y", azimuth).as_matrix()
            rotation = level_to_camera(rng.uniform(*self._config.elevation), rng.uniform(-0.1, 0.1)) @ around
            pixel = rng.uniform(0.35, 0.65, 2) * [camera.width, camera.height]
            translation = camera.unproject(pixel, np.asarray(rng.uniform(*self._config.distance)))
            view = View(camera, pose_matrix(rotation, translation))
            hidden = number == 0 and self._seen_share(view) < self._config.least_seen
            if not hidden and all(self._is_seen(view, frame) for frame in range(self.num_frames)):
                return view
        return None

    def _is_seen(self, view: View, frame: int) -> bool:
        truth = self.scene(frame, view).truth
        parts = truth.hand_vertices, transform_points(truth.object_pose, self.model.vertices)
        return min(visible_share(view.camera, part) for part in parts) >= self._config.least_visible

    def _seen_share(self, view: View) -> float:
        truth = self.scene(self.num_frames - 1, view).truth
        vertices = transform_points(truth.object_pose, self.model.vertices)
        hand = truth.hand_vertices, self._hands.model(self.side).faces
        return seen_share(view.camera, vertices, self.model.faces, *hand)


def mirror_plane(model: ObjectModel, tolerance: float = 0.003) -> FloatArray | None:
    """The reflection (3, 3) in a coordinate plane of the object frame that best maps the object onto itself.

    Args:
        model: the object.
        tolerance: metres; None is returned where a mirrored vertex would lie farther from the object's surface.
    """
    planes = [np.diag([-1.0 if number == axis else 1.0 for number in range(3)]) for axis in range(3)]
    errors = [surface_distances(model.vertices @ plane, model).max() for plane in planes]
    return planes[int(np.argmin(errors))] if min(errors) < tolerance else None
