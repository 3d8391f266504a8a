"""Finding an open hand in successive frames and measuring its bones with the depth image; no detector is needed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.bone_lengths import RelativeBones, bone_lengths
from hand_object_pose.estimation.confidence import confidence
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.looking import Looking, NothingSeen
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.still_image import search_boxes
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.geometry.crops import CropBox, projected_box, square_crop
from hand_object_pose.hand.joints import FINGERTIPS, JOINT_PARENTS, WRIST

_MARGIN = 1.5
"""Side of the square relative to the hand's box: as much as an object beside it would take."""

_REFINEMENTS = 2


@dataclass(frozen=True)
class Sighting:
    """An open hand in one frame.

    Attributes:
        stamp: seconds.
        bones: as the network sees them.
        lengths: (20,) metres, with the depth image.
        depth: of the wrist by the depth image, metres.
        extension: of the four fingers, see ``finger_extension``.
        confidence: of the hand alone.
    """

    stamp: float
    bones: RelativeBones
    lengths: FloatArray
    depth: float
    extension: float
    confidence: float


class OpenHandFinder:
    """Follows a hand through frames; where it is lost, all of the picture is searched."""

    def __init__(self, backend: Backend, hand_side: str, least_confidence: float = 0.3) -> None:
        """``hand_side``: "right" or "left"; ``least_confidence``: of a hand that is one."""
        config = EstimatorConfig(hand_side=hand_side, root_depth_mode="depth_image", contacts=False)
        self._looking = Looking(backend, config)
        self._regressor = backend.weights.hand.joint_regressor21
        self._weights = backend.weights
        # The network is always asked for an object, too; there is none, and its answer is not used.
        self._model = next(iter(backend.weights.objects.values()))
        self._least = least_confidence
        self._crop: CropBox | None = None

    def sightings(self, frames: Iterable[Frame]) -> Iterator[Sighting | str]:
        """For each frame the hand, or the reason in words why there is none."""
        for frame in frames:
            found = self._follow(frame) or self._search(frame)
            if isinstance(found, str):
                self._crop = None
                yield found
                continue
            self._crop = self._around(frame, found)
            yield self._sighting(frame, found)

    def _follow(self, frame: Frame) -> Observation | None:
        if self._crop is None:
            return None
        seen = self._look(frame, self._crop)
        return seen if isinstance(seen, Observation) and hand_confidence(seen) >= self._least else None

    def _search(self, frame: Frame) -> Observation | str:
        looks = [self._look(frame, crop) for crop in self._candidates(frame)]
        seen = [look for look in looks if isinstance(look, Observation)]
        if not seen:
            return next(look.reason for look in looks if isinstance(look, NothingSeen))
        best = max(seen, key=hand_confidence)
        for _ in range(_REFINEMENTS):
            closer = self._look(frame, self._around(frame, best))
            if isinstance(closer, Observation) and hand_confidence(closer) > hand_confidence(best):
                best = closer
        sure = hand_confidence(best)
        return best if sure >= self._least else f"no hand that is one (confidence {sure:.2f}, below {self._least:g})"

    def _candidates(self, frame: Frame) -> list[CropBox]:
        if frame.hand_boxes is not None and len(frame.hand_boxes):
            return [square_crop(frame.hand_boxes[:1], _MARGIN)]
        return [CropBox(box.x_min, box.y_min, box.x_max - box.x_min) for box in search_boxes(frame.camera)]

    def _look(self, frame: Frame, crop: CropBox) -> Observation | NothingSeen:
        seen = self._looking.look_alone(frame, crop, self._model, StageTimer())
        if isinstance(seen, Observation) and not (
            np.isfinite(seen.lifted.hand).all() and seen.lifted.hand[:, 2].min() > 0
        ):
            return NothingSeen("the hand would lie behind the camera")
        return seen

    def _around(self, frame: Frame, seen: Observation) -> CropBox:
        return square_crop(projected_box(frame.camera, seen.lifted.hand)[None], _MARGIN)

    def _sighting(self, frame: Frame, seen: Observation) -> Sighting:
        relative = seen.relative_meshes().hand
        directions = frame.camera.unproject(relative[:, :2], np.ones(len(relative)))
        bones = RelativeBones.of(directions, relative[:, 2], self._regressor)
        joints = seen.lifted.joints
        return Sighting(
            frame.stamp, bones, bone_lengths(joints), seen.root.depth, finger_extension(joints), hand_confidence(seen)
        )


def hand_confidence(seen: Observation) -> float:
    """The confidence without what speaks about the object."""
    evidence = replace(seen.evidence(), object_deformation=None, object_disagreement=None, object_residual=None)
    return confidence(evidence)


def finger_extension(joints: FloatArray) -> float:
    """How straight the four fingers are: distances of their tips from the wrist, as a share of the bones' lengths.

    The median of index, middle, ring and little finger of joints (21, 3); 1 is straight.
    """
    shares = []
    for tip in FINGERTIPS[1:]:
        chain = [tip]
        while chain[-1] != WRIST:
            chain.append(JOINT_PARENTS[chain[-1]])
        steps = np.linalg.norm(np.diff(joints[chain], axis=0), axis=1)
        shares.append(np.linalg.norm(joints[tip] - joints[WRIST]) / max(float(steps.sum()), 1e-9))
    return float(np.median(shares))
