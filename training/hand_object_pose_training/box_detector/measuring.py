"""How well a detector does on held-out frames."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.box_detector import CLASSES


@dataclass(frozen=True)
class ClassResult:
    """Of one class; shares in [0, 1].

    Attributes:
        shown, absent: numbers of frames with and without it.
        found: share of ``shown`` in which it is found at all; mean_overlap, median_overlap: intersection over union of
            the boxes found there with the true ones; well_found: share of ``shown`` with an overlap of at least 0.5.
        false_alarms: share of ``absent`` in which it is found all the same.
        empty: number of frames with neither hand nor object; empty_alarms: share of them in which it is found.
    """

    shown: int
    absent: int
    found: float
    mean_overlap: float
    median_overlap: float
    well_found: float
    false_alarms: float
    empty: int
    empty_alarms: float


def measured(
    boxes: FloatArray, scores: FloatArray, true_boxes: FloatArray, present: NDArray[np.bool_], least_score: float
) -> dict[str, ClassResult]:
    """Results by class, of boxes (N, 2, 4) with scores (N, 2) against true ones (N, 2, 4) and who is there (N, 2)."""
    empty = np.asarray(~present.any(axis=1))
    return {
        name: _of_class(boxes[:, k], scores[:, k] >= least_score, true_boxes[:, k], present[:, k], empty)
        for k, name in enumerate(CLASSES)
    }


def overlaps(first: FloatArray, second: FloatArray) -> FloatArray:
    """(N,) intersection over union of boxes (N, 4) with boxes (N, 4)."""
    low, high = np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return shared / (areas[0] + areas[1] - shared)


def _of_class(
    boxes: FloatArray,
    found: NDArray[np.bool_],
    true_boxes: FloatArray,
    present: NDArray[np.bool_],
    empty: NDArray[np.bool_],
) -> ClassResult:
    overlap = overlaps(boxes, true_boxes)
    hits = overlap[present & found]
    return ClassResult(
        shown=int(present.sum()),
        absent=int((~present).sum()),
        found=_share(found[present]),
        mean_overlap=float(hits.mean()) if len(hits) else 0.0,
        median_overlap=float(np.median(hits)) if len(hits) else 0.0,
        well_found=_share((found & (overlap >= 0.5))[present]),
        false_alarms=_share(found[~present]),
        empty=int(empty.sum()),
        empty_alarms=_share(found[empty]),
    )


def _share(chosen: NDArray[np.bool_]) -> float:
    return float(chosen.mean()) if len(chosen) else 0.0
