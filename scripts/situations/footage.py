"""Rendered pictures of a handover as the serialised messages of a camera and a detector, with their truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.bags import message_builders
from hand_object_pose.bags.bag_types import DETECTIONS, typestore
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.bag_writer import detected_boxes
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.sequence import HandoverSequence

FRAME = "camera_color_optical_frame"
TYPES = {
    "image": "sensor_msgs/msg/Image",
    "camera_info": "sensor_msgs/msg/CameraInfo",
    "depth/image": "sensor_msgs/msg/Image",
    "detections": DETECTIONS,
}
_FAR_AWAY = np.array([0.0, 0.0, 200.0])


@dataclass(frozen=True)
class Shot:
    """Serialised messages by topic, with the stamp 0; the truth, None where nobody is in view."""

    messages: Mapping[str, bytes]
    truth: SceneTruth | None = None


@dataclass(frozen=True)
class Picture:
    """What a camera and a detector see at one moment; depth in metres."""

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    camera: Camera
    truth: SceneTruth | None
    model: ObjectModel
    changed_info: Mapping[str, Any] = field(default_factory=dict)

    def halved(self) -> "Picture":
        """The same at half the resolution."""
        size = (self.camera.width // 2, self.camera.height // 2)
        image = np.asarray(cv2.resize(self.image, size, interpolation=cv2.INTER_AREA), np.uint8)
        depth = np.asarray(cv2.resize(self.depth, size, interpolation=cv2.INTER_NEAREST), np.float32)
        return replace(self, image=image, depth=depth, camera=self.camera.resized(*size))

    def uncalibrated(self) -> "Picture":
        """The same from a driver without a calibration file."""
        return replace(self, changed_info={"k": np.zeros(9)})

    def shot(self) -> Shot:
        """As messages."""
        header = message_builders.header_message(0, FRAME)
        boxes = {} if self.truth is None else detected_boxes(self.camera, self.truth, self.model)
        messages = {
            "image": message_builders.image_message(header, self.image),
            "camera_info": replace(message_builders.camera_info_message(header, self.camera), **self.changed_info),
            "depth/image": message_builders.depth_message(header, self.depth),
            "detections": message_builders.detections_message(header, boxes),
        }
        store = typestore()
        return Shot(
            {topic: bytes(store.serialize_cdr(message, TYPES[topic])) for topic, message in messages.items()},
            self.truth,
        )


class Studio:
    """Renders handovers of the default objects."""

    def __init__(self) -> None:
        self._hand, self._catalogue = default_hand(), default_catalogue()
        self._renderer, self._sensor = SceneRenderer(self._hand, self._catalogue), DepthSensor()

    def handover(self, object_name: str, seed: int, pictures: int, every: int = 2) -> list[Picture]:
        """So many pictures from the moment on when the object is lifted, one of ``every`` frames of 30 a second."""
        sequence = HandoverSequence(seed, self._hand, self._catalogue, object_name)
        first = next(number for number in range(sequence.num_frames) if sequence.phase(number) == "lift")
        numbers = [min(first + every * count, sequence.num_frames - 1) for count in range(pictures)]
        return [self._picture(sequence.scene(number), seed + number) for number in numbers]

    def empty_room(self, object_name: str, seed: int) -> Picture:
        """The same place without anybody in view."""
        sequence = HandoverSequence(seed, self._hand, self._catalogue, object_name)
        scene = sequence.scene(0)
        truth = scene.truth
        gone = SceneTruth(
            truth.hand_vertices + _FAR_AWAY,
            truth.joints + _FAR_AWAY,
            truth.object_name,
            pose_matrix(truth.object_pose[:3, :3], truth.object_pose[:3, 3] + _FAR_AWAY),
        )
        return replace(self._picture(replace(scene, truth=gone), seed), truth=None)

    def _picture(self, scene: Scene, seed: int) -> Picture:
        rng = np.random.default_rng(seed)
        rendered = self._renderer.render(scene, rng)
        depth = self._sensor.measure(rendered.depth, scene.camera, rng)
        return Picture(rendered.image, depth, scene.camera, scene.truth, self._catalogue[scene.truth.object_name])


def to_and_fro(shots: Sequence[Shot], number: int) -> Shot:
    """The shot to show as the ``number``-th: forwards, backwards and so on, so that nothing ever jumps."""
    if len(shots) == 1:
        return shots[0]
    place = number % (2 * len(shots) - 2)
    return shots[place if place < len(shots) else 2 * len(shots) - 2 - place]
