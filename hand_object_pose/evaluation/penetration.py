"""How far an estimated hand is in the estimated object, under the names of ``metric_table``; needs no truth."""

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.metrics.interaction import exact_interaction
from hand_object_pose.evaluation.metrics.penetration_volume import penetration_volume
from hand_object_pose.geometry.meshes import TriangleMesh

_MM, _PERCENT, _CUBIC_CM = 1000.0, 100.0, 1e6
_DIGITS = 4


def penetration_metrics(hand_vertices: FloatArray, object_mesh: TriangleMesh) -> dict[str, float]:
    """``interaction.*`` of hand vertices (778, 3) and the posed object, exact to a tenth of a micrometre."""
    interaction = exact_interaction(hand_vertices, object_mesh)
    # The last digits of libigl's distances differ from one call to the next; evaluations must not.
    mean, deepest = (
        round(_MM * value, _DIGITS) for value in (interaction.penetration_mean, interaction.penetration_max)
    )
    return {
        "interaction.pd_mm": mean,
        "interaction.pd_max_mm": deepest,
        "interaction.cp_percent": _PERCENT * float(deepest > 0),
    }


def volume_metrics(hand: TriangleMesh, thing: TriangleMesh) -> dict[str, float]:
    """``interaction.volume_cm3`` of the posed hand and object, metres, the same frame."""
    return {"interaction.volume_cm3": _CUBIC_CM * penetration_volume(hand, thing)}
