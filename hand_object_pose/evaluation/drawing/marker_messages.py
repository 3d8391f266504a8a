"""Estimates as what RViz and Foxglove draw, built without ROS: meshes and pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

from hand_object_pose.bags.bag_types import new_message, typestore
from hand_object_pose.evaluation.drawing.overlay import MESH_COLOURS
from hand_object_pose.geometry.meshes import TriangleMesh

MARKERS = "visualization_msgs/msg/MarkerArray"
# The truth is seen through.
_OPACITIES = {"hand": 0.9, "object": 0.9, "true hand": 0.5, "true object": 0.5}
_TRIANGLE_LIST, _DELETE, _LIFETIME = 11, 2, 500_000_000


def mesh_markers(header: Any, meshes: Mapping[str, TriangleMesh], names: Sequence[str] = ("hand", "object")) -> Any:
    """visualization_msgs/MarkerArray of meshes in the header's frame, metres; those that are missing are deleted.

    Args:
        header: std_msgs/Header.
        meshes: "hand", "object", "true hand", "true object", as far as they are known.
        names: of the meshes that there may be.
    """
    return new_message(
        MARKERS,
        markers=[
            _mesh_marker(header, name, meshes[name]) if name in meshes else _marker(header, name, action=_DELETE)
            for name in names
        ],
    )


def _mesh_marker(header: Any, name: str, mesh: TriangleMesh) -> Any:
    point = typestore().types["geometry_msgs/msg/Point"]
    vertices = [point(*map(float, vertex)) for vertex in mesh.vertices]
    red, green, blue = (value / 255 for value in MESH_COLOURS[name])
    shade = new_message("std_msgs/msg/ColorRGBA", r=red, g=green, b=blue, a=_OPACITIES[name])
    corners = [vertices[vertex] for vertex in mesh.faces.ravel().tolist()]
    return _marker(header, name, type=_TRIANGLE_LIST, color=shade, points=corners)


def _marker(header: Any, name: str, **values: Any) -> Any:
    one = new_message("geometry_msgs/msg/Vector3", x=1.0, y=1.0, z=1.0)
    pose = new_message("geometry_msgs/msg/Pose", orientation=new_message("geometry_msgs/msg/Quaternion", w=1.0))
    lifetime = new_message("builtin_interfaces/msg/Duration", nanosec=_LIFETIME)
    return new_message(
        "visualization_msgs/msg/Marker", header=header, ns=name, pose=pose, scale=one, lifetime=lifetime, **values
    )
