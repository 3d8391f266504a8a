"""The real node, but for an estimator that raises or hangs when it is told to: ``python -m situations.faulty_node``.

The file that the environment variable ``FAULTS`` names tells it: a line for each image that is to fail, "raise" or
"hang", used up from the first on.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any, cast

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.ros.estimator_factory import FrameEstimator, load_estimator
from hand_object_pose.ros.main import main
from hand_object_pose.ros.parameters import Settings

FAULTS = "HAND_OBJECT_POSE_SITUATIONS_FAULTS"
_LONG = 3600.0


class FaultyEstimator:
    """An estimator, and the faults of its process."""

    def __init__(self, estimator: FrameEstimator, orders: Path) -> None:
        self._estimator, self._orders = estimator, orders

    def __getattr__(self, name: str) -> Any:
        return getattr(self._estimator, name)

    def process(self, frame: Frame) -> FrameResult:
        """Fail, if that is the order; else estimate."""
        lines = self._orders.read_text().split() if self._orders.exists() else []
        if lines:
            self._orders.write_text("\n".join(lines[1:]))
        if lines[:1] == ["hang"]:
            time.sleep(_LONG)
        if lines[:1] == ["raise"]:
            raise RuntimeError("made to raise")
        return self._estimator.process(frame)


def load(settings: Settings) -> FrameEstimator:
    """The real one with faults."""
    return cast(FrameEstimator, FaultyEstimator(load_estimator(settings), Path(os.environ[FAULTS])))


if __name__ == "__main__":
    sys.exit(main(estimator_factory=load))
