"""One image by request, apart from the image stream: the work of the service `~/estimate`."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.ros.detections import Boxes
from hand_object_pose.ros.estimator_factory import FrameEstimator, estimator_config
from hand_object_pose.ros.frames import FrameBuilder, TopicNames
from hand_object_pose.ros.pairing import Bundle
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.ros.results import SIDES

# What errors call the parts of a request.
_PARTS = TopicNames(image="image", camera_info="camera_info", depth="depth", detections="box")


def estimate_request(request: Any, estimator: FrameEstimator, settings: Settings) -> FrameResult:
    """What is seen in a request's image.

    Args:
        request: hand_object_pose_msgs/EstimateFrame_Request; what it leaves out is as the parameters say.
        estimator: of the image stream, whose track stays as it is.
        settings: the node's parameters.

    Raises:
        UserError: naming the part of the request that cannot be used, and why.
    """
    config = _config(request, estimator_config(settings))
    depth = request.depth if request.depth.width else None
    bundle = Bundle(request.image, received=0, info=request.camera_info, depth=depth)
    box = _box(request)
    frame = FrameBuilder(_PARTS).build(bundle, Boxes(box, box), settings.flag("image_is_rectified"))
    return estimator.process_alone(frame, config)


def objection(result: FrameResult) -> str:
    """Why nothing in a result of ``estimate_request`` is valid, with what to do; empty if something is."""
    if any(pair.valid for pair in result.pairs):
        return ""
    if not result.pairs:
        return "nothing was seen in the image"
    pair = result.pairs[0]
    if pair.box is None:
        return f"{pair.reason}; say in box where hand and object are"
    if pair.hand is None and pair.root_depth_source:
        return f"{pair.reason}; give a depth image aligned to the image, or root_depth"
    return pair.reason


def _config(request: Any, config: EstimatorConfig) -> EstimatorConfig:
    """The node's settings with what the request says instead."""
    if request.object_id:
        config = replace(config, object_id=request.object_id)
    if _box(request) is not None:
        config = replace(config, roi_mode="topic")
    if request.root_depth > 0:
        config = replace(config, root_depth_mode="fixed", root_depth_value=float(request.root_depth))
    return config if request.side == 0 else replace(config, hand_side=_side(request.side))


def _side(number: int) -> str:
    for side, known in SIDES.items():
        if number == known:
            return side
    raise UserError(
        f"side: expected 0 (the node's), {' or '.join(f'{n} ({s})' for s, n in SIDES.items())}, found {number}"
    )


def _box(request: Any) -> NDArray[np.floating] | None:
    """(1, 4), or None where all is zero."""
    box = request.box
    corners = np.array([[box.x_min, box.y_min, box.x_max, box.y_max]], dtype=float)
    if not corners.any():
        return None
    if not np.isfinite(corners).all() or box.x_min >= box.x_max or box.y_min >= box.y_max:
        raise UserError(f"box: expected x_min < x_max and y_min < y_max in pixels, found {corners[0].tolist()}")
    return corners
