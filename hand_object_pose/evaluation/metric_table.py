"""The names of everything that is measured frame by frame, with units and what is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One number of a frame.

    Attributes:
        name: as in files; its last part ends with the unit.
        meaning: in a few words.
        lower_is_better: None where neither more nor less of it is better.
        needs_truth: whether it compares with ground truth.
    """

    name: str
    meaning: str
    lower_is_better: bool | None = True
    needs_truth: bool = True


_HAND = (
    Metric("hand.mje_cm", "joints, wrists aligned"),
    Metric("hand.mje_camera_cm", "joints, nothing aligned"),
    Metric("hand.mje_root_scale_cm", "joints, wrists and scale aligned"),
    Metric("hand.mje_procrustes_cm", "joints, similarity aligned"),
    Metric("hand.mme_cm", "mesh, wrists aligned"),
    Metric("hand.mme_camera_cm", "mesh, nothing aligned"),
    Metric("hand.mme_procrustes_cm", "mesh, similarity aligned"),
)
_OBJECT = (
    Metric("object.add_s_cm", "ADD-S, from the truth to the estimate"),
    Metric("object.add_s_estimate_to_truth_cm", "ADD-S, from the estimate to the truth"),
    Metric("object.add_cm", "ADD, matching vertices"),
    Metric("object.add_symmetric_cm", "ADD, best of the poses that look the same"),
    Metric("object.mssd_cm", "largest of the same distances"),
    Metric("object.add_0p1d_percent", "ADD within a tenth of the box's diagonal", lower_is_better=False),
    Metric("object.mce_cm", "corners of boxes parallel to the camera's axes"),
    Metric("object.mce_oriented_cm", "corners of the object's own box"),
    Metric("object.oce_cm", "centre of the object's own box"),
    Metric("object.rotation_deg", "rotation, by symmetry"),
    Metric("object.translation_cm", "origin"),
)
_ALONE = (
    Metric("interaction.pd_mm", "mean penetration of all hand vertices", needs_truth=False),
    Metric("interaction.pd_max_mm", "deepest hand vertex", needs_truth=False),
    Metric("interaction.volume_cm3", "space that hand and object share", needs_truth=False),
    Metric("interaction.cp_percent", "frames with a vertex inside", lower_is_better=None, needs_truth=False),
    Metric("depth.residual_mm", "visible surfaces against the depth image", needs_truth=False),
    Metric(
        "mask.agreement_percent", "covered pixels that are not background", lower_is_better=False, needs_truth=False
    ),
    Metric("stability.bones_percent", "bone lengths against the bag's median", needs_truth=False),
    Metric("stability.wrist_jump_cm", "wrist against uniform motion", needs_truth=False),
    Metric("stability.object_jump_cm", "object's origin against uniform motion", needs_truth=False),
    Metric("stability.object_turn_deg", "object's rotation against uniform turning", needs_truth=False),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in (*_HAND, *_OBJECT, *_ALONE)}
STATISTICS = ("mean", "median", "p95", "max")
