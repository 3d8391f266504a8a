"""From the stamps that were played back to those of the bag."""

from collections.abc import Mapping
from typing import Any

from hand_object_pose.demo.bag_content import BagContent


def original_stamps(content: BagContent, played: Mapping[str, Any], rounds: int) -> dict[int, int]:
    """The bag's stamp of each stamp that can have been published in so many rounds."""
    shift, period = int(played["shift_ns"]), int(played["period_ns"])
    return {stamp + shift + number * period: stamp for number in range(rounds) for stamp in content.stamps}
