"""Which grasps the paper's rule refuses: of the library that ships with the package, and of unfiltered candidates.

The table in docs/augmentation.md is what ``python scripts/measure_grasp_filter.py`` prints.
"""

import numpy as np
import tyro
from run_script import run_script

from hand_object_pose.evaluation.report.markdown import markdown_table
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.synthetic.grasp_library import shipped_grasps
from hand_object_pose.synthetic.grasps import GraspGenerator
from hand_object_pose_training.contact_losses import FilterReport, GraspLimits
from hand_object_pose_training.grasp_synthesis import filter_library, keep_plausible

_HEADS = ("grasps", "tried", "refused", "for contact", "for penetration")


def measure(candidates_of: tuple[str, ...] = ("can", "mug"), seed: int = 0) -> None:
    """Print the table for the default hand and the default objects.

    Args:
        candidates_of: objects of which one batch of candidates is judged as well.
        seed: of these candidates.
    """
    hand, catalogue, limits = default_hand(), default_catalogue(), GraspLimits()
    _, reports = filter_library(shipped_grasps(), hand, catalogue, limits)
    rows = [_row(f"shipped {name}", report) for name, report in reports.items()]
    generator = GraspGenerator(hand)
    for name in candidates_of:
        grasps, _ = generator.attempt(catalogue[name], grid_of(catalogue[name]), np.random.default_rng(seed))
        _, report = keep_plausible(hand, catalogue[name], grasps, limits)
        rows.append(_row(f"candidates for the {name}, before our generator's own rule", report))
    print(markdown_table(_HEADS, rows))


def _row(name: str, report: FilterReport) -> list[str]:
    counts = [f"{count}" for count in (report.contact, report.penetration)]
    return [name, f"{report.tried}", f"{100 * report.rejection_rate:.1f} %", *counts]


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
