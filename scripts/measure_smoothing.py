"""What each smoothing mode does to the estimator's output: jitter at rest, lag and errors on the way, overshoot.

    python scripts/measure_smoothing.py --seeds 11 12 13 14

Renders handovers with noise of camera and depth sensor, and scenes of them that stand still; estimates them as the node
does, with detections once a second; filters what comes out in every mode. Prints a Markdown table.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from run_script import run_script
from smoothing.courses import Course, Moment, filtered, reach
from smoothing.figures import jitter, lag, overshoot, prediction_errors, shared_error

from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.smoothing.configuration import MODES, SmoothingConfig
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.sequence import HandoverSequence

_DETECTION_EVERY = 30
_AHEAD = 0.1
_CONSOLE = Console(stderr=True)


class Studio:
    """Renders scenes as a camera with a depth sensor sees them, and estimates them in order."""

    def __init__(self, backend: Backend) -> None:
        """``backend`` runs the network."""
        self._backend = backend
        self._hand, self._catalogue = default_hand(), default_catalogue()
        self._renderer, self._sensor = SceneRenderer(self._hand, self._catalogue), DepthSensor()

    def courses(self, seed: int, still_frames: int) -> tuple[Course, Course]:
        """A handover's scene when the object is held out, standing still, and the whole handover."""
        sequence = HandoverSequence(seed, self._hand, self._catalogue)
        held_out = sequence.scene(max(n for n in range(sequence.num_frames) if sequence.phase(n) == "hold_out"))
        rate = sequence.config.frame_rate
        still = self._course([held_out] * still_frames, rate, seed)
        return still, self._course(list(sequence), rate, seed)

    def _course(self, scenes: list[Scene], rate: float, seed: int) -> Course:
        model = self._catalogue[scenes[0].truth.object_name]
        config = EstimatorConfig(object_id=model.name, contacts=False, smoothing=SmoothingConfig("none"))
        estimator = Estimator(self._backend, config)
        moments = []
        for frame, scene in zip(self._frames(scenes, rate, seed), scenes, strict=True):
            (pair,) = estimator.process(frame).pairs
            moments.append(Moment(frame.stamp, pair, scene.truth.object_pose, scene.truth.joints))
        return Course(model, moments)

    def _frames(self, scenes: list[Scene], rate: float, seed: int) -> Iterator[Frame]:
        rng = np.random.default_rng(seed)
        for number, scene in enumerate(track(scenes, f"handover {seed}", console=_CONSOLE)):
            truth, camera = scene.truth, scene.camera
            rendered = self._renderer.render(scene, rng)
            depth = self._sensor.measure(rendered.depth, camera, rng)
            vertices = transform_points(truth.object_pose, self._catalogue[truth.object_name].vertices)
            boxes = [projected_box(camera, points)[None] for points in (truth.hand_vertices, vertices)]
            hands, objects = boxes if number % _DETECTION_EVERY == 0 else (None, None)
            yield Frame(rendered.image, camera, number / rate, depth=depth, hand_boxes=hands, object_boxes=objects)


def measure(weights: Path | None = None, seeds: tuple[int, ...] = (11, 12, 13, 14), still_frames: int = 60) -> None:
    """Print the tables. The seeds 1 to 10 are left to the demo.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        seeds: of the handovers; 1 to 10 are left to the demo.
        still_frames: images of each scene at rest.
    """
    studio = Studio(load_backend(weights))
    courses = [studio.courses(seed, still_frames) for seed in seeds]
    still, moving = [pair[0] for pair in courses], [pair[1] for pair in courses]
    settled = [course for course in still if course.valid]
    valid, images = (sum(map(len, parts)) for parts in zip(*((c.valid, c.moments) for c in moving), strict=True))
    print(f"{len(moving)} handovers, {valid} of {images} estimates valid; {len(settled)} scenes that stand still")
    print_tables({mode: SmoothingConfig(mode) for mode in MODES}, settled, moving)


def print_tables(configs: dict[str, SmoothingConfig], still: list[Course], moving: list[Course]) -> None:
    """One row for each configuration."""
    at_rest = {name: [filtered(course, config) for course in still] for name, config in configs.items()}
    on_the_way = {name: [filtered(course, config) for course in moving] for name, config in configs.items()}
    _print_row("", "jitter (mm)", "(degrees)", "joints (mm)", "lag (ms)", "turning (ms)", "overshoot (mm)", "(degrees)")
    _print_row(*["---"] * 8)
    for name, config in configs.items():
        shakes, lags = (
            [f"{value:.1f}" for value in jitter(at_rest[name])[:3]],
            [f"{round(each)}" for each in lag(on_the_way[name])],
        )
        _print_row(name, *shakes, *lags, *(f"{value:.1f}" for value in overshoot(filtered(reach(), config))))
    print(
        f"\nThe truth {_AHEAD * 1e3:.0f} ms later: how far from it the pose is, and the pose moved on by the twist:\n"
    )
    _print_row("", "pose (mm)", "moved on (mm)", "pose (degrees)", "moved on (degrees)")
    _print_row(*["---"] * 5)
    for name, tracks in on_the_way.items():
        held, predicted, held_turn, predicted_turn = (f"{error:.1f}" for error in prediction_errors(tracks, _AHEAD))
        moved = (predicted, predicted_turn) if configs[name].mode != "none" else ("", "")
        _print_row(name, held, moved[0], held_turn, moved[1])
    twist, valid = jitter(at_rest["one_euro"])[3:], sum(len(course.valid) for course in moving)
    share = sum(len(track.stamps) for track in on_the_way["one_euro"]) / valid
    print(f"\nThe twist at rest: {twist[0]:.0f} mm/s, {twist[1]:.0f} degrees/s RMS.")
    position, rotation = shared_error([*at_rest["none"], *on_the_way["none"]])
    print(f"Successive images share {position:.2f} of the squared error of position, {rotation:.2f} of rotation.")
    print(f"{share:.0%} of the valid estimates on the way have filtered ones beside them.")


def _print_row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
