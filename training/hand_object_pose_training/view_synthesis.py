"""View synthesis (the paper's section 4.1): a posed scene seen by a camera that was turned about the object's centre.

A turn of the camera about a point is a rigid motion of everything else about that point, the other way round. Hand,
joints and object move by the same matrix, so that the new ground truth is as consistent as the old one was.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import crop_camera, projected_box, square_crop
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.sample import SceneTruth


@dataclass(frozen=True)
class ViewSynthesisConfig:
    """From where a scene may be seen.

    Attributes:
        largest_angle: of the camera's turn, radians; pi allows every direction, all equally likely. The paper gives no
            limit.
        nearest: metres; no vertex may come nearer to the camera's plane than this.
        attempts: how many turns are tried.
    """

    largest_angle: float = np.pi
    nearest: float = 0.1
    attempts: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.largest_angle <= np.pi:
            raise UserError(f"view synthesis: expected a largest angle in (0, pi] radians, found {self.largest_angle}")


def synthesise_view(
    truth: SceneTruth, model: ObjectModel, config: ViewSynthesisConfig, rng: np.random.Generator
) -> SceneTruth:
    """The ground truth in the frame of a camera that was turned at random about the object's centre.

    Args:
        truth: metres, in the old camera's frame, of a rendered or a real image.
        model: the object, as ``truth`` names it.
        config: see there; rng: draws the turn.

    Raises:
        UserError: no view keeps hand and object in front of the camera.
    """
    centre = object_centre(truth, model)
    for _ in range(config.attempts):
        turned = turned_about(truth, centre, random_turn(config.largest_angle, rng))
        surface = transform_points(turned.object_pose, model.vertices)
        if min(turned.hand_vertices[:, 2].min(), surface[:, 2].min()) >= config.nearest:
            return turned
    raise UserError(
        f"view synthesis: in {config.attempts} turns hand or object always came nearer than {config.nearest} m to the "
        f"camera; the object's centre is {centre[2]:.2f} m away. Is the scene in metres, in the camera's frame?"
    )


def object_centre(truth: SceneTruth, model: ObjectModel) -> FloatArray:
    """(3,) the middle of the object's bounding box in its own frame, as the camera sees it; metres."""
    check_shape("truth.object_pose", truth.object_pose, (4, 4))
    middle = (model.vertices.min(axis=0) + model.vertices.max(axis=0)) / 2
    return transform_points(truth.object_pose, middle[None])[0]


def turned_about(truth: SceneTruth, centre: FloatArray, rotation: FloatArray) -> SceneTruth:
    """Everything turned by ``rotation`` (3, 3) about ``centre`` (3,), camera frame: the camera turned the other way."""
    motion = pose_matrix(rotation, centre - rotation @ centre)
    return replace(
        truth,
        hand_vertices=transform_points(motion, truth.hand_vertices),
        joints=transform_points(motion, truth.joints),
        object_pose=motion @ truth.object_pose,
    )


def random_turn(largest_angle: float, rng: np.random.Generator) -> FloatArray:
    """(3, 3) uniform among all rotations by at most ``largest_angle`` radians.

    Of uniform rotations, the angle has a density in proportion to 1 - cos(angle), and the axis is uniform.
    """
    angles = np.linspace(0, largest_angle, 513)
    angle = np.interp(rng.random() * (largest_angle - np.sin(largest_angle)), angles - np.sin(angles), angles)
    axis = rng.normal(size=3)
    return Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix()


def camera_around(truth: SceneTruth, model: ObjectModel, camera: Camera, size: int, margin: float) -> Camera:
    """The part of ``camera`` that shows hand and object: ``size`` pixels, ``margin`` times their box's longer side."""
    surface = transform_points(truth.object_pose, model.vertices)
    boxes = [projected_box(camera, points) for points in (truth.hand_vertices, surface)]
    return crop_camera(camera, square_crop(np.stack(boxes), margin), size)
