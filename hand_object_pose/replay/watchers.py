"""Who is shown every frame of a bag with its estimate: the frames' keeper, and what writes recordings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.evaluation.report.frame_pictures import meshes_of
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.replay.scored_frame import ScoredFrame


@dataclass(frozen=True)
class BagFacts:
    """What all frames of a bag share: the images' frame, and whose meshes the estimates are of."""

    frame_id: str
    weights: WeightsInfo

    def meshes(self, result: FrameResult, scored: ScoredFrame) -> dict[str, TriangleMesh]:
        """Of a valid estimate "hand" and "object", of the truth "true hand" and "true object", as far as known."""
        pair = result.pairs[0] if result.pairs else None
        found = meshes_of(pair, self.weights) if pair is not None and pair.valid else {}
        if scored.truth is not None:
            true = meshes_of(scored.truth.as_estimate(), self.weights)
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


SinkFactory = Callable[[BagFacts], FrameSink]
