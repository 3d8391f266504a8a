"""Errors of left hands beside those of right ones, in rendered handovers with true boxes and depth images.

    python scripts/measure_left_hands.py

Each left-hand scene is a right-hand one in a mirror, but with the object itself, so that it is no mirror image of what
the weights know. The network is shown the mirrored picture. The node publishes the object of a left hand as invalid,
because the weights were not trained on mirrored objects; it is not measured here. Prints a Markdown table.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import tyro
from rendered_handovers import mirror_plane, rendered_handovers
from run_script import run_script

from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.evaluation.frame_errors import hand_errors
from hand_object_pose.objects.catalogue import default_catalogue

_CM = 100.0


def measure(weights: Path | None = None, seeds: tuple[int, ...] = tuple(range(11, 21)), every: int = 30) -> None:
    """Print the table for frames of rendered handovers.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        seeds: of the handovers; 1 to 10 are left to the demo.
        every: take each n-th frame of a handover.
    """
    backend = load_backend(weights)
    config = EstimatorConfig(roi_mode="topic", confidence_threshold=0.0, contacts=False)
    print("| hand | frames | MJE (cm), mean / median | wrist (cm), mean / median | confidence | above threshold (%) |")
    print("|---|---|---|---|---|---|")
    for side in ("right", "left"):
        rows = []
        for rendered in rendered_handovers(seeds, every, side):
            truth, frame = rendered.truth, rendered.frame
            named = replace(frame, object_id=truth.object_name, hand_sides=(side,))
            shown = Estimator(backend, config).process(named).pairs[0]
            if shown.hand is not None:
                mje = hand_errors(truth, shown.hand.vertices, shown.hand.joints)["hand.mje_cm"]
                wrist = _CM * float(np.linalg.norm(shown.hand.joints[0] - truth.joints[0]))
                rows.append((mje, wrist, shown.confidence))
        print(_row(side, np.array(rows)))
    print("\nMean distance of an object from its reflection about the plane used:")
    for name, model in default_catalogue().items():
        print(f"  {name}: {1000 * mirror_plane(model)[1]:.1f} mm")


def _row(side: str, rows: np.ndarray) -> str:
    mje, wrist, sure = rows.T
    threshold = EstimatorConfig.confidence_threshold
    cells = [f"{values.mean():.2f} / {np.median(values):.2f}" for values in (mje, wrist)]
    above = 100 * (sure >= threshold).mean()
    return f"| {side} | {len(rows)} | {' | '.join(cells)} | {np.median(sure):.2f} | {above:.0f} |"


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
