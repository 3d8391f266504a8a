"""Which of a bag's topics are taken for what."""

from pathlib import Path

import pytest
from demo_data import TOPICS

from hand_object_pose.bags.bag_types import DETECTIONS
from hand_object_pose.errors import UserError
from hand_object_pose.replay.topics import COMPRESSED, IMAGE, find_topics

TYPES = {
    "/image": IMAGE,
    "/camera_info": "sensor_msgs/msg/CameraInfo",
    "/depth/image": IMAGE,
    "/ground_truth": "hand_object_pose_msgs/msg/HandObjectEstimates",
}


def test_topics_of_our_own_bags() -> None:
    assert find_topics(Path("bag"), TYPES) == TOPICS


def test_topics_of_a_users_bag() -> None:
    types = {
        "/camera/color/image_raw/compressed": COMPRESSED,
        "/camera/color/camera_info": "sensor_msgs/msg/CameraInfo",
        "/camera/aligned_depth_to_color/image_raw/compressedDepth": COMPRESSED,
        "/camera/left/image_raw": IMAGE,
        "/yolo": DETECTIONS,
    }

    topics = find_topics(Path("bag"), types, image="/camera/color/image_raw")

    assert topics.image.transport == "compressed"
    assert topics.depth is not None
    assert (topics.depth.base, topics.depth.transport) == (
        "/camera/aligned_depth_to_color/image_raw",
        "compressedDepth",
    )
    assert topics.detections == "/yolo"
    assert "/camera/left/image_raw" not in topics.given
    with pytest.raises(UserError, match=r"several topics can be meant.*--image"):
        find_topics(Path("bag"), types)


def test_bags_that_lack_something_are_refused_in_words() -> None:
    with pytest.raises(UserError, match="no topic of colour images"):
        find_topics(Path("bag"), {"/scan": "sensor_msgs/msg/LaserScan"})
    with pytest.raises(UserError, match="sensor_msgs/msg/CameraInfo on /camera_info"):
        find_topics(Path("bag"), {"/image": IMAGE})
