"""A bag for RViz and Foxglove: pictures with the estimate over them, meshes, poses and numbers by time."""

from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode

from hand_object_pose.bags.bag_file import new_bag
from hand_object_pose.bags.bag_types import new_message, typestore
from hand_object_pose.bags.message_builders import (
    camera_info_message,
    header_message,
    jpeg_message,
    pose_message,
    transform_message,
)
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult, HandObjectEstimate
from hand_object_pose.evaluation.drawing.marker_messages import MARKERS, mesh_markers
from hand_object_pose.evaluation.drawing.overlay import draw_estimates
from hand_object_pose.evaluation.report.shown_frames import MESHES
from hand_object_pose.replay.scored_frame import ScoredFrame
from hand_object_pose.replay.watchers import BagFacts

PICTURE_TOPIC, MARKER_TOPIC, INFO_TOPIC = "/debug_image/compressed", "/markers", "/camera_info"
POSE_TOPIC, TF_TOPIC, METRIC_TOPICS = "/object_pose", "/tf", "/metrics/"
_TYPES = {
    PICTURE_TOPIC: "sensor_msgs/msg/CompressedImage",
    INFO_TOPIC: "sensor_msgs/msg/CameraInfo",
    MARKER_TOPIC: MARKERS,
    POSE_TOPIC: "geometry_msgs/msg/PoseWithCovarianceStamped",
    TF_TOPIC: "tf2_msgs/msg/TFMessage",
}
_METRIC_TYPE = "std_msgs/msg/Float64"
# Nanoseconds: pictures and meshes of ten frames a second are enough to see what happens. Numbers are of all.
_PICTURE_PERIOD = 99_000_000


class AnnotatedBag:
    """Writes the bag, times being the images' stamps.

    Args:
        path: the new bag's directory, which does not exist yet.
        facts: see there.
    """

    def __init__(self, path: Path, facts: BagFacts) -> None:
        self._facts = facts
        self._writer = new_bag(path)
        # By chunks, as rosbag2's own presets do, so that a player needs nothing else.
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.open()
        self._connections: dict[str, Any] = {}
        self._last_picture: int | None = None

    def see(self, frame: Frame | None, result: FrameResult | None, scored: ScoredFrame) -> None:
        """See ``FrameSink``."""
        stamp = scored.record.stamp_ns
        for name, value in scored.record.values.items():
            number = new_message(_METRIC_TYPE, data=float(value))
            self._write(METRIC_TOPICS + name.replace(".", "/"), _METRIC_TYPE, number, stamp)
        header = header_message(stamp, self._facts.frame_id)
        if scored.pair is not None and scored.object_pose is not None:
            self._write_pose(header, scored.pair, scored.object_pose, stamp)
        if frame is not None and result is not None and self._is_time(stamp):
            self._last_picture = stamp
            self._write_picture(header, frame, result, scored)

    def close(self) -> None:
        """Finish the bag."""
        self._writer.close()

    def _is_time(self, stamp: int) -> bool:
        last = self._last_picture
        return last is None or stamp < last or stamp - last >= _PICTURE_PERIOD

    def _write_picture(self, header: Any, frame: Frame, result: FrameResult, scored: ScoredFrame) -> None:
        weights, stamp = self._facts.weights, scored.record.stamp_ns
        drawn = draw_estimates(frame.image, frame.camera, result.pairs, weights.hand, weights.objects)
        messages = {
            PICTURE_TOPIC: jpeg_message(header, drawn),
            INFO_TOPIC: camera_info_message(header, frame.camera),
            MARKER_TOPIC: mesh_markers(header, self._facts.meshes(result, scored), MESHES),
        }
        for topic, message in messages.items():
            self._write(topic, _TYPES[topic], message, stamp)

    def _write_pose(self, header: Any, pair: HandObjectEstimate, pose: np.ndarray, stamp: int) -> None:
        assert pair.object is not None
        placed = new_message(
            "geometry_msgs/msg/PoseWithCovariance",
            pose=pose_message(pose),
            covariance=np.asarray(pair.object.covariance, float).ravel(),
        )
        message = new_message(_TYPES[POSE_TOPIC], header=header, pose=placed)
        self._write(POSE_TOPIC, _TYPES[POSE_TOPIC], message, stamp)
        transforms = [transform_message(header, pair.object.name, pose)]
        self._write(TF_TOPIC, _TYPES[TF_TOPIC], new_message(_TYPES[TF_TOPIC], transforms=transforms), stamp)

    def _write(self, topic: str, kind: str, message: Any, stamp: int) -> None:
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(topic, kind, typestore=typestore())
        self._writer.write(self._connections[topic], stamp, bytes(typestore().serialize_cdr(message, kind)))
