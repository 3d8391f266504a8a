"""Keep-out points of hands and free surfaces of objects, as sensor_msgs/PointCloud2. Needs no sensor_msgs_py."""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.free_surface import FreeSurface, FreeSurfaceSettings, free_surface
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.reachable_surface import reachable_surface
from hand_object_pose.ros.parameters import Settings

HAND_FIELDS = ("x", "y", "z", "contact", "sigma")
SURFACE_FIELDS = ("x", "y", "z", "normal_x", "normal_y", "normal_z", "hand_distance")
_FLOAT_BYTES = 4


def cloud_message(header: Header, fields: Sequence[str], values: FloatArray) -> PointCloud2:
    """A cloud of points (N, F) with F float32 fields; none is a cloud of width 0."""
    rows = np.ascontiguousarray(values, dtype="<f4").reshape(-1, len(fields))
    message = PointCloud2(header=header, height=1, width=len(rows), is_bigendian=False, is_dense=True)
    message.fields = [
        PointField(name=name, offset=_FLOAT_BYTES * number, datatype=PointField.FLOAT32, count=1)
        for number, name in enumerate(fields)
    ]
    message.point_step = _FLOAT_BYTES * len(fields)
    message.row_step = message.point_step * len(rows)
    message.data = array("B", rows.tobytes())
    return message


def hand_points_message(header: Header, pairs: Sequence[HandObjectEstimate]) -> PointCloud2:
    """Every vertex of the valid hands: where, whether it touches the object (0 or 1), standard deviation in metres."""
    rows = [_hand_rows(pair) for pair in pairs if pair.valid and pair.hand is not None]
    return cloud_message(header, HAND_FIELDS, np.concatenate(rows) if rows else np.zeros((0, len(HAND_FIELDS))))


def free_surface_message(
    header: Header,
    pairs: Sequence[HandObjectEstimate],
    objects: Mapping[str, ObjectModel],
    settings: FreeSurfaceSettings,
) -> PointCloud2:
    """What the hands leave free of the valid objects: points, normals, and how far the hand is.

    Args:
        header: of the image.
        pairs: estimates from it; each hand is kept away from each object.
        objects: those that the weights know.
        settings: see ``FreeSurfaceSettings``.
    """
    valid = [pair for pair in pairs if pair.valid]
    hands = [pair.hand.vertices for pair in valid if pair.hand is not None]
    vertices = np.concatenate(hands) if hands else np.zeros((0, 3))
    rows = [
        _surface_rows(free_surface(reachable_surface(objects[held.name]), held.pose, vertices, settings))
        for held in (pair.object for pair in valid)
        if held is not None and held.valid
    ]
    return cloud_message(header, SURFACE_FIELDS, np.concatenate(rows) if rows else np.zeros((0, len(SURFACE_FIELDS))))


def free_surface_settings(settings: Settings) -> FreeSurfaceSettings:
    """The parameters `free_surface.*`."""
    return FreeSurfaceSettings(
        clearance=settings.number("free_surface.clearance"),
        margin=settings.number("free_surface.margin"),
        finger_length=settings.number("free_surface.finger_length"),
    )


def _hand_rows(pair: HandObjectEstimate) -> FloatArray:
    assert pair.hand is not None
    contact = np.zeros(len(pair.hand.vertices))
    if pair.contacts is not None:
        contact[pair.contacts.hand_vertices] = 1
    return np.column_stack([pair.hand.vertices, contact, pair.hand.vertex_sigma])


def _surface_rows(surface: FreeSurface) -> FloatArray:
    return np.column_stack([surface.points, surface.normals, surface.hand_distances])
