"""A left hand and the object in it, from a picture to everything that a robot reads of them."""

from array import array

import fake_backend
import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

from ros_support import FRAME_ID, Harness, pose_matrix_of
from sensor_msgs.msg import CameraInfo, Image
from test_node_geometry import cloud, columns

from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.ros.estimator_factory import estimator_config
from hand_object_pose_msgs.msg import HandEstimate, HandObjectEstimate

TOPICS = ("estimate", "object_pose", "/tf", "markers", "objects", "hand_points", "free_surface", "status")
SHOWN = fake_backend.camera()
SCENE = fake_backend.left_truth(reach=0.05)
BOX = fake_backend.detections(SHOWN, SCENE)


class RealHarness(Harness):
    """A node whose estimator is the real one, around a network that knows the truth about a left hand."""

    def make_estimator(self, settings):
        """The node's factory."""
        backend = fake_backend.FakeBackend(SHOWN, SCENE, "left")
        self.estimators.append(Estimator(backend, estimator_config(settings)))
        self.estimators[-1].prepare()
        return self.estimators[-1]


def picture(stamp):
    pixels = np.rint(fake_backend.coordinate_image(SHOWN)).astype(np.uint8)
    image = Image(height=SHOWN.height, width=SHOWN.width, encoding="rgb8", step=3 * SHOWN.width)
    image.header.stamp, image.header.frame_id = stamp, FRAME_ID
    image.data = array("B", pixels.tobytes())
    return image


def info(stamp):
    found = CameraInfo(height=SHOWN.height, width=SHOWN.width, distortion_model="plumb_bob", d=[0.0] * 5)
    found.header.stamp, found.header.frame_id = stamp, FRAME_ID
    found.k = SHOWN.matrix.ravel().tolist()
    return found


def test_a_left_hand_and_its_object_are_published_like_a_right_one(harness):
    corners = np.concatenate([BOX["hand_boxes"], BOX["object_boxes"]])
    low, high = corners[:, :2].min(axis=0) - 10, corners[:, 2:].max(axis=0) + 10
    parameters = {
        "hand_side": "left",
        "roi.mode": "fixed",
        "roi.box": [*low.tolist(), *high.tolist()],
        "root_depth.value": float(SCENE.joints[0, 2]),
    }
    h = harness(parameters, kind=RealHarness, topics=TOPICS).connect()
    outputs = h.node._outputs
    wanted = ("markers", "objects", "hand_points", "free_surface")
    h.until(lambda: all(getattr(outputs, topic).get_subscription_count() for topic in wanted), "subscribers")
    stamp = h.stamp()
    h.send(picture(stamp), info(stamp))
    message = h.until(lambda: h.estimates_of(stamp), "an estimate")[0]
    (pair,) = message.estimates
    assert (pair.valid, pair.hand.side) == (True, HandEstimate.SIDE_LEFT)
    assert (pair.object.valid, pair.object.reason, pair.object.object_id) == (True, "", "mug")
    vertices = np.array(pair.hand.vertices).reshape(-1, 3)
    np.testing.assert_allclose(vertices, SCENE.hand, atol=1e-3)
    np.testing.assert_allclose(pose_matrix_of(pair.object.pose.pose), SCENE.object_pose, atol=5e-3)
    assert len(pair.contacts) > 0
    assert pair.grasp_state == HandObjectEstimate.GRASP_HELD

    h.until(lambda: all(h.received[topic] for topic in TOPICS), "all topics")
    assert h.received["object_pose"][-1].pose == pair.object.pose
    (transform,) = h.received["/tf"][-1].transforms
    assert (transform.header, transform.child_frame_id) == (message.header, "mug")
    assert transform.transform.rotation == pair.object.pose.pose.orientation
    assert len(h.received["objects"][-1].detections) == 1
    assert {marker.ns for marker in h.received["markers"][-1].markers if marker.action == marker.ADD} >= {
        "hand",
        "object",
        "contacts",
    }
    hand = cloud(h.received["hand_points"][-1])
    np.testing.assert_array_equal(np.flatnonzero(hand["contact"]), sorted(c.hand_vertex for c in pair.contacts))
    free = columns(cloud(h.received["free_surface"][-1]), "x", "y", "z")
    assert len(free) > 0
