"""Messages of several pairs at a time, of which not all are valid: markers, clouds, objects."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

from ros_support import FakeEstimator, fake_weights, pose_matrix_of
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.free_surface import FreeSurfaceSettings
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.ros.clouds import free_surface_message, hand_points_message
from hand_object_pose.ros.markers import markers_message
from hand_object_pose.ros.objects import objects_message
from hand_object_pose.ros.results import estimate_message, frame_message

HEADER = Header(frame_id="camera")
WEIGHTS = fake_weights()
FREE = FreeSurfaceSettings(clearance=0.03, margin=0.0)
MUG = WEIGHTS.objects["mug"]
# Off its own origin, as scanned objects are.
OFFSET = np.array([0.0, 0.01, 0.05])
KNOWN = {"mug": ObjectModel("mug", MUG.vertices + OFFSET, MUG.faces)}


def pair_at(place: np.ndarray, track_id: int = 1) -> HandObjectEstimate:
    """A hand at rest there, with an object whose middle is 15 cm behind it."""
    frame = Frame(np.zeros((48, 64, 3), np.uint8), Camera(np.diag([60.0, 60.0, 1.0]), 64, 48))
    config = EstimatorConfig(object_id="mug", root_depth_mode="fixed")
    pair = FakeEstimator(config).process_alone(frame, config).pairs[0]
    assert pair.hand is not None
    assert pair.object is not None
    hand = replace(pair.hand, vertices=pair.hand.vertices + place)
    pose = np.eye(4)
    pose[:3, 3] = hand.vertices.mean(axis=0) + np.array([0, 0, 0.15]) - OFFSET
    return replace(pair, track_id=track_id, hand=hand, object=replace(pair.object, pose=pose))


def hidden(pair: HandObjectEstimate) -> HandObjectEstimate:
    return replace(pair, valid=False, reason="hidden")


def without_object(pair: HandObjectEstimate) -> HandObjectEstimate:
    assert pair.object is not None
    return replace(pair, object=replace(pair.object, valid=False, reason="mirrored"))


LEFT, RIGHT = pair_at(np.array([-0.2, 0.0, 0.0])), pair_at(np.array([0.2, 0.0, 0.0]), 2)


def test_clouds_and_objects_hold_what_is_valid_of_all_pairs() -> None:
    for pairs, hands, held in (
        ([LEFT, RIGHT], 2, ["1", "2"]),
        ([hidden(LEFT), RIGHT], 1, ["2"]),
        ([without_object(LEFT), RIGHT], 2, ["2"]),
    ):
        assert hand_points_message(HEADER, pairs).width == 778 * hands
        objects = objects_message(HEADER, pairs, KNOWN)
        assert [found.id for found in objects.detections] == held
        one = free_surface_message(HEADER, [RIGHT], KNOWN, FREE).width
        assert one > 100
        assert free_surface_message(HEADER, pairs, KNOWN, FREE).width == one * len(held)


def test_the_box_of_an_object_is_around_it_and_not_around_its_origin() -> None:
    (found,) = objects_message(HEADER, [RIGHT], KNOWN).detections
    assert RIGHT.object is not None
    np.testing.assert_allclose(pose_matrix_of(found.bbox.center)[:3, 3], RIGHT.object.pose[:3, 3] + OFFSET, atol=1e-3)


def test_every_hand_is_kept_away_from_every_object() -> None:
    """Also from that of the other: here the second hand lies around the first one's object."""
    assert LEFT.object is not None
    around = pair_at(LEFT.object.pose[:3, 3] + OFFSET - pair_at(np.zeros(3)).hand.vertices.mean(axis=0), 2)  # type: ignore[union-attr]
    alone = free_surface_message(HEADER, [LEFT], KNOWN, FREE).width
    together = free_surface_message(HEADER, [LEFT, without_object(around)], KNOWN, FREE).width
    assert together < alone / 2


def test_markers_show_valid_pairs_for_half_a_second_and_delete_the_others() -> None:
    pairs = [estimate_message(pair, WEIGHTS, 0.005, 0) for pair in (RIGHT, hidden(LEFT))]
    message = markers_message(frame_message(HEADER, pairs, {}, WEIGHTS), WEIGHTS.hand, {"mug": "file:///mug.glb"})
    found = {(marker.ns, marker.id): marker for marker in message.markers}
    assert len(found) == len(message.markers) == 6
    for name in ("hand", "object", "contacts"):
        assert found[name, 0].action == Marker.ADD
        assert (found[name, 0].lifetime.sec, found[name, 0].lifetime.nanosec) == (0, 500_000_000)
        assert found[name, 1].action == Marker.DELETE
    thing, contacts = found["object", 0], found["contacts", 0]
    assert (thing.type, thing.mesh_resource) == (Marker.MESH_RESOURCE, "file:///mug.glb")
    assert thing.pose == pairs[0].object.pose.pose
    assert found["hand", 0].type == Marker.TRIANGLE_LIST
    assert (contacts.type, contacts.points) == (Marker.SPHERE_LIST, [contact.position for contact in pairs[0].contacts])


def test_contacts_are_coloured_by_depth() -> None:
    message = estimate_message(RIGHT, WEIGHTS, 0.005, 0)
    (first, second), colours = message.contacts, []
    for depth in (-0.004, 0.0, 0.004):
        first.signed_distance = depth
        message.contacts = [first, second]
        markers = markers_message(frame_message(HEADER, [message], {}, WEIGHTS), WEIGHTS.hand, {}).markers
        colour = next(marker for marker in markers if marker.ns == "contacts").colors[0]
        colours.append((colour.r, colour.g, colour.b))
    assert len(set(colours)) == 3
    # The deepest is red.
    assert colours[0][0] > 2 * max(colours[0][1:])
