"""Where the files lie that come with the package: weights, hands, objects, grasps, the baseline, definitions."""

from pathlib import Path

ASSETS = Path(__file__).resolve().parent / "assets"
