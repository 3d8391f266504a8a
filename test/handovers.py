"""One planned handover that several tests look at; planning takes seconds."""

from functools import lru_cache

from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.sequence import HandoverSequence

SEED = 11


@lru_cache(maxsize=2)
def _planned(object_name: str) -> HandoverSequence:
    return HandoverSequence(SEED, default_hand(), default_catalogue(), object_name)


def planned_handover(object_name: str = "can") -> HandoverSequence:
    return _planned(object_name)
