"""How a bag is evaluated: by an estimator in this process; other packages have other ways."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hand_object_pose.replay.answers import EstimatorAnswers
from hand_object_pose.replay.bag_result import BagResult
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.frame_sinks import frame_sinks
from hand_object_pose.replay.one_bag import Progress, evaluate_one_bag
from hand_object_pose.ros.estimator_factory import EstimatorFactory, load_estimator
from hand_object_pose.ros.parameters import Settings

Evaluation = Callable[[Path, ReplayConfig, Path, Progress], BagResult]


class Evaluator(Protocol):
    """Evaluates bags; must survive the way to another process."""

    @property
    def mode(self) -> str:
        """What metrics.json calls it."""
        ...

    def prepare(self, settings: Settings) -> Evaluation:
        """Get ready for one bag: its path, what is wanted, its folder of results, and who is told of progress.

        Raises:
            UserError: no bag can be evaluated.
        """
        ...


@dataclass(frozen=True)
class Offline:
    """By an estimator that ``factory`` makes."""

    factory: EstimatorFactory = load_estimator
    mode: str = "offline"

    def prepare(self, settings: Settings) -> Evaluation:
        """Make the estimator."""
        answers = EstimatorAnswers(self.factory(settings))
        return lambda path, config, folder, progress: evaluate_one_bag(
            path, config, answers, progress, frame_sinks(config, folder)
        )
