"""How well ``hand-object-pose calibrate`` measures hands, on rendered recordings of open hands of several sizes.

    python scripts/measure_calibration.py

Each recording shows one open hand in many attitudes, three images a second. Prints a Markdown table: the hand's size as
it is and as it was measured, errors of single bones, bias and sigma in the file; then, in scenes in which the same hand
holds an object, without a depth image, median and median absolute error of the depth, by the measured bones and by a
mean hand's.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import tyro
from run_script import run_script

from hand_object_pose.arrays import FloatArray
from hand_object_pose.calibration.measurement import calibrate
from hand_object_pose.calibration.open_hand import OpenHandFinder
from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.bone_lengths import bone_lengths, resting_bone_lengths
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.hand_calibration import HandCalibration
from hand_object_pose.estimation.looking import Looking
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.evaluation.report.markdown import markdown_table
from hand_object_pose.geometry.crops import projected_box, square_crop
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.scene_sampler import SceneConfig, SceneSampler

# Where no camera sees the object.
_ASIDE = 5.0


class Recordings:
    """Renders one person's hand."""

    def __init__(self) -> None:
        """With the default hand and objects."""
        self._hand, self._catalogue = default_hand(), default_catalogue()
        self._renderer, self._sensor = SceneRenderer(self._hand, self._catalogue), DepthSensor()

    def frames(self, size: float, seed: int, count: int, is_open: bool) -> Iterator[tuple[Frame, SceneTruth]]:
        """``count`` views of a hand ``size`` times as large as the sampler's, open and empty, or with an object."""
        config = SceneConfig(reaching_share=1.0 if is_open else 0.0, closing_share=0.0, pose_noise=0.02)
        sampler = SceneSampler(self._hand, self._catalogue, config=config)
        rng = np.random.default_rng([seed, int(is_open)])
        for number in range(count):
            scene = sampler.sample(rng)
            truth = _resized(scene.truth, size, is_open)
            rendered = self._renderer.render(Scene(truth, scene.camera, scene.appearance), rng)
            depth = self._sensor.measure(rendered.depth, scene.camera, rng)
            box = projected_box(scene.camera, truth.hand_vertices)[None]
            yield Frame(rendered.image, scene.camera, number / 3, depth, hand_boxes=box), truth


def _resized(truth: SceneTruth, size: float, is_open: bool) -> SceneTruth:
    wrist, pose = truth.joints[0], truth.object_pose.copy()
    pose[0, 3] += _ASIDE if is_open else 0.0
    vertices, joints = (wrist + size * (points - wrist) for points in (truth.hand_vertices, truth.joints))
    return SceneTruth(vertices, joints, truth.object_name, pose)


def measure(sizes: tuple[float, ...] = (0.9, 1.0, 1.1), frames: int = 36, seed: int = 31) -> None:
    """Print the table for a hand of each size, calibrated from and tried on ``frames`` views each.

    Args:
        sizes: of the hands, relative to the default hand's.
        frames: views to calibrate from, and as many to try it on.
        seed: of the views.
    """
    backend, recordings = load_backend(), Recordings()
    usual, rows = resting_bone_lengths(backend.weights.hand), []
    for size in sizes:
        shown = list(recordings.frames(size, seed, frames, is_open=True))
        found = list(OpenHandFinder(backend, "right").sightings(frame for frame, _ in shown))
        regressor = backend.weights.hand.joint_regressor21
        calibration = calibrate(found, regressor, backend.weights.hash)
        true = np.median([bone_lengths(truth.joints) for _, truth in shown], axis=0)
        lengths = np.array(calibration.bone_lengths)
        held = list(recordings.frames(size, seed, frames, is_open=False))
        tried = (_depth_errors(backend, held, known) for known in (calibration, None))
        rows.append(
            [
                f"{np.median(true / usual):.2f}",
                f"{np.median(lengths / usual):.2f}",
                f"{1000 * np.mean(np.abs(lengths - true)):.1f}",
                f"{calibration.depth_bias:+.1%} ± {calibration.depth_sigma:.1%}",
                f"{calibration.frames} of {frames}",
                *(f"{np.median(errors):+.1%}, {np.median(np.abs(errors)):.1%}" for errors in tried),
            ]
        )
    columns = [
        "true size",
        "measured",
        "bones' error (mm)",
        "bias ± sigma",
        "images",
        "depth by these",
        "by a mean hand",
    ]
    print(markdown_table(columns, rows))


def _depth_errors(
    backend: Backend, held: list[tuple[Frame, SceneTruth]], calibration: HandCalibration | None
) -> FloatArray:
    """(N,) errors of the wrist's depth without a depth image, as shares of it."""
    config = EstimatorConfig(root_depth_mode="bone_length", hand_calibration=calibration, contacts=False)
    looking, errors = Looking(backend, config), []
    for frame, truth in held:
        model = backend.weights.objects[truth.object_name]
        vertices = model.vertices @ truth.object_pose[:3, :3].T + truth.object_pose[:3, 3]
        boxes = np.stack([projected_box(frame.camera, points) for points in (truth.hand_vertices, vertices)])
        seen = looking.look_alone(replace(frame, depth=None), square_crop(boxes), model, StageTimer())
        if isinstance(seen, Observation):
            errors.append(seen.root.depth / truth.joints[0, 2] - 1)
    return np.array(errors)


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
