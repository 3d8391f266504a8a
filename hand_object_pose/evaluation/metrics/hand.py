"""Errors of the hand."""

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.metrics.alignment import (
    point_distances,
    procrustes_aligned,
    procrustes_aligned_with_reflections,
    root_aligned,
    root_and_scale_aligned,
)
from hand_object_pose.evaluation.metrics.curves import area_under_curve, f_scores, pck_curve
from hand_object_pose.hand.joints import WRIST

_CM, _MM = 100.0, 1000.0


def mje_root_aligned(predicted_joints: FloatArray, true_joints: FloatArray) -> FloatArray:
    """Mean joint error (B,) in metres of joints (B, 21, 3), both wrists at the origin, no scale, no rotation."""
    return point_distances(_from_wrist(predicted_joints), _from_wrist(true_joints)).mean(axis=-1)


def mme_root_aligned(
    predicted_vertices: FloatArray, predicted_joints: FloatArray, true_vertices: FloatArray, true_joints: FloatArray
) -> FloatArray:
    """Mean mesh error (B,) in metres of vertices (B, 778, 3), both wrists at the origin, no scale, no rotation."""
    predicted = root_aligned(predicted_vertices, predicted_joints[:, WRIST])
    return point_distances(predicted, root_aligned(true_vertices, true_joints[:, WRIST])).mean(axis=-1)


def mje_camera(predicted_joints: FloatArray, true_joints: FloatArray) -> FloatArray:
    """Mean joint error (B,) in metres, camera frame, unaligned."""
    return point_distances(predicted_joints, true_joints).mean(axis=-1)


def mme_camera(predicted_vertices: FloatArray, true_vertices: FloatArray) -> FloatArray:
    """Mean mesh error (B,) in metres, camera frame, unaligned."""
    return point_distances(predicted_vertices, true_vertices).mean(axis=-1)


def mje_root_and_scale_aligned(predicted_joints: FloatArray, true_joints: FloatArray) -> FloatArray:
    """Mean joint error (B,) in metres, wrists aligned and scaled by one bone, see ``root_and_scale_aligned``."""
    return point_distances(root_and_scale_aligned(predicted_joints, true_joints), true_joints).mean(axis=-1)


def mje_procrustes(predicted_joints: FloatArray, true_joints: FloatArray) -> FloatArray:
    """Mean joint error (B,) in metres after the best similarity (PA-MPJPE); a mirrored hand is an error."""
    return point_distances(procrustes_aligned(predicted_joints, true_joints), true_joints).mean(axis=-1)


def mme_procrustes(predicted_vertices: FloatArray, true_vertices: FloatArray) -> FloatArray:
    """Mean mesh error (B,) in metres after the best similarity (PA-MPVPE); a mirrored hand is an error."""
    return point_distances(procrustes_aligned(predicted_vertices, true_vertices), true_vertices).mean(axis=-1)


def ho3d_hand_metrics(
    predicted_joints: FloatArray, predicted_vertices: FloatArray, true_joints: FloatArray, true_vertices: FloatArray
) -> dict[str, float]:
    """The numbers of HO3D's official evaluation, under its names, over frames (B, 21, 3) and (B, 778, 3)."""
    aligned_joints = procrustes_aligned_with_reflections(predicted_joints, true_joints)
    aligned_vertices = procrustes_aligned_with_reflections(predicted_vertices, true_vertices)
    compared = {
        "xyz": point_distances(predicted_joints, true_joints),
        "xyz_procrustes_al": point_distances(aligned_joints, true_joints),
        "xyz_scale_trans_al": point_distances(root_and_scale_aligned(predicted_joints, true_joints), true_joints),
        "mesh": point_distances(predicted_vertices, true_vertices),
        "mesh_al": point_distances(aligned_vertices, true_vertices),
    }
    metrics = {}
    for name, errors in compared.items():
        metrics[f"{name}_mean3d_cm"] = _CM * float(errors.mean())
        metrics[f"{name}_median3d_cm"] = _CM * float(np.median(errors, axis=0).mean())
        metrics[f"{name}_auc3d"] = area_under_curve(pck_curve(errors))
    for millimetres in (5, 15):
        for name, vertices in (("f_score", predicted_vertices), ("f_al_score", aligned_vertices)):
            scores = f_scores(vertices, true_vertices, millimetres / _MM)
            metrics[f"{name}_{millimetres}"] = float(scores.mean())
    return metrics


def dexycb_hand_metrics(predicted_joints: FloatArray, true_joints: FloatArray) -> dict[str, dict[str, float]]:
    """MPJPE in millimetres and AUC of DexYCB's official evaluation of joints (B, 21, 3), by kind of alignment."""
    compared = {
        "absolute": point_distances(predicted_joints, true_joints),
        "root_relative": point_distances(_from_wrist(predicted_joints), _from_wrist(true_joints)),
        "procrustes": point_distances(procrustes_aligned_with_reflections(predicted_joints, true_joints), true_joints),
    }
    return {
        kind: {"mpjpe_mm": _MM * float(errors.mean()), "auc": area_under_curve(pck_curve(errors))}
        for kind, errors in compared.items()
    }


def _from_wrist(joints: FloatArray) -> FloatArray:
    return root_aligned(joints, joints[:, WRIST])
