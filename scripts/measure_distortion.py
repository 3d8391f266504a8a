"""What the lens changes: estimates from one scene through three distortion models beside those without distortion.

    python scripts/measure_distortion.py --scenes 100

Renders scenes without distortion and resamples them as three lenses show them. The crop is the same square of
undistorted pixels each time, so an exact remap would give the same estimate but for the resampling. What resampling
alone changes is shown by two other images of the scene, whose cameras are changed with them: moved by half a pixel, and
reduced to nine tenths, as the lenses reduce what lies off the middle.
Prints Markdown tables of distances from the estimate in the rendered image: mean with its standard error, median,
and 95th percentile over scenes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from run_script import run_script

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backend import Backend, WeightsInfo
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import projected_box, square_crop
from hand_object_pose.geometry.projection import distort
from hand_object_pose.geometry.se3 import rotation_angle, transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.lens import depth_through, image_through
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.scene_sampler import SceneSampler

# Model -> coefficients as in CameraInfo: a wide webcam, a wide lens with a rational model, a lens for mobile robots.
LENSES: Mapping[str, tuple[float, ...]] = {
    "plumb_bob": (-0.28, 0.07, 0.0005, -0.0003, 0.0),
    "rational_polynomial": (1.2, 0.4, 0.0005, -0.0003, 0.02, 1.5, 0.7, 0.05),
    "equidistant": (0.02, -0.01, 0.003, -0.001),
}
_WAYS = {
    "network alone, true root depth": EstimatorConfig(root_depth_mode="ground_truth", surface_fit=False),
    "as in use, with the depth image": EstimatorConfig(),
}
_SHIFT, _REDUCTION = 0.5, 0.9
_ERRORS = ("hand (mm)", "object (mm)", "object (degrees)")


def measure(weights: Path | None = None, scenes: int = 100, seed: int = 710_001) -> None:
    """Print the tables for ``scenes`` scenes that no training saw.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        scenes: how many.
        seed: of the scenes, which no training saw.
    """
    backend = load_backend(weights)
    found: dict[str, dict[str, list[list[float]]]] = {way: {} for way in _WAYS}
    moved: dict[str, list[float]] = {}
    for truth, frame in track(_rendered(backend.weights, scenes, seed), "scenes", scenes, console=Console(stderr=True)):
        model = backend.weights.objects[truth.object_name]
        box = _box(frame.camera, truth, model)
        views = dict(other_views(frame, box))
        for name in LENSES:
            lens = views[name][0].camera
            moved.setdefault(name, []).append(_distance(lens, frame.camera, truth.joints))
        for way, config in _WAYS.items():
            chosen = replace(config, object_id=model.name, confidence_threshold=0.0, contacts=False)
            straight = _estimate(backend, chosen, frame, box)
            for name, (other, other_box) in views.items():
                pair = _estimate(backend, chosen, other, other_box)
                found[way].setdefault(name, []).append(differences(straight, pair, model))
    for way, rows in found.items():
        _print_table(way, rows, moved)


def _rendered(weights: WeightsInfo, scenes: int, seed: int) -> Iterator[tuple[SceneTruth, Frame]]:
    sampler, renderer = SceneSampler(weights.hand, weights.objects), SceneRenderer(weights.hand, weights.objects)
    rng, sensor = np.random.default_rng(seed), DepthSensor()
    for _ in range(scenes):
        scene = renderer.render(sampler.sample(rng), rng)
        depth, root = sensor.measure(scene.depth, scene.camera, rng), float(scene.truth.joints[0, 2])
        yield scene.truth, Frame(scene.image, scene.camera, depth=depth, true_root_depth=root)


def other_views(frame: Frame, box: FloatArray) -> Iterator[tuple[str, tuple[Frame, FloatArray]]]:
    """Name, frame and box in undistorted pixels: the image moved, reduced, and through each lens of ``LENSES``."""
    camera = frame.camera
    yield "moved by half a pixel", (_moved(frame), box + _SHIFT)
    reduced = _reduced(frame)
    scale = np.array([reduced.camera.width / camera.width, reduced.camera.height / camera.height] * 2)
    yield "reduced to nine tenths", (reduced, box * scale + (scale - 1) / 2)
    for model, coefficients in LENSES.items():
        lens = Camera(camera.matrix, camera.width, camera.height, model, np.array(coefficients))
        depth = None if frame.depth is None else depth_through(lens, frame.depth)
        yield model, (replace(frame, image=image_through(lens, frame.image), camera=lens, depth=depth), box)


def differences(straight: HandObjectEstimate, other: HandObjectEstimate, model: ObjectModel) -> list[float]:
    """``_ERRORS``: mean distances of vertices, and the angle; NaN where one of the two has no hand or object."""
    if straight.hand is None or other.hand is None or straight.object is None or other.object is None:
        return [np.nan] * len(_ERRORS)
    hand = np.linalg.norm(straight.hand.vertices - other.hand.vertices, axis=1).mean()
    placed = [transform_points(pair.pose, model.vertices) for pair in (straight.object, other.object)]
    turn = straight.object.pose[:3, :3].T @ other.object.pose[:3, :3]
    return [
        1000 * float(hand),
        1000 * float(np.linalg.norm(placed[0] - placed[1], axis=1).mean()),
        float(np.degrees(rotation_angle(turn))),
    ]


def _estimate(backend: Backend, config: EstimatorConfig, frame: Frame, box: FloatArray) -> HandObjectEstimate:
    estimator = Estimator(backend, replace(config, roi_mode="fixed", roi_box=tuple(box)))
    return estimator.process(frame).pairs[0]


def _box(camera: Camera, truth: SceneTruth, model: ObjectModel) -> FloatArray:
    points = np.concatenate([truth.hand_vertices, transform_points(truth.object_pose, model.vertices)])
    crop = square_crop(projected_box(camera, points)[None])
    return np.array([crop.x, crop.y, crop.x + crop.side, crop.y + crop.side])


def _moved(frame: Frame) -> Frame:
    move = np.array([[1.0, 0.0, _SHIFT], [0.0, 1.0, _SHIFT], [0.0, 0.0, 1.0]])
    size = (frame.camera.width, frame.camera.height)
    image = cv2.warpAffine(frame.image, move[:2], size, flags=cv2.INTER_LANCZOS4)
    depth = cv2.warpAffine(np.asarray(frame.depth, np.float32), move[:2], size, flags=cv2.INTER_NEAREST)
    return replace(frame, image=image, depth=depth, camera=replace(frame.camera, matrix=move @ frame.camera.matrix))


def _reduced(frame: Frame) -> Frame:
    size = (round(frame.camera.width * _REDUCTION), round(frame.camera.height * _REDUCTION))
    image = np.asarray(cv2.resize(frame.image, size, interpolation=cv2.INTER_LANCZOS4), np.uint8)
    depth = cv2.resize(np.asarray(frame.depth, np.float32), size, interpolation=cv2.INTER_NEAREST)
    return replace(frame, image=image, depth=depth, camera=frame.camera.resized(*size))


def _distance(camera: Camera, straight: Camera, points: FloatArray) -> float:
    """How far apart in the image two cameras show these points (N, 3), pixels, on average."""
    return float(np.linalg.norm(distort(camera, points) - straight.project(points), axis=1).mean())


def _print_table(way: str, rows: Mapping[str, list[list[float]]], moved: Mapping[str, list[float]]) -> None:
    print(f"\n{way[0].upper()}{way[1:]}:\n")
    print(
        "| | hand moved in the image (pixels) | "
        + " | ".join(f"{name}, mean ± its error / median / 95 %" for name in _ERRORS)
        + " |"
    )
    print("|---" * (len(_ERRORS) + 2) + "|")
    for name, values in rows.items():
        cells = [_summary(column) for column in np.transpose(values)]
        shift = f"{np.mean(moved[name]):.1f}" if name in moved else ""
        print(f"| {name} | {shift} | " + " | ".join(cells) + " |")
    print("\nBeyond what resampling alone changes in the same scenes, mean ± its error:\n")
    resampling = np.mean([values for name, values in rows.items() if name not in LENSES], axis=0)
    for name in LENSES:
        excess = np.transpose(np.array(rows[name]) - resampling)
        print(f"{name}: " + ", ".join(f"{_mean(c)} {unit}" for c, unit in zip(excess, _ERRORS, strict=True)))


def _summary(column: FloatArray) -> str:
    """Mean, its standard error, median and 95th percentile: with so long a tail, few scenes tell little."""
    return f"{_mean(column)} / {np.nanmedian(column):.2f} / {np.nanpercentile(column, 95):.2f}"


def _mean(column: FloatArray) -> str:
    error = np.nanstd(column, ddof=1) / np.sqrt(np.isfinite(column).sum())
    return f"{np.nanmean(column):.2f} ± {error:.2f}"


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
