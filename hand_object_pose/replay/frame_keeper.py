"""Keeps, while a bag is read, what the report shows of it: in bounded memory, however long the bag is."""

from heapq import heappush, heappushpop

import numpy as np

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.evaluation.frame_choice import SHOWN, badness, evenly
from hand_object_pose.evaluation.frame_pictures import Seen, draw_frame, meshes_of, shrunk
from hand_object_pose.evaluation.metrics.alignment import point_distances
from hand_object_pose.evaluation.metrics.curves import THRESHOLDS, pck_curve
from hand_object_pose.evaluation.shown_frames import ShownFrame, ShownFrames
from hand_object_pose.hand.joints import WRIST
from hand_object_pose.replay.scoring import ScoredFrame


class FrameKeeper:
    """Is shown every frame in the order of the bag and keeps the worst ``SHOWN`` by each criterion, and some evenly.

    Args:
        weights: whose meshes the estimates are of.
        planned: how many frames there will be, if all can be read.
        side: of the hand, "right" or "left".
    """

    def __init__(self, weights: WeightsInfo, planned: int, side: str) -> None:
        self._weights = weights
        self._side = side
        self._even = set(evenly(planned))
        self._worst: dict[str, list[tuple[float, int]]] = {}
        self._kept: dict[int, Seen] = {}
        self._joint_shares = np.zeros(len(THRESHOLDS))
        self._count = 0

    def see(self, frame: Frame | None, result: FrameResult | None, scored: ScoredFrame) -> None:
        """Look at the next frame; None where the image could not be used."""
        row = self._count
        self._count += 1
        if "hand.mje_cm" in scored.record.values:
            self._joint_shares += pck_curve(_joint_errors(scored))
        if frame is None or result is None or not result.pairs:
            return
        if self._ranked(row, scored) or row in self._even:
            truth = scored.truth.as_estimate(self._side) if scored.truth else None
            self._kept[row] = shrunk(frame.image, frame.camera, result.pairs[0], truth)
            wanted = self._even.union(*({-place for _, place in worst} for worst in self._worst.values()))
            self._kept = {kept: seen for kept, seen in self._kept.items() if kept in wanted}

    def shown(self) -> ShownFrames:
        """Draw what was kept."""
        frames = []
        for row, seen in sorted(self._kept.items()):
            meshes = meshes_of(seen.estimate, self._weights)
            if seen.truth is not None:
                meshes |= {f"true {name}": mesh for name, mesh in meshes_of(seen.truth, self._weights).items()}
            frames.append(ShownFrame(row, row in self._even, draw_frame(seen, self._weights), meshes))
        return ShownFrames(frames, self._joint_shares)

    def _ranked(self, row: int, scored: ScoredFrame) -> bool:
        """Whether the frame is among the worst until now; of equals, the earlier one."""
        is_among = False
        for criterion, score in badness(scored.record).items():
            worst = self._worst.setdefault(criterion, [])
            entry = (score, -row)
            if len(worst) < SHOWN:
                heappush(worst, entry)
                is_among = True
            else:
                is_among |= heappushpop(worst, entry) != entry
        return is_among


def _joint_errors(scored: ScoredFrame) -> np.ndarray:
    """(1, 21) metres, wrists aligned."""
    assert scored.pair is not None
    assert scored.pair.hand is not None
    assert scored.truth is not None
    assert scored.truth.joints is not None
    estimate, truth = scored.pair.hand.joints, scored.truth.joints
    return point_distances((estimate - estimate[WRIST])[None], (truth - truth[WRIST])[None])
