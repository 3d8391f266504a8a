"""Independent rendered scenes with measured depth and a detector's square, for scripts that measure the estimator."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from rendered_handovers import with_left_hand

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.geometry.crops import CropBox, projected_box, square_crop
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import mirrored
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import RenderedScene, SceneTruth
from hand_object_pose.synthetic.scene_sampler import SceneSampler

_JITTER = 0.05


@dataclass(frozen=True)
class StillScene:
    """One scene: its truth, what the estimator gets, and the square that a detector would give it."""

    number: int
    truth: SceneTruth
    rendered: RenderedScene
    frame: Frame
    crop: CropBox


def still_scenes(
    hand: HandModel, catalogue: Mapping[str, ObjectModel], seed: int, numbers: Iterable[int], side: str = "right"
) -> Iterator[StillScene]:
    """The scenes of these numbers of an endless series, each on its own: the same whichever others are asked for.

    Args:
        hand, catalogue: what is rendered; the hand is a right one.
        seed: of the series; numbers: which of its scenes.
        side: with "left", a left hand holds the object itself as the right one does in a mirror, see
            ``rendered_handovers.with_left_hand``.
    """
    shown = hand if side == "right" else mirrored(hand, f"{hand.name}, left")
    sampler, renderer, sensor = SceneSampler(hand, catalogue), SceneRenderer(shown, catalogue), DepthSensor()
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        scene = sampler.sample(rng)
        if side == "left":
            scene = replace(scene, truth=with_left_hand(scene.truth, catalogue[scene.truth.object_name]))
        rendered = renderer.render(scene, rng)
        camera, truth = rendered.camera, rendered.truth
        parts = truth.hand_vertices, transform_points(truth.object_pose, catalogue[truth.object_name].vertices)
        boxes = np.stack([projected_box(camera, part) for part in parts])
        crop = square_crop(boxes + rng.normal(0, _JITTER, (2, 4)) * np.ptp(boxes))
        depth = sensor.measure(rendered.depth, camera, rng)
        frame = Frame(rendered.image, camera, depth=depth, true_root_depth=float(truth.joints[0, 2]))
        yield StillScene(number, truth, rendered, frame, crop)
