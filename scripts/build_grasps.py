"""Build the grasp library that ships with the package; takes some minutes.

Run it again whenever the default hand or a default object has changed: ``python scripts/build_grasps.py``.
"""

from pathlib import Path

import tyro
from run_script import run_script

from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.grasp_library import SHIPPED, GraspLibrary

ASSETS = Path(__file__).resolve().parent.parent / "hand_object_pose" / "assets"


def build(count: int = 250, seed: int = 1, workers: int = 2, out: Path = ASSETS / SHIPPED) -> None:
    """Find ``count`` grasps of every default object and write them to ``out``.

    Args:
        count: grasps to find of each object.
        seed: of the generator.
        workers: processes.
        out: the library to write (.npz).
    """
    GraspLibrary.generate(default_hand(), default_catalogue(), count, seed, workers=workers).save(out)


if __name__ == "__main__":
    run_script(lambda: tyro.cli(build))
