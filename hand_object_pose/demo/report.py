"""The demo's report: tables, curves over time, pictures with the meshes over them, meshes to turn."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hand_object_pose.demo.bag_content import BagContent
from hand_object_pose.demo.pictures import (
    DrawnFrame,
    draw_frames,
    draw_truth,
    error_text,
    first_round,
    truth_as_estimate,
)
from hand_object_pose.demo.results import DemoResults
from hand_object_pose.demo.scoring import ScoredFrame
from hand_object_pose.demo.tables import tables
from hand_object_pose.evaluation.drawing.jpeg import encode_jpeg
from hand_object_pose.evaluation.in_view import LEAST_VISIBLE_SHARE
from hand_object_pose.evaluation.report.figures import Curve, MeshView
from hand_object_pose.evaluation.report.frame_choice import spread
from hand_object_pose.evaluation.report.frame_pictures import meshes_of
from hand_object_pose.evaluation.report.html_report import Picture, write_report

_PICTURES = 10
_VIEWS = 2
_CURVE_ERRORS = {"hand.mje_cm": "hand MJE, cm", "object.add_s_cm": "object ADD-S, cm"}


def write_demo_report(path: Path, content: BagContent, results: DemoResults) -> None:
    """Write one HTML file that needs nothing else.

    Raises:
        UserError: Plotly is not installed.
    """
    frames = results.scores.frames
    drawn = list(draw_frames(content, spread(first_round(frames), _PICTURES), results.weights))
    write_report(
        path,
        results.title,
        _notes(results),
        tables(results),
        _curves(frames),
        [_picture(content, entry, results) for entry in drawn],
        _views(content, frames, results),
    )


def _notes(results: DemoResults) -> list[str]:
    weights = results.weights
    notes = [
        f"Weights {weights.name} (SHA-256 {weights.hash[:12]}…) on {results.device}; object: {results.object_id}. "
        f"Played from {results.bag} at wall-clock rate into the node; the player never waits.",
        f"In view: at least {LEAST_VISIBLE_SHARE:.0%} of the hand's joints and of the object's vertices project into "
        "the image. A frame without a valid estimate counts with the baseline's error.",
        "The baseline answers the training set's mean hand and mean object pose, placed at the true wrist.",
    ]
    return notes + [f"Failed: {reason}" for reason in results.failures] + results.remarks


def _picture(content: BagContent, drawn: DrawnFrame, results: DemoResults) -> Picture:
    seconds = (drawn.frame.original_stamp - content.stamps[0]) / 1e9
    caption = f"{seconds:.2f} s: estimate"
    score = drawn.frame.score
    if score is not None and score.errors:
        caption += f" (errors: {error_text(score.errors)})"
    if drawn.frame.original_stamp not in content.truth.scenes:
        return Picture([encode_jpeg(drawn.drawn)], caption)
    both = np.concatenate([drawn.drawn, draw_truth(content, drawn, results.weights)], axis=1)
    return Picture([encode_jpeg(both)], f"{caption} on the left, truth on the right")


def _curves(frames: Sequence[ScoredFrame]) -> list[Curve]:
    if not frames:
        return []
    start = frames[0].heard.stamp
    times = [(frame.heard.stamp - start) / 1e9 for frame in frames]

    def curve(panel: str, name: str, value: Callable[[ScoredFrame], float]) -> Curve:
        return Curve(panel, name, times, [value(frame) for frame in frames])

    curves = []
    if any(frame.score for frame in frames):
        for error, panel in _CURVE_ERRORS.items():
            curves.append(curve(panel, "estimate", lambda frame, error=error: _error(frame, error)))  # type: ignore[misc]
            curves.append(curve(panel, "baseline", lambda frame, error=error: _baseline(frame, error)))  # type: ignore[misc]
    curves.append(
        curve("latency, ms", "stamp to listener", lambda frame: (frame.heard.arrived - frame.heard.stamp) / 1e6)
    )
    curves.append(
        curve("latency, ms", "work in the node", lambda frame: 1000 * frame.heard.timing.get("total", math.nan))
    )
    curves.append(
        curve("confidence", "confidence", lambda frame: frame.heard.pair.confidence if frame.heard.pair else math.nan)
    )
    return curves


def _error(frame: ScoredFrame, name: str) -> float:
    return frame.score.errors.get(name, math.nan) if frame.score else math.nan


def _baseline(frame: ScoredFrame, name: str) -> float:
    return frame.score.baseline[name] if frame.score else math.nan


def _views(content: BagContent, frames: Sequence[ScoredFrame], results: DemoResults) -> list[MeshView]:
    valid = [frame for frame in first_round(frames) if frame.heard.valid]
    return [_view(content, frame, results) for frame in spread(valid, _VIEWS + 2)[1:-1]]


def _view(content: BagContent, frame: ScoredFrame, results: DemoResults) -> MeshView:
    assert frame.heard.pair is not None
    meshes = meshes_of(frame.heard.pair, results.weights)
    truth = content.truth.scenes.get(frame.original_stamp)
    if truth is not None:
        true = meshes_of(truth_as_estimate(truth), results.weights)
        meshes |= {f"true {name}": mesh for name, mesh in true.items()}
    seconds = (frame.original_stamp - content.stamps[0]) / 1e9
    return MeshView(f"Meshes at {seconds:.2f} s", meshes)
