"""A bag for RViz or Foxglove: everything the node published, with pictures and markers of some frames.

Pictures and markers are made here, after the measurement, so that they cost the node nothing.
"""

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer

from hand_object_pose.demo.bag_content import BagContent
from hand_object_pose.demo.pictures import draw_frames, first_round
from hand_object_pose.demo.scoring import ScoredFrame
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.evaluation.bag_file import open_bag
from hand_object_pose.evaluation.bag_types import new_message, typestore
from hand_object_pose.evaluation.overlay import HAND_COLOUR, OBJECT_COLOUR
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points

PICTURE_TOPIC, MARKER_TOPIC = "/debug_image/compressed", "/markers"
_COMPRESSED, _MARKERS = "sensor_msgs/msg/CompressedImage", "visualization_msgs/msg/MarkerArray"
# Every third frame of the first round: 10 Hz.
_STEP = 3
_METADATA_VERSION: Literal[8] = 8
_TRIANGLE_LIST, _LIFETIME = 11, 500_000_000


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
    new_bag = Writer(path, version=_METADATA_VERSION, storage_plugin=StoragePlugin.MCAP)
    with new_bag as writer, closing(open_bag(heard)) as reader:
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
    markers = writer.add_connection(MARKER_TOPIC, _MARKERS, typestore=store)
    for drawn in draw_frames(content, first_round(frames)[::_STEP], weights):
        heard = drawn.frame.heard
        header = _header(heard.stamp, heard.frame_id)
        picture = _jpeg(header, drawn.drawn)
        writer.write(pictures, heard.arrived, bytes(store.serialize_cdr(picture, _COMPRESSED)))
        array = new_message(_MARKERS, markers=_markers(header, drawn.frame, weights))
        writer.write(markers, heard.arrived, bytes(store.serialize_cdr(array, _MARKERS)))


def _header(stamp: int, frame_id: str) -> Any:
    seconds, fraction = divmod(stamp, 10**9)
    time = new_message("builtin_interfaces/msg/Time", sec=seconds, nanosec=fraction)
    return new_message("std_msgs/msg/Header", stamp=time, frame_id=frame_id)


def _jpeg(header: Any, image: np.ndarray) -> Any:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return new_message(_COMPRESSED, header=header, format="jpeg", data=np.asarray(data, np.uint8).ravel())


def _markers(header: Any, frame: ScoredFrame, weights: WeightsInfo) -> list[Any]:
    pair = frame.heard.pair
    if pair is None or not pair.valid or pair.hand is None or pair.object is None:
        return [_marker(header, name, action=2) for name in ("hand", "object")]
    model = weights.objects[pair.object.name]
    meshes = {
        "hand": (TriangleMesh(pair.hand.vertices, weights.hand.faces), HAND_COLOUR),
        "object": (TriangleMesh(transform_points(pair.object.pose, model.vertices), model.faces), OBJECT_COLOUR),
    }
    return [_mesh_marker(header, name, mesh, colour) for name, (mesh, colour) in meshes.items()]


def _mesh_marker(header: Any, name: str, mesh: TriangleMesh, colour: tuple[int, int, int]) -> Any:
    point = typestore().types["geometry_msgs/msg/Point"]
    vertices = [point(*map(float, vertex)) for vertex in mesh.vertices]
    red, green, blue = (value / 255 for value in colour)
    shade = new_message("std_msgs/msg/ColorRGBA", r=red, g=green, b=blue, a=0.9)
    corners = [vertices[vertex] for vertex in mesh.faces.ravel().tolist()]
    return _marker(header, name, type=_TRIANGLE_LIST, color=shade, points=corners)


def _marker(header: Any, name: str, **values: Any) -> Any:
    one = new_message("geometry_msgs/msg/Vector3", x=1.0, y=1.0, z=1.0)
    pose = new_message("geometry_msgs/msg/Pose", orientation=new_message("geometry_msgs/msg/Quaternion", w=1.0))
    lifetime = new_message("builtin_interfaces/msg/Duration", nanosec=_LIFETIME)
    return new_message(
        "visualization_msgs/msg/Marker", header=header, ns=name, pose=pose, scale=one, lifetime=lifetime, **values
    )
