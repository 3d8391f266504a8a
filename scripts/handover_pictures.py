"""The ends of rendered handovers with what the estimator makes of them, drawn and joined to one picture."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rendered_handovers import RenderedFrame, rendered_handovers

from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.result import Box, HandObjectEstimate

ColourImage = NDArray[np.uint8]


def estimated_ends(
    backend: Backend, seeds: Sequence[int], every: int
) -> Iterator[tuple[RenderedFrame, HandObjectEstimate]]:
    """The last of every ``every``-th frame of each handover, with its estimate; see ``rendered_handovers``.

    The estimator sees nothing but these frames, and is told where to look, and for which object.
    """
    estimator = Estimator(backend, EstimatorConfig(roi_mode="topic"))
    for seed in seeds:
        *_, rendered = rendered_handovers((seed,), every)
        frame = replace(rendered.frame, object_id=rendered.truth.object_name)
        yield rendered, estimator.process(frame).pairs[0]


def cut_out(image: ColourImage, box: Box, size: int, interpolation: int, enlarged: int = 1) -> ColourImage:
    """What a box shows of an image, (size, size, 3).

    Args:
        image: (H, W, 3); box: in pixels of the image before it was ``enlarged`` by this factor.
        size: pixels; interpolation: OpenCV's.
    """
    corners = np.array([box.x_min, box.y_min, box.x_max, box.y_max]).clip(0) * enlarged
    left, top, right, bottom = corners.astype(int)
    return cv2.resize(image[top:bottom, left:right], (size, size), interpolation=interpolation)


def write_joined(out: Path, parts: Sequence[ColourImage], axis: int) -> None:
    """Write a JPEG of one part for each handover, below (axis 0) or beside (1) each other, and say so."""
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(parts, axis=axis)).save(out, quality=88)
    print(f"{out}: {len(parts)} handovers, {out.stat().st_size / 1000:.0f} kB")
