"""What the refinement of contacts changes: penetration, contact and errors, with it and without.

    python scripts/measure_refinement.py

PD is the mean over all vertices of the depth inside the object, CP the share of frames with a vertex inside, both of
the estimated hand and the estimated object, as in the paper; a part (palm or finger) is right when it touches (5 mm) as
in truth. Prints a Markdown table of the frames whose true hand is within 5 mm of the object, without a time budget.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import tyro
from rendered_handovers import RenderedFrame, rendered_handovers
from run_script import run_script

from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.interaction import DEFAULT_CONTACT_DISTANCE, find_contacts
from hand_object_pose.estimation.result import Contacts, HandObjectEstimate
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.distance_grids import grid_of

_SHOWN = {
    "PD (mm)": 1000.0,
    "CP (%)": 100.0,
    "deepest (mm)": 1000.0,
    "MJE (mm)": 1000.0,
    "vertices (mm)": 1000.0,
    "parts right (%)": 100.0,
}


def measure(weights: Path | None = None, seeds: tuple[int, ...] = tuple(range(61, 81)), every: int = 30) -> None:
    """Print the table for frames of rendered handovers.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        seeds: of the handovers; 1 to 10 are left to the demo.
        every: take each n-th frame of a handover.
    """
    backend = load_backend(weights)
    config = EstimatorConfig(roi_mode="topic", refinement_time_budget=math.inf)
    found: dict[str, list[dict[str, float]]] = {"as estimated": [], "refined": []}
    for rendered in rendered_handovers(seeds, every):
        true = _true_contacts(rendered)
        if true.min_distance > DEFAULT_CONTACT_DISTANCE:
            continue
        for name, collected in found.items():
            chosen = replace(config, object_id=rendered.truth.object_name, refinement=name == "refined")
            pair = Estimator(backend, chosen).process(rendered.frame).pairs[0]
            if pair.valid:
                collected.append(_measured(rendered, true, pair))
    print("| | " + " | ".join(_SHOWN) + " |\n" + "|---" * (len(_SHOWN) + 1) + "|")
    for name, collected in found.items():
        cells = [f"{scale * np.mean([values[column] for values in collected]):.2f}" for column, scale in _SHOWN.items()]
        print(f"| {name}, {len(collected)} frames | " + " | ".join(cells) + " |")


def _true_contacts(rendered: RenderedFrame) -> Contacts:
    truth, grid = rendered.truth, grid_of(default_catalogue()[rendered.truth.object_name])
    return find_contacts(truth.hand_vertices, default_hand().finger_labels, truth.object_pose, grid)


def _measured(rendered: RenderedFrame, true: Contacts, pair: HandObjectEstimate) -> dict[str, float]:
    assert pair.hand is not None
    assert pair.contacts is not None
    truth = rendered.truth
    joints, vertices = pair.hand.joints - truth.joints, pair.hand.vertices - truth.hand_vertices
    return {
        "PD (mm)": pair.contacts.penetration_mean,
        "CP (%)": float(pair.contacts.min_distance < 0),
        "deepest (mm)": pair.contacts.penetration_max,
        "MJE (mm)": float(np.linalg.norm(joints, axis=1).mean()),
        "vertices (mm)": float(np.linalg.norm(vertices, axis=1).mean()),
        "parts right (%)": float((pair.contacts.touching == true.touching).mean()),
    }


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
