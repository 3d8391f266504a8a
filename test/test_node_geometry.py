"""What the node publishes of the geometry: objects, keep-out points of the hand, the object's free surface."""

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

from ros_support import BALL_RADIUS, RECEIVED, pose_matrix_of
from scipy.spatial import KDTree
from sensor_msgs.msg import PointField


def cloud(message):
    """The columns of a PointCloud2 of float32 by name, read by its own description."""
    assert message.height == 1
    assert message.row_step == message.width * message.point_step == len(message.data)
    layout = np.dtype(
        {
            "names": [field.name for field in message.fields],
            "formats": ["<f4"] * len(message.fields),
            "offsets": [field.offset for field in message.fields],
            "itemsize": message.point_step,
        }
    )
    assert {field.datatype for field in message.fields} == {PointField.FLOAT32}
    return np.frombuffer(bytes(message.data), layout)


def columns(points, *names):
    return np.stack([points[name] for name in names], axis=1)


GEOMETRY = ("objects", "hand_points", "free_surface")


def with_geometry(harness, parameters=None):
    h = harness(parameters, topics=tuple(RECEIVED)).connect()
    outputs = h.node._outputs
    h.until(
        lambda: all(getattr(outputs, topic).get_subscription_count() for topic in GEOMETRY), "the geometry's subscriber"
    )
    return h


def test_objects_hand_points_and_free_surface_are_those_of_the_estimate(harness):
    h = with_geometry(harness, {"free_surface.clearance": 0.15, "free_surface.margin": 0.02})
    message = h.expect_good()
    h.until(lambda: all(h.received[topic] for topic in GEOMETRY), "the geometry")
    objects, hand_points, free_surface = (h.received[topic][-1] for topic in GEOMETRY)
    assert objects.header == hand_points.header == free_surface.header == message.header
    pair = message.estimates[0]

    (detection,) = objects.detections
    assert (detection.header, detection.id) == (message.header, str(pair.track_id))
    assert detection.results[0].hypothesis.class_id == "mug"
    assert detection.results[0].hypothesis.score == pytest.approx(pair.confidence)
    assert detection.results[0].pose == pair.object.pose
    info = h.until(lambda: h.received["object_info"], "object_info")[-1]
    assert detection.bbox.size == info.box_size
    centre, pose = info.box_centre, pose_matrix_of(pair.object.pose.pose)
    moved = pose[:3, :3] @ [centre.x, centre.y, centre.z] + pose[:3, 3]
    np.testing.assert_allclose(pose_matrix_of(detection.bbox.center)[:3, 3], moved, atol=1e-9)

    hand = cloud(hand_points)
    vertices = np.array(pair.hand.vertices, np.float32).reshape(-1, 3)
    np.testing.assert_array_equal(columns(hand, "x", "y", "z"), vertices)
    np.testing.assert_array_equal(hand["sigma"], np.array(pair.hand.vertex_sigmas, np.float32))
    np.testing.assert_array_equal(np.flatnonzero(hand["contact"]), sorted(c.hand_vertex for c in pair.contacts))

    free = cloud(free_surface)
    points, normals = columns(free, "x", "y", "z"), columns(free, "normal_x", "normal_y", "normal_z")
    # On the ball, outward, and with the finger of 6 cm that stands there apart from the hand.
    outward = (points - pose[:3, 3]) / BALL_RADIUS
    np.testing.assert_allclose(np.linalg.norm(outward, axis=1), 1.0, atol=0.05)
    assert (outward * normals).sum(axis=1).min() > 0.9
    finger = points[:, None] + np.linspace(0, 0.06, 31)[:, None] * normals[:, None]
    gaps = KDTree(vertices).query(finger)[0].min(axis=1)
    np.testing.assert_allclose(gaps, free["hand_distance"], atol=1e-4)
    assert 0.17 <= free["hand_distance"].min() < 0.18


def test_nothing_seen_is_an_empty_array_and_empty_clouds(harness):
    h = with_geometry(harness, {"object_id": "", "lost_after": 0.0})
    stamp = h.send_good()
    h.until(lambda: all(h.received[topic] for topic in GEOMETRY), "the geometry")
    objects, *clouds = (h.received[topic][-1] for topic in GEOMETRY)
    assert (objects.header.stamp, objects.detections) == (stamp, [])
    for message in clouds:
        assert message.header.stamp == stamp
        assert (message.width, len(message.data)) == (0, 0)
        assert message.fields


def test_clouds_may_be_switched_off(harness):
    h = with_geometry(harness, {"publish.hand_points": False, "publish.free_surface": False})
    h.expect_good()
    h.until(lambda: h.received["objects"], "objects")
    assert not h.received["hand_points"]
    assert not h.received["free_surface"]
