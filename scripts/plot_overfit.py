"""Draw the curve of ``hand-object-train overfit``.

python scripts/plot_overfit.py runs/overfit/overfit.csv docs/images/overfit.png
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import tyro
from run_script import run_script

mpl.use("agg")
from matplotlib import pyplot as plt

TARGETS = {"hand_mje_mm": ("hand MJE", 2.0, "tab:orange"), "object_add_s_mm": ("object ADD-S", 5.0, "tab:blue")}


@dataclass(frozen=True)
class PlotConfig:
    """What to draw.

    Attributes:
        table: ``overfit.csv`` of ``hand-object-train overfit``.
        picture: the file to write (.png).
    """

    table: tyro.conf.Positional[Path]
    picture: tyro.conf.Positional[Path]


def main(config: PlotConfig) -> None:
    """Draw both errors and their targets over the steps."""
    with config.table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, (label, target, colour) in TARGETS.items():
        axes.semilogy(steps, [float(row[name]) for row in rows], color=colour, label=label)
        axes.axhline(target, color=colour, linestyle=":", label=f"{target:g} mm")
    axes.set(xlabel="step", ylabel="mean over the samples (mm)", xlim=(0, steps[-1]))
    axes.legend(loc="lower left")
    axes.grid(which="both", alpha=0.3)
    figure.savefig(config.picture, dpi=110)


if __name__ == "__main__":
    run_script(lambda: main(tyro.cli(PlotConfig)))
