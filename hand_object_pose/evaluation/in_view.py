"""Whether hand and object are in the picture at all: where they are not, no estimate is expected."""

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.projection import visible_share
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel

LEAST_VISIBLE_SHARE = 0.8


def in_view(camera: Camera, model: ObjectModel, object_pose: FloatArray, joints: FloatArray | None) -> bool:
    """Whether at least 80 % of the object's vertices and of the hand's joints project into the image.

    What hides them there does not matter.

    Args:
        camera: of the image.
        model: the object; object_pose: (4, 4) object frame to camera frame.
        joints: (21, 3) metres, camera frame; None where only the object is known.
    """
    shown = [visible_share(camera, transform_points(object_pose, model.vertices))]
    if joints is not None:
        shown.append(visible_share(camera, joints))
    return min(shown) >= LEAST_VISIBLE_SHARE
