"""Renders frames of an episode as both exporters need them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose_training.datasets.episodes import Episode, View
from hand_object_pose_training.datasets.hands import Hands, ManoParameters


@dataclass(frozen=True)
class RecordedFrame:
    """One image and its truth in the camera's optical frame, metres.

    Attributes:
        image: (H, W, 3) RGB; depth: (H, W) as a sensor measures it, 0 where it found none.
        labels: (H, W) as in ``RenderedScene``.
        truth: see there; hand: its parameters.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    labels: NDArray[np.uint8]
    truth: SceneTruth
    hand: ManoParameters


class Recorder:
    """The renderers of both sides' default hands."""

    def __init__(self, catalogue: Mapping[str, ObjectModel]) -> None:
        """Prepare for the objects of a catalogue."""
        self.hands = Hands.default()
        self._renderers = {side: SceneRenderer(model, catalogue) for side, model in self.hands.models.items()}
        self._sensor = DepthSensor()

    def record(self, episode: Episode, frame: int, view: View, rng: np.random.Generator) -> RecordedFrame:
        """Render one frame of one camera; ``rng`` draws the sensors' noise."""
        rendered = self._renderers[episode.side].render(episode.scene(frame, view), rng)
        depth = self._sensor.measure(rendered.depth, rendered.camera, rng)
        return RecordedFrame(rendered.image, depth, rendered.labels, rendered.truth, episode.hand(frame, view))


def dataset_camera(rng: np.random.Generator) -> Camera:
    """Intrinsics near those of the depth cameras that both datasets were taken with, 640 x 480."""
    focal = rng.uniform(605, 625)
    centre = np.array([319.5, 239.5]) + rng.uniform(-12, 12, 2)
    return Camera(
        np.array([[focal, 0.0, centre[0]], [0.0, focal * rng.uniform(0.998, 1.002), centre[1]], [0, 0, 1]]), 640, 480
    )
