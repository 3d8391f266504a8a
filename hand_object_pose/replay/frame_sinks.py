"""Who is shown every frame of a bag with its estimate, besides the files of numbers: recordings for other programs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.evaluation.frame_pictures import meshes_of
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.scoring import ScoredFrame

ANNOTATED_BAG, RERUN_FILE = "annotated_bag", "recording.rrd"


@dataclass(frozen=True)
class Setting:
    """What all frames of a bag share: the images' frame, whose meshes the estimates are of, and the hand's side."""

    frame_id: str
    weights: WeightsInfo
    side: str

    def meshes(self, result: FrameResult, scored: ScoredFrame) -> dict[str, TriangleMesh]:
        """ "hand" and "object" of a valid estimate, "true hand" and "true object", as far as they are known."""
        pair = result.pairs[0] if result.pairs else None
        found = meshes_of(pair, self.weights) if pair is not None and pair.valid else {}
        if scored.truth is not None:
            true = meshes_of(scored.truth.as_estimate(self.side), self.weights)
            found |= {f"true {name}": mesh for name, mesh in true.items()}
        return found


class Watcher(Protocol):
    """Is shown every frame of a bag, in its order."""

    def see(self, frame: Frame | None, result: FrameResult | None, scored: ScoredFrame) -> None:
        """Take the next frame; None where the image could not be used."""
        ...


class FrameSink(Watcher, Protocol):
    """Writes a recording."""

    def close(self) -> None:
        """Finish the file."""
        ...


SinkFactory = Callable[[Setting], FrameSink]


def sink_files(config: ReplayConfig) -> list[str]:
    """Names of the recordings that are wanted, in the folder of a bag."""
    wanted = {ANNOTATED_BAG: config.annotated_bag, RERUN_FILE: config.rerun}
    return [name for name, is_wanted in wanted.items() if is_wanted]


def frame_sinks(config: ReplayConfig, folder: Path) -> Sequence[SinkFactory]:
    """What writes the wanted recordings into the folder of a bag."""
    # Imported here: what is not wanted need not be loaded.
    sinks: list[SinkFactory] = []
    if config.annotated_bag:
        from hand_object_pose.replay.annotated_bag import AnnotatedBag

        sinks.append(partial(AnnotatedBag, folder / ANNOTATED_BAG))
    if config.rerun:
        from hand_object_pose.replay.rerun_recording import RerunRecording

        sinks.append(partial(RerunRecording, folder / RERUN_FILE))
    return sinks
