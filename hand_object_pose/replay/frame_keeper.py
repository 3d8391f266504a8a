"""Keeps, while a bag is read, what the report shows of it: in bounded memory, however long the bag is."""

from collections.abc import Mapping
from heapq import heappush, heappushpop

import numpy as np

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.attention import AttendingBackend
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.either_hand import attention_for_either_hand
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult, HandObjectEstimate
from hand_object_pose.estimation.view import View
from hand_object_pose.evaluation.metrics.alignment import point_distances
from hand_object_pose.evaluation.metrics.curves import THRESHOLDS, pck_curve
from hand_object_pose.evaluation.report.attention_view import AttentionShares, attention_shares
from hand_object_pose.evaluation.report.frame_choice import SHOWN, badness, evenly
from hand_object_pose.evaluation.report.frame_pictures import Seen, draw_frame, meshes_of, shrunk
from hand_object_pose.evaluation.report.shown_frames import ShownFrame, ShownFrames
from hand_object_pose.geometry.crops import CropBox
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.hand.joints import WRIST
from hand_object_pose.replay.scored_frame import ScoredFrame


class FrameKeeper:
    """Is shown every frame in the order of the bag and keeps the worst ``SHOWN`` by each criterion, and some evenly.

    Args:
        weights: whose meshes the estimates are of.
        planned: how many frames there will be, if all can be read.
        backend: what the estimates come from, if it runs here; one that can is asked for the attention in kept frames.
    """

    def __init__(self, weights: WeightsInfo, planned: int, backend: object = None) -> None:
        self._weights = weights
        self._attending = backend if isinstance(backend, AttendingBackend) else None
        self._no_attention = "" if self._attending else "what made these estimates does not say what attends to what"
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
            truth = scored.truth.as_estimate() if scored.truth else None
            shown = self._network_input(frame, result.pairs[0])
            self._kept[row] = shrunk(frame.image, frame.camera, result.pairs[0], truth, shown)
            wanted = self._even.union(*({-place for _, place in worst} for worst in self._worst.values()))
            self._kept = {kept: seen for kept, seen in self._kept.items() if kept in wanted}

    def shown(self) -> ShownFrames:
        """Draw what was kept."""
        frames = []
        for row, seen in sorted(self._kept.items()):
            meshes = meshes_of(seen.estimate, self._weights)
            shares = self._attention(seen, meshes)
            pictures = draw_frame(seen, self._weights, shares)
            if seen.truth is not None:
                meshes |= {f"true {name}": mesh for name, mesh in meshes_of(seen.truth, self._weights).items()}
            frames.append(ShownFrame(row, row in self._even, pictures, meshes, shares.caption if shares else ""))
        return ShownFrames(frames, self._joint_shares, self._no_attention)

    def _network_input(self, frame: Frame, pair: HandObjectEstimate) -> np.ndarray | None:
        """(1, 3, S, S), the crop that the network was shown; None where nobody will ask."""
        if self._attending is None or pair.box is None or pair.hand is None:
            return None
        crop = CropBox(pair.box.x_min, pair.box.y_min, pair.box.x_max - pair.box.x_min)
        return View.of(frame, crop, self._weights.lixels).network_input(frame)

    def _attention(self, seen: Seen, meshes: Mapping[str, TriangleMesh]) -> AttentionShares | None:
        if self._attending is None or seen.network_input is None or set(meshes) != {"hand", "object"}:
            return None
        hand, thing = seen.estimate.hand, seen.estimate.object
        assert hand is not None
        assert thing is not None
        shown = seen.network_input, self._weights.objects[thing.name], hand.side
        try:
            maps = attention_for_either_hand(self._attending, self._weights, *shown)
        except UserError as error:
            self._no_attention = str(error)
            return None
        return attention_shares(maps, meshes["hand"], meshes["object"])

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
