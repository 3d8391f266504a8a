"""What the fit to the depth image changes: errors on rendered handovers with true boxes, with it and without.

    python scripts/measure_surface_fit.py --seeds 11 12 13 14 15 16 17 18 19 20

Prints a Markdown table. The seeds 1 to 10 are left to the demo.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import tyro

from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.evaluation.frame_errors import frame_errors
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.sequence import HandoverSequence

_SHOWN = ("hand.mje_cm", "object.add_s_cm", "object.translation_cm", "object.rotation_deg")


def measure(weights: Path | None = None, seeds: tuple[int, ...] = tuple(range(11, 21)), every: int = 30) -> None:
    """Print the table for every ``every``-th frame of the handovers of ``seeds``."""
    backend = load_backend(weights)
    config = EstimatorConfig(roi_mode="detections", confidence_threshold=0.0, contacts=False)
    errors: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for truth, frame in _frames(seeds, every):
        model = default_catalogue()[truth.object_name]
        for fitted, collected in errors.items():
            estimator = Estimator(backend, replace(config, object_id=truth.object_name, surface_fit=fitted))
            collected.append(frame_errors(truth, estimator.process(frame).pairs[0], model))
    print("| | " + " | ".join(f"{name}, mean / median" for name in _SHOWN) + " |")
    print("|---" * (len(_SHOWN) + 1) + "|")
    for fitted, collected in errors.items():
        cells = [_cell([found[name] for found in collected if name in found]) for name in _SHOWN]
        print(f"| {'fitted' if fitted else 'as voted'}, {len(collected)} frames | " + " | ".join(cells) + " |")


def _frames(seeds: tuple[int, ...], every: int) -> Iterator[tuple[SceneTruth, Frame]]:
    """Rendered frames with measured depth and true boxes, and their truth."""
    hand, catalogue, sensor = default_hand(), default_catalogue(), DepthSensor()
    renderer = SceneRenderer(hand, catalogue)
    for seed in seeds:
        sequence, rng = HandoverSequence(seed, hand, catalogue), np.random.default_rng(seed)
        for number in range(0, sequence.num_frames, every):
            scene = sequence.scene(number)
            truth, camera = scene.truth, scene.camera
            rendered = renderer.render(scene, rng)
            vertices = transform_points(truth.object_pose, catalogue[truth.object_name].vertices)
            boxes = [projected_box(camera, points)[None] for points in (truth.hand_vertices, vertices)]
            depth = sensor.measure(rendered.depth, camera, rng)
            yield truth, Frame(rendered.image, camera, depth=depth, hand_boxes=boxes[0], object_boxes=boxes[1])


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.2f} / {np.median(values):.2f}"


if __name__ == "__main__":
    tyro.cli(measure)
