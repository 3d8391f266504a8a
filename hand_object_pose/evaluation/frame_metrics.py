"""All errors of one frame against its truth, under the names of ``metric_table``."""

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.evaluation.metrics import hand, object
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel

FloatArray = NDArray[np.floating]

_CM, _PERCENT = 100.0, 100.0


def hand_metrics(
    vertices: FloatArray, joints: FloatArray, true_vertices: FloatArray, true_joints: FloatArray
) -> dict[str, float]:
    """``hand.*`` of vertices (778, 3) and joints (21, 3), metres, camera frame."""
    points, true_points = vertices[None], true_vertices[None]
    predicted, true = joints[None], true_joints[None]
    metres = {
        "hand.mje_cm": hand.mje_root_aligned(predicted, true),
        "hand.mje_camera_cm": hand.mje_camera(predicted, true),
        "hand.mje_root_scale_cm": hand.mje_root_and_scale_aligned(predicted, true),
        "hand.mje_procrustes_cm": hand.mje_procrustes(predicted, true),
        "hand.mme_cm": hand.mme_root_aligned(points, predicted, true_points, true),
        "hand.mme_camera_cm": hand.mme_camera(points, true_points),
        "hand.mme_procrustes_cm": hand.mme_procrustes(points, true_points),
    }
    return {name: _CM * float(value[0]) for name, value in metres.items()}


def object_metrics(pose: FloatArray, true_pose: FloatArray, model: ObjectModel) -> dict[str, float]:
    """``object.*`` of poses (4, 4), object frame to camera frame."""
    poses, true_poses, vertices, symmetries = pose[None], true_pose[None], model.vertices, model.symmetries
    predicted, true = transform_points(poses, vertices), transform_points(true_poses, vertices)
    distance = object.add(predicted, true)
    metres = {
        "object.add_s_cm": object.add_s_truth_to_prediction(predicted, true),
        "object.add_s_estimate_to_truth_cm": object.add_s_prediction_to_truth(predicted, true),
        "object.add_cm": distance,
        "object.add_symmetric_cm": object.add_symmetric(vertices, poses, true_poses, symmetries),
        "object.mssd_cm": object.mssd(vertices, poses, true_poses, symmetries),
        "object.mce_cm": object.mce_camera_box(predicted, true),
        "object.mce_oriented_cm": object.mce_oriented_box(vertices, poses, true_poses),
        "object.oce_cm": object.box_centre_error(vertices, poses, true_poses),
        "object.translation_cm": object.translation_error(poses, true_poses, symmetries),
    }
    near = object.within_tenth_of_diameter(distance, object.diameter_box_diagonal(vertices))
    return {
        **{name: _CM * float(value[0]) for name, value in metres.items()},
        "object.add_0p1d_percent": _PERCENT * float(near[0]),
        "object.rotation_deg": float(np.degrees(object.rotation_error(poses, true_poses, symmetries)[0])),
    }
