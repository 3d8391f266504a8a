"""Rendered handovers with what the estimator makes of them, for the scripts that measure it."""

from collections.abc import Iterator
from dataclasses import replace

from rendered_handovers import RenderedFrame, rendered_handovers

from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.result import HandObjectEstimate


def estimated_handovers(
    backend: Backend, seeds: tuple[int, ...], every: int, config: EstimatorConfig
) -> Iterator[tuple[RenderedFrame, HandObjectEstimate]]:
    """Each of ``rendered_handovers`` with hands of ``config.hand_side``, and its estimate, valid or not.

    The estimator is told where to look, and for which object; a new one begins each handover.
    """
    for seed in seeds:
        estimator = Estimator(backend, replace(config, roi_mode="topic"))
        for rendered in rendered_handovers((seed,), every, config.hand_side):
            frame = replace(rendered.frame, object_id=rendered.truth.object_name)
            yield rendered, estimator.process(frame).pairs[0]
