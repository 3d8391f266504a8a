"""All errors of one frame against its truth, under the names of ``metric_table``: one name, one formula."""

from collections.abc import Callable, Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.metrics import hand, object
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel

# From metres, shares and radians to the unit that a name ends with.
_FACTORS = {"cm": 100.0, "percent": 100.0, "deg": 180.0 / np.pi}


def hand_metrics(
    vertices: FloatArray,
    joints: FloatArray,
    true_vertices: FloatArray,
    true_joints: FloatArray,
    wanted: Collection[str] | None = None,
) -> dict[str, float]:
    """``hand.*`` of vertices (778, 3) and joints (21, 3), metres, camera frame; only those ``wanted``, if given."""
    points, true_points = vertices[None], true_vertices[None]
    predicted, true = joints[None], true_joints[None]
    functions = {
        "hand.mje_cm": lambda: hand.mje_root_aligned(predicted, true),
        "hand.mje_camera_cm": lambda: hand.mje_camera(predicted, true),
        "hand.mje_root_scale_cm": lambda: hand.mje_root_and_scale_aligned(predicted, true),
        "hand.mje_procrustes_cm": lambda: hand.mje_procrustes(predicted, true),
        "hand.mme_cm": lambda: hand.mme_root_aligned(points, predicted, true_points, true),
        "hand.mme_camera_cm": lambda: hand.mme_camera(points, true_points),
        "hand.mme_procrustes_cm": lambda: hand.mme_procrustes(points, true_points),
    }
    return _measured(functions, wanted)


def object_metrics(
    pose: FloatArray, true_pose: FloatArray, model: ObjectModel, wanted: Collection[str] | None = None
) -> dict[str, float]:
    """``object.*`` of poses (4, 4), object frame to camera frame; only those ``wanted``, if given."""
    poses, true_poses, vertices, symmetries = pose[None], true_pose[None], model.vertices, model.symmetries
    predicted, true = transform_points(poses, vertices), transform_points(true_poses, vertices)
    diameter = object.diameter_box_diagonal(vertices)
    functions: dict[str, Callable[[], NDArray]] = {
        "object.add_s_cm": lambda: object.add_s_truth_to_prediction(predicted, true),
        "object.add_s_estimate_to_truth_cm": lambda: object.add_s_prediction_to_truth(predicted, true),
        "object.add_cm": lambda: object.add(predicted, true),
        "object.add_symmetric_cm": lambda: object.add_symmetric(vertices, poses, true_poses, symmetries),
        "object.mssd_cm": lambda: object.mssd(vertices, poses, true_poses, symmetries),
        "object.add_0p1d_percent": lambda: object.within_tenth_of_diameter(object.add(predicted, true), diameter),
        "object.mce_cm": lambda: object.mce_camera_box(predicted, true),
        "object.mce_oriented_cm": lambda: object.mce_oriented_box(vertices, poses, true_poses),
        "object.oce_cm": lambda: object.box_centre_error(vertices, poses, true_poses),
        "object.rotation_deg": lambda: object.rotation_error(poses, true_poses, symmetries),
        "object.translation_cm": lambda: object.translation_error(poses, true_poses, symmetries),
    }
    return _measured(functions, wanted)


def _measured(functions: Mapping[str, Callable[[], NDArray]], wanted: Collection[str] | None) -> dict[str, float]:
    """Of one frame; what is not wanted is not computed."""
    return {
        name: _FACTORS[name.rpartition("_")[2]] * float(function()[0])
        for name, function in functions.items()
        if wanted is None or name in wanted
    }
