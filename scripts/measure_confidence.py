"""Measure on fresh synthetic scenes what a set of weights knows about its own errors.

Prints each piece of evidence behind the confidence for scenes seen as in use, and for three kinds of images that must
not be believed (another object asked for, a crop beside the scene, no scene at all), how well the confidence separates
them, and how many times larger than the votes' spread the object's errors are.
Run it for new weights: ``python scripts/measure_confidence.py --weights FILE``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from run_script import run_script
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.confidence import confidence
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.looking import Looking, NothingSeen
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import CropBox, projected_box, square_crop
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import RenderedScene
from hand_object_pose.synthetic.scene_sampler import SceneSampler

_JITTER = 0.05


@dataclass(frozen=True)
class Trial:
    """What to show the network: a kind for the table, the frame, the crop, the object asked for."""

    kind: str
    frame: Frame
    crop: CropBox
    object_name: str


def measure(weights: Path | None = None, scenes: int = 150, seed: int = 900_001, backend: str = "auto") -> None:
    """Print the tables for ``scenes`` scenes.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        scenes: how many.
        seed: of the scenes.
        backend: what runs the network: auto, onnx or torch.
    """
    network = load_backend(weights, backend)
    looking, timer = Looking(network, EstimatorConfig()), StageTimer()
    rng = np.random.default_rng(seed)
    catalogue = default_catalogue()
    known = {name: catalogue[name] for name in network.weights.objects}
    sampler, renderer = SceneSampler(network.weights.hand, known), SceneRenderer(network.weights.hand, known)
    evidence: dict[str, list[dict[str, float]]] = {}
    errors: list[FloatArray] = []
    for _ in range(scenes):
        scene = renderer.render(sampler.sample(rng), rng)
        for trial in _trials(scene, list(known), known[scene.truth.object_name].vertices, rng):
            seen = looking.look_alone(trial.frame, trial.crop, network.weights.objects[trial.object_name], timer)
            if isinstance(seen, NothingSeen):
                continue
            found = {name: np.nan if value is None else value for name, value in vars(seen.evidence()).items()}
            evidence.setdefault(trial.kind, []).append(found | {"confidence": confidence(seen.evidence())})
            if trial.kind == "as in use":
                errors.append(_errors_and_spread(seen, scene))
    _print_evidence(evidence, scenes)
    _print_calibration(np.array(errors))


def _trials(scene: RenderedScene, names: list[str], template: FloatArray, rng: np.random.Generator) -> Iterator[Trial]:
    camera, truth = scene.camera, scene.truth
    parts = (truth.hand_vertices, transform_points(truth.object_pose, template))
    boxes = np.stack([projected_box(camera, part) for part in parts])
    crop = square_crop(boxes + rng.normal(0, _JITTER, (2, 4)) * np.ptp(boxes))
    frame = Frame(scene.image, camera, depth=DepthSensor().measure(scene.depth, camera, rng))
    yield Trial("as in use", frame, crop, truth.object_name)
    others = [name for name in names if name != truth.object_name]
    if others:
        yield Trial("another object", frame, crop, str(rng.choice(others)))
    side = crop.side
    yield Trial("beside", frame, replace(crop, x=crop.x + rng.choice([-1, 1]) * side * rng.uniform(0.6, 0.9)), names[0])
    yield Trial("no scene", _without_scene(frame, scene, camera), crop, truth.object_name)


def _without_scene(frame: Frame, scene: RenderedScene, camera: Camera) -> Frame:
    """The frame with hand and object painted over by the background to the left of them or to the right."""
    image, depth = frame.image.copy(), np.array(frame.depth)
    hidden = np.broadcast_to(scene.labels.any(axis=0), scene.labels.shape)
    columns = np.flatnonzero(~scene.labels.any(axis=0))
    if len(columns) == 0:
        columns = np.arange(camera.width)
    sources = columns[np.arange(camera.width) % len(columns)]
    image[hidden], depth[hidden] = image[:, sources][hidden], depth[:, sources][hidden]
    return replace(frame, image=image, depth=depth)


def _errors_and_spread(seen: Observation, scene: RenderedScene) -> FloatArray:
    """(4,): translation error relative to the wrist and votes' spread, metres; the same for rotation, radians."""
    covariance = seen.vote_covariance()
    found, true = seen.lifted.object_pose, scene.truth.object_pose
    offset = (found[:3, 3] - seen.lifted.joints[0]) - (true[:3, 3] - scene.truth.joints[0])
    turn = Rotation.from_matrix(found[:3, :3] @ true[:3, :3].T).magnitude()
    spreads = np.sqrt([np.trace(covariance[:3, :3]), np.trace(covariance[3:, 3:])])
    return np.array([np.linalg.norm(offset), spreads[0], turn, spreads[1]])


def _print_evidence(evidence: dict[str, list[dict[str, float]]], scenes: int) -> None:
    good = np.array([found["confidence"] for found in evidence["as in use"]])
    for kind, rows in evidence.items():
        print(f"\n{kind}: {len(rows)} of {scenes} with a root depth")
        for name in rows[0]:
            values = np.array([row[name] for row in rows])
            quantiles = np.nanquantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
            print(f"  {name:<20} 5/25/50/75/95 %: " + "  ".join(f"{value:.4f}" for value in quantiles))
        bad = np.array([row["confidence"] for row in rows])
        print(f"  ranked below a scene as in use: {(bad[None] < good[:, None]).mean():.1%}")
    default = EstimatorConfig.confidence_threshold
    print(f"\nscenes as in use above the threshold {default:g}: {(good >= default).mean():.1%}")


def _print_calibration(errors: FloatArray) -> None:
    squared = np.square(errors)
    # Medians: a handful of flipped rotations would otherwise decide.
    translation, rotation = np.sqrt(np.median(squared[:, ::2] / squared[:, 1::2], axis=0))
    print(f"\nmedian error over votes' spread: translation {translation:.2f}, rotation {rotation:.2f}")


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
