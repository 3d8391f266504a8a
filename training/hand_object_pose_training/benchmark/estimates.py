"""Where estimates come from, and the first such place: a network that is shown the frames."""

from dataclasses import replace
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import Box, HandObjectEstimate
from hand_object_pose.estimation.root_depth_modes import USING_DEPTH_IMAGES
from hand_object_pose.estimation.still_image import estimate_still
from hand_object_pose.evaluation.benchmark.frame_values import PosedFrame
from hand_object_pose.evaluation.benchmark.protocol import Protocol
from hand_object_pose.geometry.crops import DEFAULT_MARGIN, square_crop
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose_training.benchmark.frames import BenchmarkFrame
from hand_object_pose_training.datasets.problems import FileProblemError


class Estimates(Interface):
    """Answers frame by frame."""

    @property
    def name(self) -> str:
        """For tables."""
        ...

    def estimate(self, frame: BenchmarkFrame) -> tuple[PosedFrame, str]:
        """What is estimated, and why nothing or not everything is, if so."""
        ...


class NetworkEstimates:
    """Weights behind the node's own estimator, told what the protocol gives.

    Attributes:
        name: of the weights.
    """

    def __init__(self, backend: Backend, protocol: Protocol, hand: HandModel) -> None:
        """``hand``: of the dataset.

        Raises:
            UserError: the weights were trained on another hand.
        """
        weights = backend.weights
        if not np.array_equal(weights.hand.faces, hand.faces):
            raise UserError(
                f"weights '{weights.name}': trained on the hand model '{weights.hand.name}', but the dataset's is "
                f"'{hand.name}', whose vertices are others; choose weights that fit, or give --mano"
            )
        self.name = weights.name
        self._given = protocol.given
        self._names = {model.hash: name for name, model in weights.objects.items()}
        self._votes_for_place = weights.lixels.origin_in_lixels
        self._estimator = Estimator(backend, _config(protocol))

    def estimate(self, frame: BenchmarkFrame) -> tuple[PosedFrame, str]:
        """See ``Estimates``."""
        if frame.model.hash not in self._names:
            return PosedFrame(), f"the weights do not know the mesh of '{frame.model.name}'"
        try:
            shown = Frame(frame.image(), frame.camera, depth=self._depth(frame), true_root_depth=float(frame.wrist[2]))
        except FileProblemError as error:
            return PosedFrame(), error.kind
        config = self._estimator.config
        self._estimator.set_config(replace(config, object_id=self._names[frame.model.hash], hand_side=frame.side))
        pair = estimate_still(self._estimator, shown, _square(frame.box) if "box" in self._given else None)
        return self._answer(pair, frame)

    def _depth(self, frame: BenchmarkFrame) -> NDArray[np.float32] | None:
        return frame.depth() if self._estimator.config.root_depth_mode in USING_DEPTH_IMAGES else None

    def _answer(self, pair: HandObjectEstimate, frame: BenchmarkFrame) -> tuple[PosedFrame, str]:
        hand, thing = pair.hand, pair.object
        if not pair.valid or hand is None or thing is None:
            return PosedFrame(), pair.reason
        pose = thing.pose.copy()
        # Votes in lixels are for a place in the image; others are relative to the wrist, which moves.
        if "wrist" in self._given and not self._votes_for_place:
            pose[:3, 3] += frame.wrist - hand.joints[0]
        return PosedFrame(hand.vertices, hand.joints, pose), ""


def _config(protocol: Protocol) -> EstimatorConfig:
    """An estimator that always answers, as papers' do; but in ``live`` one that may refuse, as the node's."""
    is_live = "box" not in protocol.given
    is_depth_given = bool({"root_depth", "wrist"} & set(protocol.given))
    threshold = EstimatorConfig.confidence_threshold if is_live else 0.0
    return EstimatorConfig(
        root_depth_mode="ground_truth" if is_depth_given else "depth_image",
        surface_fit=is_live,
        contacts=False,
        confidence_threshold=threshold,
    )


def _square(box: FloatArray) -> Box:
    crop = square_crop(box[None], DEFAULT_MARGIN)
    return Box(crop.x, crop.y, crop.x + crop.side, crop.y + crop.side)
