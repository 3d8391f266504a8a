"""Everything that a benchmark can ask of one frame; tables show means of these over frames.

An area under a PCK curve is the mean over frames of each frame's own area, because the curve is linear in its errors'
indicator functions; so every number of a table has an interval by resampling frames.
"""

from dataclasses import dataclass

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.frame_metrics import hand_metrics, object_metrics
from hand_object_pose.evaluation.metrics.alignment import (
    point_distances,
    procrustes_aligned_with_reflections,
    root_and_scale_aligned,
)
from hand_object_pose.evaluation.metrics.curves import area_under_curve, f_scores, pck_curve
from hand_object_pose.evaluation.metrics.grid_interaction import grid_interaction
from hand_object_pose.evaluation.penetration import penetration_metrics
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel

_MM, _CM, _PERCENT = 1000.0, 100.0, 100.0
_GRID = ("interaction.pd_grid_mm", "interaction.cp_grid_percent")
_EXACT = ("interaction.pd_mm", "interaction.pd_max_mm", "interaction.cp_percent")
_F_SCORES = ("hand.f5", "hand.f15", "hand.f5_procrustes", "hand.f15_procrustes")


@dataclass(frozen=True)
class PosedFrame:
    """Hand and object of one frame, true or estimated; metres, camera frame.

    Attributes:
        hand_vertices: (778, 3); joints: (21, 3); object_pose: (4, 4) object frame to camera frame. None: not known.
    """

    hand_vertices: FloatArray | None = None
    joints: FloatArray | None = None
    object_pose: FloatArray | None = None


def frame_values(found: PosedFrame, truth: PosedFrame, model: ObjectModel, wanted: set[str]) -> dict[str, float]:
    """The wanted values of one frame by name; what cannot be measured is missing.

    Args:
        found: the estimate; truth: beside it; model: the object.
        wanted: names of ``metric_table`` that compare with the truth or measure penetration; ``hand.auc_camera``,
            ``auc_root_scale``, ``auc_procrustes``, ``mesh_auc_camera``, ``mesh_auc_procrustes``, 0 to 1, of PCK curves
            to 5 cm; ``hand.f5``, ``f15``, ``f5_procrustes``, ``f15_procrustes``: F-scores of the mesh;
            ``hand.mje_reflected_cm``, ``mme_reflected_cm``: after the alignment of the official scripts, which may
            reflect, as that of every name with ``procrustes`` in this list; and ``interaction.pd_grid_mm``,
            ``cp_grid_percent``: as the released evaluation samples them.
    """
    values: dict[str, float] = {}
    vertices, joints, pose = found.hand_vertices, found.joints, found.object_pose
    true_vertices, true_joints, true_pose = truth.hand_vertices, truth.joints, truth.object_pose
    if vertices is not None and joints is not None and true_vertices is not None and true_joints is not None:
        values |= hand_metrics(vertices, joints, true_vertices, true_joints, wanted)
        values |= _joint_areas(joints[None], true_joints[None])
        values |= _mesh_scores(vertices[None], true_vertices[None], wanted)
    if pose is not None and true_pose is not None:
        values |= object_metrics(pose, true_pose, model, wanted)
    if vertices is not None and pose is not None:
        values |= _interaction(vertices, TriangleMesh(transform_points(pose, model.vertices), model.faces), wanted)
    return {name: value for name, value in values.items() if name in wanted}


def _joint_areas(joints: FloatArray, truth: FloatArray) -> dict[str, float]:
    aligned = procrustes_aligned_with_reflections(joints, truth)
    return {
        "hand.auc_camera": _area(joints, truth),
        "hand.auc_root_scale": _area(root_and_scale_aligned(joints, truth), truth),
        "hand.auc_procrustes": _area(aligned, truth),
        "hand.mje_reflected_cm": _CM * float(point_distances(aligned, truth).mean()),
    }


def _mesh_scores(vertices: FloatArray, truth: FloatArray, wanted: set[str]) -> dict[str, float]:
    aligned = procrustes_aligned_with_reflections(vertices, truth)
    values = {"hand.mesh_auc_camera": _area(vertices, truth), "hand.mesh_auc_procrustes": _area(aligned, truth)}
    values["hand.mme_reflected_cm"] = _CM * float(point_distances(aligned, truth).mean())
    # Nearest neighbours take longer than everything else together.
    for millimetres in (5, 15) if wanted & set(_F_SCORES) else ():
        values[f"hand.f{millimetres}"] = float(f_scores(vertices, truth, millimetres / _MM)[0])
        values[f"hand.f{millimetres}_procrustes"] = float(f_scores(aligned, truth, millimetres / _MM)[0])
    return values


def _interaction(vertices: FloatArray, mesh: TriangleMesh, wanted: set[str]) -> dict[str, float]:
    values = penetration_metrics(vertices, mesh) if wanted & set(_EXACT) else {}
    if wanted & set(_GRID):
        found = grid_interaction(vertices, mesh)
        values |= dict(zip(_GRID, (_MM * found.penetration_mean, _PERCENT * found.in_contact), strict=True))
    return values


def _area(points: FloatArray, truth: FloatArray) -> float:
    return area_under_curve(pck_curve(point_distances(points, truth)))
