"""Where a handover happens: the camera, the object at rest on a table, one fitting grasp, and the wrist's way."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.projection import visible_share
from hand_object_pose.geometry.se3 import interpolated_pose, inverse_pose, pose_matrix, rotation_angle, transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.finger_closing import PosedHand
from hand_object_pose.synthetic.grasps import Grasps, hand_in_object
from hand_object_pose.synthetic.occlusion import seen_share
from hand_object_pose.synthetic.reaching import ReachConfig, retreated
from hand_object_pose.synthetic.table import TableStand
from hand_object_pose.synthetic.viewpoints import (
    HandAttitude,
    ViewConfig,
    level_to_camera,
    sample_attitude,
    sample_camera,
)


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
        least_seen: share of the object's camera side that the hand leaves visible while holding it: a person who
            hands something over shows what it is.
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
    least_seen: float = 0.3
    attempts: int = 40


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
    stand: TableStand,
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
    reachable = stand.is_reachable(grasps.T_object_wrist, posed.frame, view, config.attitude_margin)
    usable = np.flatnonzero(reachable & (stand.depth_below(hands) < config.table_clearance))
    for _ in range(config.attempts if len(usable) else 0):
        chosen = int(rng.choice(usable))
        azimuth = sample_attitude(view, rng, config.attitude_margin).azimuth
        upright = stand.facing(grasps.T_object_wrist[chosen, :3, :3], azimuth, posed.frame)
        planner = _Planner(stand.model, grasps[[chosen]], hands[chosen], posed, view, config, rng)
        staging = planner.plan(upright, sample_camera(view, rng, image_size))
        if staging is not None:
            return staging
    return None


class _Planner:
    """Draws keyframes for one grasp until they keep all limits."""

    def __init__(
        self,
        model: ObjectModel,
        grasp: Grasps,
        hand_in_object_frame: FloatArray,
        posed: PosedHand,
        view: ViewConfig,
        config: StagingConfig,
        rng: np.random.Generator,
    ) -> None:
        to_wrist = inverse_pose(grasp.T_object_wrist[0])
        self.model, self.grasp, self.view, self.config, self.rng = model, grasp, view, config, rng
        self.frame, self.hand_faces = posed.frame, posed.faces
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
        on_the_way = [interpolated_pose(first, second, share) for share in np.linspace(0, 1, 15)]
        return all(HandAttitude.of(tilt.T @ pose[:3, :3], self.frame).is_within(self.view) for pose in on_the_way)

    def _is_in_view(self, staging: Staging) -> bool:
        """Whether hand and object are in view, and attitudes and distances in their ranges, all along the way."""
        keyframes = staging.wrist_keyframes
        if not self._attitudes_fit(staging.level_to_camera, keyframes[0], keyframes[1]):
            return False
        for first, second in pairwise(keyframes):
            on_the_way = [interpolated_pose(first, second, share) for share in np.linspace(0, 1, 7)]
            if not all(self._is_visible(staging.camera, wrist, self.hand_points) for wrist in on_the_way):
                return False
        if not all(self._is_visible(staging.camera, wrist, self.object_points) for wrist in keyframes[1:]):
            return False
        held = [interpolated_pose(*pair, share) for pair in pairwise(keyframes[1:]) for share in (0.0, 0.5)]
        return all(self._is_shown(staging.camera, wrist) for wrist in (*held, keyframes[-1]))

    def _is_shown(self, camera: Camera, wrist: FloatArray) -> bool:
        """Whether the hand leaves enough of the object visible."""
        placed = transform_points(wrist, self.object_points), transform_points(wrist, self.hand_points)
        share = seen_share(camera, placed[0], self.model.faces, placed[1], self.hand_faces)
        return share >= self.config.least_seen

    def _is_visible(self, camera: Camera, wrist: FloatArray, points: FloatArray) -> bool:
        """Whether points (N, 3) in the wrist's frame are in the image and within the view's distances."""
        placed = transform_points(wrist, points)
        near, far = self.view.distance
        return near <= placed[:, 2].mean() <= far and visible_share(camera, placed) >= self.view.visible_share
