"""The report of an evaluation of bags, from the files that it wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hand_object_pose.evaluation.evaluation_file import FAILED, read_frames, said_of
from hand_object_pose.evaluation.gates import GateResult
from hand_object_pose.evaluation.metrics.curves import THRESHOLDS
from hand_object_pose.evaluation.report.charts import accuracy_charts, curves_over_time, histograms
from hand_object_pose.evaluation.report.figures import MeshView
from hand_object_pose.evaluation.report.html_report import Picture, Table, write_report
from hand_object_pose.evaluation.report.shown_frames import (
    MESHES_ALONE,
    OVER_IMAGE,
    SHOWN_FILE,
    ShownFrames,
    read_shown_frames,
)
from hand_object_pose.evaluation.report.tables import error_table, frame_table, gate_table
from hand_object_pose.evaluation.report.worst_frames import ChosenFrame, choose_frames

REPORT_FILE = "report.html"

_NOTES = (
    "Errors are over the frames in view with a valid estimate; available is the share of the frames in view that have "
    "one. Read both: an estimator that answers only when it is easy has small errors.",
    "What depends on the machine's speed is in metrics.json and summary.md only, so that the same evaluation gives the "
    "same report.",
)
_ABOUT_PICTURES = (
    "The worst frames by several criteria, and some chosen evenly. Of each: the image with the estimate over it; the "
    "image with the truth, if it is known; the estimate's meshes as the camera sees them, and turned about the "
    "vertical by 90, 180 and 270 degrees; and the network's attention: hand and object alone, each from the camera's "
    "side and from behind, coloured by how much the vertices of the other one that are within 1 cm attend to each of "
    "its vertices, from blue (not at all) to red (the most of the frame)."
)


def write_evaluation_report(
    folder: Path, content: Mapping[str, Any], gates: Sequence[GateResult] = (), warnings: Sequence[str] = ()
) -> Path:
    """Write report.html beside the other files of an evaluation; returns where.

    Args:
        folder: of the evaluation; content: its metrics.json.
        gates: what became of them; warnings: about the baseline that they compare with.

    Raises:
        UserError: Plotly is not installed, or a file is missing.
    """
    bags = read_frames(folder)
    folders = {bag["name"]: folder / bag["folder"] for bag in content["bags"] if bag["status"] != FAILED}
    shown = {name: read_shown_frames(path / SHOWN_FILE) for name, path in folders.items()}
    chosen = choose_frames(bags, shown)
    joint_shares = sum((frames.joint_shares for frames in shown.values()), np.zeros(len(THRESHOLDS)))
    path = folder / REPORT_FILE
    write_report(
        path,
        f"Evaluation: {content['status']}",
        [*_NOTES, *(f"Beware when comparing with the baseline: {warning}" for warning in warnings)],
        _tables(content, gates),
        curves_over_time(bags),
        [_picture(frame) for frame in chosen],
        _views(chosen),
        [*accuracy_charts(bags, joint_shares), *histograms(bags)],
        " ".join([_ABOUT_PICTURES, *_without_attention(shown)]),
    )
    return path


def _picture(frame: ChosenFrame) -> Picture:
    pictures = frame.shown.pictures
    over_image, alone = ([pictures[name] for name in names if name in pictures] for names in (OVER_IMAGE, MESHES_ALONE))
    return Picture(over_image, frame.caption, alone)


def _without_attention(shown: Mapping[str, ShownFrames]) -> list[str]:
    """Why there are no pictures of attention, a sentence for each reason."""
    reasons = dict.fromkeys(frames.no_attention for frames in shown.values() if frames.no_attention)
    return [f"No attention is shown here: {reason}." for reason in reasons]


def _views(chosen: Sequence[ChosenFrame]) -> list[MeshView]:
    return [MeshView(frame.title, frame.shown.meshes) for frame in chosen if frame.shown.meshes]


def _tables(content: Mapping[str, Any], gates: Sequence[GateResult]) -> list[Table]:
    errors = error_table(content)
    if not errors.rows:
        errors = replace(errors, rows=[["nothing could be measured"]])
    judged = [gate_table(gates)] if gates else []
    return [errors, frame_table(content), *judged, _bags(content), _made_with(content)]


def _bags(content: Mapping[str, Any]) -> Table:
    rows = [[bag["name"], bag["status"], "; ".join(said_of(bag))] for bag in content["bags"]]
    return Table("Bags", ["", "status", "what is missing, and remarks"], rows)


def _made_with(content: Mapping[str, Any]) -> Table:
    protocol, weights, environment = content["protocol"], content["weights"], content["environment"]
    chosen = protocol["chosen_stamps"]
    rows = [
        ["weights", f"{weights['name']} (SHA-256 {weights['sha256'][:12]}), preset {weights['preset']}"],
        ["device", f"{content['device']}, {content['threads']} threads"],
        ["protocol", protocol["name"]],
        ["images", f"every {protocol['every']}. image" + ("" if chosen is None else f" of {chosen} chosen stamps")],
        ["processor", environment["processor"]],
        ["Python", environment["python"]],
        *([name, version] for name, version in environment["libraries"].items()),
    ]
    return Table("Made with", ["", ""], rows)
