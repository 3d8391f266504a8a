"""What it costs not to know how far the hand is: errors on bags with the wrist's depth from each source, as a table.

    hand-object-pose synthesize-bag --seed 1 --out bags/1
    python scripts/measure_root_depth.py bags/1 bags/2 bags/3 --roi-mode tracking

    hand-object-pose synthesize-bag --seed 1 --rate 0 --out bags/without_detections
    python scripts/measure_root_depth.py bags/without_detections --roi-mode auto --object-id can

Every row is the node's own estimator on the same images: nothing but images and detections is given to it, except for
the depth image in the modes that name it, and the truth in the mode that names that. Finished bags are not evaluated
again.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from run_script import run_script

from hand_object_pose.evaluation.report.markdown import markdown_table
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.run import evaluate_bags
from hand_object_pose.ros.parameters import Settings

_SHOWN = {
    "hand.mje_cm": "hand MJE (cm)",
    "hand.mje_camera_cm": "in the camera frame (cm)",
    "object.add_s_cm": "ADD-S (cm)",
    "object.translation_cm": "translation (cm)",
    "object.rotation_deg": "rotation (degrees)",
}
_MODES = {
    "ground_truth": "true depth given",
    "depth_image": "`depth_image`",
    "bone_length": "`bone_length`",
}


def measure(
    bags: Annotated[tuple[Path, ...], tyro.conf.Positional],
    roi_mode: str = "tracking",
    every: int = 3,
    out: Path = Path("out/root_depth"),
    calibration: Path | None = None,
    object_id: str = "",
) -> None:
    """Evaluate the bags once with each source of the wrist's depth, and print a Markdown table (mean / median).

    Args:
        bags: with ground truth.
        roi_mode: of the node.
        every: take each n-th image.
        out: for the evaluations.
        calibration: of the hand, by ``hand-object-pose calibrate``, for bone lengths.
        object_id: where no detections name it.
    """
    rows = []
    for mode, words in _MODES.items():
        settings = Settings(
            {
                "root_depth.mode": mode,
                "roi.mode": roi_mode,
                "calibration_path": str(calibration) if calibration else "",
                "object_id": object_id,
            }
        )
        config = ReplayConfig(settings, every=every, annotated_bag=False)
        content = evaluate_bags(bags, config, out / f"{roi_mode}_{mode}")
        rows.append([words, *_cells(content), _wrist(out / f"{roi_mode}_{mode}", content)])
    print(markdown_table([f"`roi.mode: {roi_mode}`", "valid", *_SHOWN.values(), "wrist's depth (cm)"], rows))


def _cells(content: dict[str, Any]) -> list[str]:
    frames, metrics = content["frames"], content["metrics"]
    values = [metrics[name] for name in _SHOWN]
    shown = [f"{value['mean']:.2f} / {value['median']:.2f}" for value in values]
    return [f"{frames['in_view_valid']} of {frames['in_view']}", *shown]


def _wrist(folder: Path, content: dict[str, Any]) -> str:
    """Absolute error of the wrist's z, mean / median, centimetres."""
    errors: list[float] = []
    for bag in content["bags"]:
        found, true = (_depths(folder / bag["folder"] / name) for name in ("wrist_estimate.tum", "wrist_truth.tum"))
        errors += [found[stamp] - true[stamp] for stamp in found if stamp in true]
    absolute = 100 * np.abs(errors)
    return f"{absolute.mean():.2f} / {np.median(absolute):.2f}"


def _depths(path: Path) -> dict[str, float]:
    """Stamp -> z of a trajectory (TUM)."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return {row[0]: float(row[3]) for row in rows}


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
