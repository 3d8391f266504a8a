"""Estimates in single pictures, where no detector and no earlier frame says where to look."""

from dataclasses import replace

import numpy as np

from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import Box, HandObjectEstimate
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import projected_box, square_crop
from hand_object_pose.geometry.se3 import transform_points

_SEARCH_SCALES = (1.0, 0.7, 0.5)
_SEARCH_STEP = 0.5
_REFINEMENTS = 2


def estimate_still(estimator: Estimator, frame: Frame, box: Box | None = None) -> HandObjectEstimate:
    """The estimate of one picture.

    Without a box, squares of several sizes are tried all over the picture, the most confident answer is kept, and the
    square is drawn around what it found, twice.

    Args:
        estimator: its region of interest is set anew by each call.
        frame: the picture.
        box: what to look at, in undistorted pixels.
    """
    if box is not None:
        return _look(estimator, frame, box)
    found = [_look(estimator, frame, candidate) for candidate in search_boxes(frame.camera)]
    best = max(found, key=lambda pair: pair.confidence)
    for _ in range(_REFINEMENTS):
        closer = box_around(estimator, frame.camera, best)
        if closer is None:
            break
        refined = _look(estimator, frame, closer)
        best = refined if refined.confidence >= best.confidence else best
    return best


def box_around(estimator: Estimator, camera: Camera, pair: HandObjectEstimate) -> Box | None:
    """The square around an estimated hand and object with the margin that weights expect; None without a hand."""
    if pair.hand is None or pair.object is None or not np.isfinite(pair.hand.vertices).all():
        return None
    model = estimator.backend.weights.objects[pair.object.name]
    points = np.concatenate([pair.hand.vertices, transform_points(pair.object.pose, model.vertices)])
    if points[:, 2].min() <= 0:
        return None
    crop = square_crop(projected_box(camera, points)[None], estimator.config.margin)
    return Box(crop.x, crop.y, crop.x + crop.side, crop.y + crop.side)


def search_boxes(camera: Camera) -> list[Box]:
    """Overlapping squares that cover the picture, from the whole of its longer side to half of the shorter one."""
    whole = max(camera.width, camera.height)
    sides = [whole, *(scale * min(camera.width, camera.height) for scale in _SEARCH_SCALES)]
    return [
        Box(x, y, x + side, y + side)
        for side in sides
        for y in _starts(camera.height, side)
        for x in _starts(camera.width, side)
    ]


def _starts(length: int, side: float) -> list[float]:
    """Where squares of ``side`` begin so that they cover ``length`` and overlap by half."""
    if side >= length:
        return [(length - side) / 2]
    count = int(np.ceil((length - side) / (side * _SEARCH_STEP))) + 1
    return np.linspace(0, length - side, count).tolist()


def _look(estimator: Estimator, frame: Frame, box: Box) -> HandObjectEstimate:
    corners = (box.x_min, box.y_min, box.x_max, box.y_max)
    estimator.set_config(replace(estimator.config, roi_mode="fixed", roi_box=corners))
    return estimator.process(frame).pairs[0]
