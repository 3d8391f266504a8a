"""Errors of an object that is given as a mesh, without a pose: the rough object (section 3.2)."""

import warnings

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.frame_errors import object_errors
from hand_object_pose.evaluation.metrics.object import add_s_truth_to_prediction, mce_camera_box
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.symmetry import symmetry_transforms
from hand_object_pose.synthetic.sample import SceneTruth

_CM = 100.0


def kabsch_pose(vertices: FloatArray, mesh: FloatArray) -> FloatArray:
    """The rigid motion (4, 4) that takes vertices (V, 3) nearest to those of a mesh (V, 3), by least squares."""
    centre, target = vertices.mean(axis=0), mesh.mean(axis=0)
    with warnings.catch_warnings():
        # An untrained network's mesh may be a point, which any rotation fits.
        warnings.filterwarnings("ignore", message="Optimal rotation is not uniquely")
        rotation, _ = Rotation.align_vectors(mesh - target, vertices - centre)
    return pose_matrix(rotation.as_matrix(), target - rotation.apply(centre))


def object_mesh_error(truth: SceneTruth, mesh: FloatArray, model: ObjectModel) -> dict[str, float]:
    """``object.mme_cm``: mean distance of a mesh (V, 3), metres, from the true one, vertex by vertex.

    Of the true poses that look the same by the object's declared symmetries, the nearest counts.
    """
    poses = truth.object_pose @ symmetry_transforms(model.symmetries)
    distances = np.linalg.norm(transform_points(poses, model.vertices) - mesh, axis=-1)
    return {"object.mme_cm": _CM * float(distances.mean(axis=-1).min())}


def rough_object_errors(truth: SceneTruth, mesh: FloatArray, model: ObjectModel) -> dict[str, float]:
    """The errors of ``evaluation.frame_errors`` and the one above, of a mesh (V, 3) in metres, camera frame.

    Distances between surfaces are those of the mesh itself; rotation and translation those of its Kabsch pose.
    """
    true = transform_points(truth.object_pose, model.vertices)
    return {
        **object_errors(truth, kabsch_pose(model.vertices, mesh), model),
        **object_mesh_error(truth, mesh, model),
        "object.add_s_cm": _CM * float(add_s_truth_to_prediction(mesh[None], true[None])[0]),
        "object.mce_cm": _CM * float(mce_camera_box(mesh[None], true[None])[0]),
    }
