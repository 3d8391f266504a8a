"""Rendered frames of handovers with measured depth, for the scripts that measure the estimator."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.sequence import HandoverSequence


@dataclass(frozen=True)
class RenderedFrame:
    """One frame of a handover: its seed, its phase (``sequence.PHASES``), the truth, and what the estimator gets."""

    seed: int
    phase: str
    truth: SceneTruth
    frame: Frame


def rendered_handovers(seeds: tuple[int, ...], every: int) -> Iterator[RenderedFrame]:
    """Every ``every``-th frame of the handovers of ``seeds``, with true boxes and measured depth.

    The seeds 1 to 10 are left to the demo.
    """
    hand, catalogue, sensor = default_hand(), default_catalogue(), DepthSensor()
    renderer = SceneRenderer(hand, catalogue)
    for seed in seeds:
        sequence, rng = HandoverSequence(seed, hand, catalogue), np.random.default_rng(seed)
        for number in range(0, sequence.num_frames, every):
            scene = sequence.scene(number)
            truth, camera = scene.truth, scene.camera
            rendered = renderer.render(scene, rng)
            vertices = transform_points(truth.object_pose, catalogue[truth.object_name].vertices)
            hands, objects = (projected_box(camera, points)[None] for points in (truth.hand_vertices, vertices))
            depth = sensor.measure(rendered.depth, camera, rng)
            frame = Frame(rendered.image, camera, sequence.time(number), depth, hand_boxes=hands, object_boxes=objects)
            yield RenderedFrame(seed, sequence.phase(number), truth, frame)
