"""Errors of one frame, named with their units."""

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.baseline import BaselinePrediction
from hand_object_pose.evaluation.frame_metrics import hand_metrics, object_metrics
from hand_object_pose.evaluation.metrics.interaction import exact_interaction
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.sample import SceneTruth

HAND_ERRORS = ("hand.mje_cm", "hand.mme_cm")
OBJECT_ERRORS = ("object.add_s_cm", "object.mce_cm", "object.rotation_deg", "object.translation_cm")
INTERACTION_VALUES = ("interaction.pd_mm", "interaction.contact")
FRAME_ERRORS = (*HAND_ERRORS, *OBJECT_ERRORS, *INTERACTION_VALUES)

_MM = 1000.0


def frame_errors(truth: SceneTruth, estimate: HandObjectEstimate | None, object_model: ObjectModel) -> dict[str, float]:
    """Errors of an estimate; those that it does not allow are left out, all of them where it is None or invalid.

    * ``hand.mje_cm``, ``hand.mme_cm``: joints, vertices; both wrists at the origin, no scale, no rotation.
    * ``object.add_s_cm`` (true vertices to predicted), ``object.mce_cm`` (boxes parallel to the camera's axes),
      ``object.rotation_deg``, ``object.translation_cm``: camera frame; the last two to the nearest of the true poses
      that look the same by the object's declared symmetries.
    * ``interaction.pd_mm``: mean penetration over all hand vertices, exact; ``interaction.contact``: 0 or 1.
    """
    if estimate is None or not estimate.valid:
        return {}
    errors: dict[str, float] = {}
    hand, thing = estimate.hand, estimate.object
    known = thing is not None and thing.valid and thing.name == truth.object_name
    if hand is not None:
        errors |= hand_errors(truth, hand.vertices, hand.joints)
    if thing is not None and known:
        errors |= object_errors(truth, thing.pose, object_model)
    if hand is not None and thing is not None and known:
        errors |= interaction_values(hand.vertices, thing.pose, object_model)
    return errors


def baseline_errors(truth: SceneTruth, prediction: BaselinePrediction, object_model: ObjectModel) -> dict[str, float]:
    """The same errors of the baseline."""
    return {
        **hand_errors(truth, prediction.vertices, prediction.joints),
        **object_errors(truth, prediction.object_pose, object_model),
        **interaction_values(prediction.vertices, prediction.object_pose, object_model),
    }


def hand_errors(truth: SceneTruth, vertices: FloatArray, joints: FloatArray) -> dict[str, float]:
    """``HAND_ERRORS`` of vertices (778, 3) and joints (21, 3), camera frame."""
    return hand_metrics(vertices, joints, truth.hand_vertices, truth.joints, HAND_ERRORS)


def object_errors(truth: SceneTruth, pose: FloatArray, object_model: ObjectModel) -> dict[str, float]:
    """``OBJECT_ERRORS`` of a pose (4, 4), object frame to camera frame."""
    return object_metrics(pose, truth.object_pose, object_model, OBJECT_ERRORS)


def interaction_values(vertices: FloatArray, pose: FloatArray, object_model: ObjectModel) -> dict[str, float]:
    """``INTERACTION_VALUES`` of hand vertices (778, 3) and an object pose (4, 4)."""
    posed = TriangleMesh(transform_points(pose, object_model.vertices), object_model.faces)
    interaction = exact_interaction(vertices, posed)
    return {
        "interaction.pd_mm": _MM * interaction.penetration_mean,
        "interaction.contact": float(interaction.in_contact),
    }
