"""Writes a synthetic handover as a rosbag2 (MCAP): what a camera driver and a detector publish, and the truth."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from hand_object_pose.arrays import FloatArray
from hand_object_pose.bags import message_builders
from hand_object_pose.bags.bag_file import new_bag
from hand_object_pose.bags.bag_types import DETECTIONS, ESTIMATES, typestore
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.backgrounds import Backgrounds
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.sequence import HandoverSequence
from hand_object_pose.synthetic.truth_message import HAND_CLASS, truth_message

_IMAGE, _COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"


@dataclass(frozen=True)
class BagConfig:
    """What a bag holds.

    Attributes:
        frames: how many frames; 0 means the whole sequence.
        detection_rate: detections a second, from the first frame on; 0 writes none.
        compressed: JPEG and PNG on ``image/compressed`` and ``depth/image/compressedDepth``, instead of raw images.
        start: stamp of the first frame, nanoseconds since 1970.
        frame_id: the camera's optical frame.
        workers: rendering processes; 0 renders in this one.
        backgrounds: what lies behind the scene; procedural ones if None.
    """

    frames: int = 0
    detection_rate: float = 1.0
    compressed: bool = False
    start: int = 1_700_000_000_000_000_000
    frame_id: str = "camera_color_optical_frame"
    workers: int = 2
    backgrounds: Backgrounds | None = None


@dataclass(frozen=True)
class _Job:
    """What a rendering process needs, sent to it once."""

    sequence: HandoverSequence
    hand: HandModel
    catalogue: Mapping[str, ObjectModel]
    config: BagConfig


def write_sequence_bag(
    path: Path,
    seed: int,
    hand: HandModel,
    catalogue: Mapping[str, ObjectModel],
    object_name: str | None = None,
    config: BagConfig | None = None,
) -> HandoverSequence:
    """Plan the sequence of a seed, render it and write it to the new directory ``path``; returns the sequence.

    Raises:
        UserError: ``path`` exists, or no handover could be planned.
    """
    _refuse_existing(path)
    sequence = HandoverSequence(seed, hand, catalogue, object_name)
    write_bag(path, sequence, hand, catalogue, config)
    return sequence


def write_bag(
    path: Path,
    sequence: HandoverSequence,
    hand: HandModel,
    catalogue: Mapping[str, ObjectModel],
    config: BagConfig | None = None,
) -> None:
    """Render a planned sequence and write it to the new directory ``path``.

    Topics: ``/image``, ``/camera_info``, ``/depth/image``, ``/detections``, ``/ground_truth``.

    Raises:
        UserError: ``path`` exists.
    """
    _refuse_existing(path)
    config = config or BagConfig()
    count = min(config.frames or sequence.num_frames, sequence.num_frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    job = _Job(sequence, hand, catalogue, config)
    with new_bag(path) as writer:
        connections: dict[str, Any] = {}
        for stamp, messages in track(_rendered(job, count), description=f"rendering {path.name}", total=count):
            for topic, (kind, data) in messages.items():
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=typestore())
                writer.write(connections[topic], stamp, data)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise UserError(f"{path}: already exists; remove it or choose another path for the bag")


def stamp_of(config: BagConfig, frame: int, frame_rate: float) -> int:
    """Nanoseconds of a frame, without accumulating rounding."""
    return config.start + round(frame * 1e9 / frame_rate)


def has_detections(config: BagConfig, frame: int, frame_rate: float) -> bool:
    """Whether a detector that runs at its own rate has finished on this frame."""
    if config.detection_rate <= 0:
        return False
    per_frame = min(config.detection_rate / frame_rate, 1.0)
    return frame == 0 or int(frame * per_frame + 1e-9) > int((frame - 1) * per_frame + 1e-9)


def visible_box(camera: Camera, points: FloatArray) -> FloatArray | None:
    """Box (x_min, y_min, x_max, y_max) of points (N, 3), cut at the image's border; None where nothing is left."""
    box = projected_box(camera, points)
    limits = np.array([camera.width, camera.height] * 2) - 0.5
    cut = np.clip(box, -0.5, limits)
    return cut if (cut[2:] > cut[:2]).all() else None


def _rendered(job: _Job, count: int) -> Iterator[tuple[int, dict[str, tuple[str, bytes]]]]:
    """Stamp and serialised messages by topic of each frame, in order."""
    if job.config.workers == 0:
        _prepare(job)
        yield from map(_render_frame, range(count))
        return
    with _one_opencv_thread(), ProcessPoolExecutor(job.config.workers, initializer=_prepare, initargs=(job,)) as pool:
        yield from pool.map(_render_frame, range(count))


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """For processes that are forked now and share the cores already.

    To set it in them would wait for ever for OpenCV's threads, which a fork leaves behind.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


class _Studio:
    """The renderer of one process."""

    def __init__(self, job: _Job) -> None:
        self.job = job
        self.renderer = SceneRenderer(job.hand, job.catalogue, backgrounds=job.config.backgrounds)
        self.sensor = DepthSensor()


_studio: list[_Studio] = []


def _prepare(job: _Job) -> None:
    _studio[:] = [_Studio(job)]


def _render_frame(frame: int) -> tuple[int, dict[str, tuple[str, bytes]]]:
    studio = _studio[0]
    job, sequence = studio.job, studio.job.sequence
    rng = np.random.default_rng([sequence.seed, frame])
    rendered = studio.renderer.render(sequence.scene(frame), rng)
    depth = studio.sensor.measure(rendered.depth, rendered.camera, rng)
    stamp = stamp_of(job.config, frame, sequence.config.frame_rate)
    header = message_builders.header_message(stamp, job.config.frame_id)
    truth = truth_message(header, rendered.truth, job.hand, sequence.model, sequence.mano_parameters(frame))
    messages = {
        **_image_messages(header, rendered.image, depth, job.config.compressed),
        "/camera_info": ("sensor_msgs/msg/CameraInfo", message_builders.camera_info_message(header, rendered.camera)),
        "/ground_truth": (ESTIMATES, truth),
    }
    if has_detections(job.config, frame, sequence.config.frame_rate):
        boxes = detected_boxes(rendered.camera, rendered.truth, sequence.model)
        messages["/detections"] = (DETECTIONS, message_builders.detections_message(header, boxes))
    store = typestore()
    return stamp, {
        topic: (kind, bytes(store.serialize_cdr(message, kind))) for topic, (kind, message) in messages.items()
    }


def _image_messages(
    header: Any, image: NDArray[np.uint8], depth: NDArray[np.float32], compressed: bool
) -> dict[str, tuple[str, Any]]:
    if compressed:
        return {
            "/image/compressed": (_COMPRESSED, message_builders.jpeg_message(header, image)),
            "/depth/image/compressedDepth": (_COMPRESSED, message_builders.compressed_depth_message(header, depth)),
        }
    return {
        "/image": (_IMAGE, message_builders.image_message(header, image)),
        "/depth/image": (_IMAGE, message_builders.depth_message(header, depth)),
    }


def detected_boxes(camera: Camera, truth: SceneTruth, model: ObjectModel) -> dict[str, FloatArray]:
    """What a perfect detector finds: boxes of hand and object by class id."""
    object_vertices = transform_points(truth.object_pose, model.vertices)
    points = {HAND_CLASS: truth.hand_vertices, model.name: object_vertices}
    boxes = {name: visible_box(camera, vertices) for name, vertices in points.items()}
    return {name: box for name, box in boxes.items() if box is not None}
