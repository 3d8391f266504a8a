"""Whether hand and object are in the picture at all: where they are not, no estimate is expected."""

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import distort
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.sample import SceneTruth

FloatArray = NDArray[np.floating]

LEAST_VISIBLE_SHARE = 0.8


def in_view(camera: Camera, truth: SceneTruth, model: ObjectModel) -> bool:
    """Whether at least 80 % of the hand's joints and of the object's vertices project into the image.

    What hides them there does not matter.
    """
    shown = (
        visible_share(camera, truth.joints),
        visible_share(camera, transform_points(truth.object_pose, model.vertices)),
    )
    return min(shown) >= LEAST_VISIBLE_SHARE


def visible_share(camera: Camera, points: FloatArray) -> float:
    """Which part of points (N, 3), metres, camera frame, lies before the camera and projects into its image."""
    before = points[points[:, 2] > 0]
    if not len(before):
        return 0.0
    pixels = distort(camera, before)
    size = np.array([camera.width, camera.height])
    # Pixel (0, 0) is a pixel's centre, so that the image begins half a pixel before it.
    inside = ((pixels >= -0.5) & (pixels <= size - 0.5)).all(axis=1)
    return float(inside.sum() / len(points))
