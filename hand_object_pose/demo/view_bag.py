"""A bag for RViz or Foxglove: everything the node published, with pictures and markers of some frames.

Pictures and markers are made here, after the measurement, so that they cost the node nothing.
"""

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Writer

from hand_object_pose.bags.bag_file import new_bag, open_bag
from hand_object_pose.bags.bag_types import typestore
from hand_object_pose.bags.message_builders import header_message, jpeg_message
from hand_object_pose.demo.bag_content import BagContent
from hand_object_pose.demo.pictures import draw_frames, first_round
from hand_object_pose.demo.scoring import ScoredFrame
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.evaluation.drawing.marker_messages import MARKERS, mesh_markers
from hand_object_pose.evaluation.report.frame_pictures import meshes_of

PICTURE_TOPIC, MARKER_TOPIC = "/debug_image/compressed", "/markers"
_COMPRESSED = "sensor_msgs/msg/CompressedImage"
# Every third frame of the first round: 10 Hz.
_STEP = 3


def write_view_bag(
    path: Path, heard: Path, content: BagContent, frames: Sequence[ScoredFrame], weights: WeightsInfo
) -> None:
    """Write the bag; an older one at ``path`` is replaced.

    Args:
        path: the new bag's directory.
        heard: the recorder's bag.
        content: the bag that was played.
        frames: what was estimated.
        weights: what it was estimated with.
    """
    shutil.rmtree(path, ignore_errors=True)
    with new_bag(path) as writer, closing(open_bag(heard)) as reader:
        copies: dict[int, Any] = {}
        for entry in reader.connections:
            qos = getattr(entry.ext, "offered_qos_profiles", ())
            copies[entry.id] = writer.add_connection(
                entry.topic, entry.msgtype, typestore=typestore(), offered_qos_profiles=qos
            )
        for connection, time, data in reader.messages():
            writer.write(copies[connection.id], time, data)
        _add_pictures(writer, content, frames, weights)


def _add_pictures(writer: Writer, content: BagContent, frames: Sequence[ScoredFrame], weights: WeightsInfo) -> None:
    store = typestore()
    pictures = writer.add_connection(PICTURE_TOPIC, _COMPRESSED, typestore=store)
    markers = writer.add_connection(MARKER_TOPIC, MARKERS, typestore=store)
    for drawn in draw_frames(content, first_round(frames)[::_STEP], weights):
        heard = drawn.frame.heard
        header = header_message(heard.stamp, heard.frame_id)
        picture = jpeg_message(header, drawn.drawn)
        writer.write(pictures, heard.arrived, bytes(store.serialize_cdr(picture, _COMPRESSED)))
        meshes = meshes_of(heard.pair, weights) if heard.pair is not None and heard.pair.valid else {}
        writer.write(markers, heard.arrived, bytes(store.serialize_cdr(mesh_markers(header, meshes), MARKERS)))
