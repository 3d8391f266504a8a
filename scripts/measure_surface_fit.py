"""What the fit to the depth image changes: errors on rendered handovers with true boxes, with it and without.

    python scripts/measure_surface_fit.py --seeds 11 12 13 14 15 16 17 18 19 20

Prints a Markdown table. The seeds 1 to 10 are left to the demo.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import tyro
from rendered_handovers import rendered_handovers
from run_script import run_script

from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.evaluation.frame_errors import frame_errors
from hand_object_pose.objects.catalogue import default_catalogue

_SHOWN = ("hand.mje_cm", "object.add_s_cm", "object.translation_cm", "object.rotation_deg")


def measure(weights: Path | None = None, seeds: tuple[int, ...] = tuple(range(11, 21)), every: int = 30) -> None:
    """Print the table for frames of rendered handovers.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        seeds: of the handovers; 1 to 10 are left to the demo.
        every: take each n-th frame of a handover.
    """
    backend = load_backend(weights)
    config = EstimatorConfig(roi_mode="topic", confidence_threshold=0.0, contacts=False)
    errors: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for rendered in rendered_handovers(seeds, every):
        truth, frame = rendered.truth, rendered.frame
        model = default_catalogue()[truth.object_name]
        for fitted, collected in errors.items():
            estimator = Estimator(backend, replace(config, object_id=truth.object_name, surface_fit=fitted))
            collected.append(frame_errors(truth, estimator.process(frame).pairs[0], model))
    print("| | " + " | ".join(f"{name}, mean / median" for name in _SHOWN) + " |")
    print("|---" * (len(_SHOWN) + 1) + "|")
    for fitted, collected in errors.items():
        cells = [_cell([found[name] for found in collected if name in found]) for name in _SHOWN]
        print(f"| {'fitted' if fitted else 'as voted'}, {len(collected)} frames | " + " | ".join(cells) + " |")


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.2f} / {np.median(values):.2f}"


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
