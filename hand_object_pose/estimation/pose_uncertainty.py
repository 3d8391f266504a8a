"""The covariance of an estimated object pose, as far as it is known."""

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.pose_features import error_axes, pose_features
from hand_object_pose.hand.joints import WRIST


def pose_covariance(seen: Observation) -> FloatArray | None:
    """(6, 6), order x, y, z, rx, ry, rz about the camera's fixed axes, square metres and radians.

    None where the weights come without an uncertainty model, the object took no part in it, or a hand of the other side
    than the weights' holds it and there is no depth image: nobody has measured what is held then.
    """
    model = seen.weights.uncertainty
    chosen = None if model is None else model.one_hot(seen.model.name)
    if model is None or chosen is None or not np.isfinite(seen.points).all():
        return None
    if seen.side != seen.weights.hand.side and not seen.is_measured:
        return None
    covariance_model = model.measured if seen.is_measured else model.voted
    covariance = covariance_model.covariances(pose_features(seen)[None], chosen, error_axes(seen)[None])[0]
    if not seen.is_measured:
        covariance[:3, :3] += seen.root.sigma**2 * np.outer(root_direction(seen), root_direction(seen))
    return covariance


def root_direction(seen: Observation) -> FloatArray:
    """(3,) by how much the object's origin moves when the wrist's depth grows by one metre.

    It is voted relative to the wrist, which moves along its viewing ray; or, by some weights, as a place in the image,
    and then along its own.
    """
    lifted = seen.lifted
    point = lifted.object_pose[:3, 3] if seen.view.geometry.origin_in_lixels else lifted.joints[WRIST]
    return point / point[2]
