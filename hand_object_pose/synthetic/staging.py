"""Where a handover happens: the camera, the object at rest on a table, one fitting grasp, and the wrist's way."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.transform import Rotation

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import inverse_pose, pose_matrix, rotation_angle, transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.finger_closing import PosedHand
from hand_object_pose.synthetic.grasps import Grasps, hand_in_object
from hand_object_pose.synthetic.hand_frame import HandFrame
from hand_object_pose.synthetic.motion import blend_poses
from hand_object_pose.synthetic.reaching import ReachConfig, retreated
from hand_object_pose.synthetic.viewpoints import (
    HandAttitude,
    ViewConfig,
    level_to_camera,
    sample_attitude,
    sample_camera,
    visible_share,
)

FloatArray = NDArray[np.floating]


@dataclass(frozen=True)
class StagingConfig:
    """Where things are; metres, radians; pixels as shares of the image's size.

    Attributes:
        table_distance: of the object at rest, along the optical axis; table_pixels: where it appears (low, high).
        air_distance: while it is turned; offer_distance: while it is held out; air_pixels: where it appears then.
        lift: height of the first lift.
        reach: how far away the hand begins.
        attitude_margin: distance of all keyframes from the ends of the view's ranges.
        largest_turn: between two keyframes; table_clearance: how far hand vertices may be below the table's plane.
        attempts: how many random arrangements are tried.
    """

    table_distance: tuple[float, float] = (0.62, 0.9)
    table_pixels: tuple[tuple[float, float], tuple[float, float]] = ((0.3, 0.45), (0.7, 0.72))
    air_distance: tuple[float, float] = (0.55, 0.85)
    offer_distance: tuple[float, float] = (0.45, 0.62)
    air_pixels: tuple[tuple[float, float], tuple[float, float]] = ((0.35, 0.35), (0.65, 0.65))
    lift: tuple[float, float] = (0.08, 0.14)
    reach: ReachConfig = field(default_factory=lambda: ReachConfig(distance=(0.12, 0.19)))
    attitude_margin: float = 0.05
    largest_turn: float = 1.7
    table_clearance: float = 0.003
    attempts: int = 120


@dataclass(frozen=True)
class Staging:
    """A planned handover, in the camera's optical frame.

    Attributes:
        camera: static; level_to_camera: (3, 3).
        grasp: the one grasp (N = 1).
        resting_pose: (4, 4) object frame to camera frame while it lies on the table.
        wrist_keyframes: (6, 4, 4) wrist to camera frame: far, grasping, lifted, turned, turned again, held out.
    """

    camera: Camera
    level_to_camera: FloatArray
    grasp: Grasps
    resting_pose: FloatArray
    wrist_keyframes: FloatArray


def stage_handover(
    model: ObjectModel,
    grasps: Grasps,
    posed: PosedHand,
    view: ViewConfig,
    image_size: tuple[int, int],
    rng: np.random.Generator,
    config: StagingConfig | None = None,
) -> Staging | None:
    """An arrangement in which every moment is in view and inside the distribution ``view``; None if none was found."""
    config = config or StagingConfig()
    hands, _ = hand_in_object(posed, grasps)
    downs = resting_directions(model)
    for _ in range(config.attempts):
        upright = _upright_rotation(downs[int(rng.integers(len(downs)))], rng)
        fitting = _fitting_grasps(model, grasps, hands, upright, posed.frame, view, config)
        if not len(fitting):
            continue
        chosen = int(rng.choice(fitting))
        planner = _Planner(model, grasps[[chosen]], hands[chosen], posed.frame, view, config, rng)
        staging = planner.plan(upright, sample_camera(view, rng, image_size))
        if staging is not None:
            return staging
    return None


def resting_directions(model: ObjectModel, tolerance: float = 0.002) -> FloatArray:
    """Directions (N, 3) of the object's axes that can point down while it rests on a table.

    It rests where its vertices' centre lies above the hull of those within ``tolerance`` metres of the table. Where
    it can stand on its own z axis, it does.
    """
    centre = model.vertices.mean(axis=0)
    stable = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            heights = sign * model.vertices[:, axis]
            support = np.delete(model.vertices[heights > heights.max() - tolerance], axis, axis=1)
            if _covers(support, np.delete(centre, axis)):
                stable.append(sign * np.eye(3)[axis])
    standing = [down for down in stable if down[2] == -1.0]
    return np.array(standing or stable or [[0.0, 0.0, -1.0]])


def _covers(points: FloatArray, centre: FloatArray) -> bool:
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):
        return False
    return bool((hull.equations[:, :2] @ centre + hull.equations[:, 2] < 0).all())


def _upright_rotation(down: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(3, 3) object to level frame with ``down`` along gravity and a random heading."""
    lay, _ = Rotation.align_vectors([[0.0, 1.0, 0.0]], [down])
    return (Rotation.from_rotvec([0, rng.uniform(0, 2 * np.pi), 0]) * lay).as_matrix()


def _fitting_grasps(
    model: ObjectModel,
    grasps: Grasps,
    hands: FloatArray,
    upright: FloatArray,
    frame: HandFrame,
    view: ViewConfig,
    config: StagingConfig,
) -> NDArray[np.integer]:
    """Indices of grasps whose hand and forearm stay above the table and whose attitude is in view."""
    table = (model.vertices @ upright.T)[:, 1].max()
    lowest = (hands @ upright.T)[..., 1].max(axis=1)
    elbows = grasps.T_object_wrist[:, :3, 3] - 0.22 * grasps.T_object_wrist[:, :3, :3] @ frame.forward
    above = (lowest < table + config.table_clearance) & ((elbows @ upright.T)[:, 1] < table - 0.03)
    rotations = upright @ grasps.T_object_wrist[:, :3, :3]
    inside = [HandAttitude.of(rotation, frame).is_within(view, config.attitude_margin) for rotation in rotations]
    return np.flatnonzero(above & np.array(inside))


class _Planner:
    """Draws keyframes for one grasp until they keep all limits."""

    def __init__(
        self,
        model: ObjectModel,
        grasp: Grasps,
        hand_in_object_frame: FloatArray,
        frame: HandFrame,
        view: ViewConfig,
        config: StagingConfig,
        rng: np.random.Generator,
    ) -> None:
        to_wrist = inverse_pose(grasp.T_object_wrist[0])
        self.grasp, self.frame, self.view, self.config, self.rng = grasp, frame, view, config, rng
        self.object_points = transform_points(to_wrist, model.vertices)
        self.hand_points = transform_points(to_wrist, hand_in_object_frame)
        self.centre = (self.object_points.mean(axis=0) + self.hand_points.mean(axis=0)) / 2

    def plan(self, upright: FloatArray, camera: Camera) -> Staging | None:
        """A staging with this object orientation, or None."""
        tilt = level_to_camera(self.rng.uniform(*self.view.elevation), self.rng.uniform(*self.view.camera_roll))
        grasping = upright @ self.grasp.T_object_wrist[0, :3, :3]
        at_table = self._placed(camera, tilt @ grasping, self.config.table_distance, self.config.table_pixels)
        resting = at_table @ inverse_pose(self.grasp.T_object_wrist[0])
        distance = float(self.rng.uniform(*self.config.reach.distance))
        far = retreated(at_table, self.frame, self.config.reach, distance, self.rng)
        keyframes = [far, at_table, self._lifted(at_table, tilt)]
        for distances in (self.config.air_distance, self.config.air_distance, self.config.offer_distance):
            turned = self._turned(camera, tilt, keyframes[-1], distances)
            if turned is None:
                return None
            keyframes.append(turned)
        staging = Staging(camera, tilt, self.grasp, resting, np.stack(keyframes))
        return staging if self._is_in_view(staging) else None

    def _placed(
        self,
        camera: Camera,
        rotation: FloatArray,
        distance: tuple[float, float],
        pixels: tuple[tuple[float, float], tuple[float, float]],
    ) -> FloatArray:
        """A wrist pose in the camera frame with the middle of hand and object at a random place in view."""
        pixel = self.rng.uniform(*pixels) * [camera.width, camera.height]
        target = camera.unproject(pixel, np.asarray(self.rng.uniform(*distance)))
        return pose_matrix(rotation, target - rotation @ self.centre)

    def _lifted(self, wrist: FloatArray, tilt: FloatArray) -> FloatArray:
        lifted = wrist.copy()
        lifted[:3, 3] -= tilt[:, 1] * self.rng.uniform(*self.config.lift)
        return lifted

    def _turned(
        self, camera: Camera, tilt: FloatArray, previous: FloatArray, distance: tuple[float, float]
    ) -> FloatArray | None:
        """A keyframe of another attitude that can be reached without leaving the view's ranges, or None."""
        for _ in range(20):
            attitude = sample_attitude(self.view, self.rng, self.config.attitude_margin)
            wrist = self._placed(camera, tilt @ attitude.rotation(self.frame), distance, self.config.air_pixels)
            small = rotation_angle(previous[:3, :3].T @ wrist[:3, :3]) <= self.config.largest_turn
            if small and self._attitudes_fit(tilt, previous, wrist):
                return wrist
        return None

    def _attitudes_fit(self, tilt: FloatArray, first: FloatArray, second: FloatArray) -> bool:
        """Whether the wrist's attitude stays inside the view's ranges between two keyframes."""
        on_the_way = [blend_poses(first, second, share) for share in np.linspace(0, 1, 15)]
        return all(HandAttitude.of(tilt.T @ pose[:3, :3], self.frame).is_within(self.view) for pose in on_the_way)

    def _is_in_view(self, staging: Staging) -> bool:
        """Whether hand and object are in view, and attitudes and distances in their ranges, all along the way."""
        keyframes = staging.wrist_keyframes
        if not self._attitudes_fit(staging.level_to_camera, keyframes[0], keyframes[1]):
            return False
        for first, second in pairwise(keyframes):
            on_the_way = [blend_poses(first, second, share) for share in np.linspace(0, 1, 7)]
            if not all(self._is_visible(staging.camera, wrist, self.hand_points) for wrist in on_the_way):
                return False
        at_table = staging.resting_pose @ self.grasp.T_object_wrist[0]
        return all(self._is_visible(staging.camera, wrist, self.object_points) for wrist in (at_table, *keyframes[2:]))

    def _is_visible(self, camera: Camera, wrist: FloatArray, points: FloatArray) -> bool:
        """Whether points (N, 3) in the wrist's frame are in the image and within the view's distances."""
        placed = transform_points(wrist, points)
        near, far = self.view.distance
        return near <= placed[:, 2].mean() <= far and visible_share(camera, placed) >= self.view.visible_share
