"""Which object is looked for: that of the settings, else the detected one, else the only one that the weights know."""

from hand_object_pose.errors import UnknownObjectError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.objects.object_model import ObjectModel


def check_object(weights: WeightsInfo, object_id: str) -> None:
    """Whether the weights know the object of the settings; empty: none is named there.

    Raises:
        UnknownObjectError: they do not.
    """
    if object_id:
        weights.object(object_id)


def chosen_object(weights: WeightsInfo, wanted: str, detected: str) -> tuple[ObjectModel | None, str]:
    """The object, or the reason in words why there is none.

    Args:
        weights: which know some objects.
        wanted: the id in the settings; detected: of the detection or the track; each empty where there is none.
    """
    known = sorted(weights.objects)
    chosen = wanted or detected or (known[0] if len(known) == 1 else "")
    if not chosen:
        return None, f"no object chosen; the weights know: {', '.join(known)}"
    try:
        return weights.object(chosen), ""
    except UnknownObjectError as error:
        return None, str(error)
