import cv2
import numpy as np
import pytest
from handovers import planned_handover
from rosbags.highlevel import AnyReader

from hand_object_pose.bags.bag_types import new_message, typestore
from hand_object_pose.bags.message_builders import millimetres
from hand_object_pose.cli.main import main
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.geometry.signed_distance import exact_signed_distance
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.backgrounds import PictureBackgrounds
from hand_object_pose.synthetic.bag_writer import BagConfig, has_detections, stamp_of, write_bag
from hand_object_pose.synthetic.render import SceneRenderer

FRAMES = 4


def read(path):
    found = {}
    with AnyReader([path], default_typestore=typestore()) as reader:
        for connection, time, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            found.setdefault(connection.topic, []).append((time, connection.msgtype, message))
    return found


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    path = tmp_path_factory.mktemp("raw") / "bag"
    config = BagConfig(frames=FRAMES, detection_rate=15.0, workers=0)
    write_bag(path, planned_handover(), default_hand(), default_catalogue(), config)
    return path, config, read(path)


@pytest.fixture(scope="module")
def compressed(tmp_path_factory):
    path = tmp_path_factory.mktemp("compressed") / "bag"
    config = BagConfig(frames=2, detection_rate=0.0, compressed=True, workers=2)
    write_bag(path, planned_handover(), default_hand(), default_catalogue(), config)
    return read(path)


@pytest.fixture(scope="module")
def rendered():
    handover = planned_handover()
    renderer = SceneRenderer(default_hand(), default_catalogue())
    return renderer.render(handover.scene(1), np.random.default_rng([handover.seed, 1]))


def nanoseconds(stamp):
    return stamp.sec * 10**9 + stamp.nanosec


@pytest.mark.parametrize("channel", [0, 1])
def test_pictures_can_lie_behind_the_scene(channel, tmp_path):
    colour = np.zeros(3, np.uint8)
    colour[channel] = 255
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "plain.png"), np.tile(colour[::-1], (480, 480, 1)))
    config = BagConfig(frames=1, workers=0, backgrounds=PictureBackgrounds(tmp_path / "pictures"))
    write_bag(tmp_path / "bag", planned_handover(), default_hand(), default_catalogue(), config)

    ((_, _, message),) = read(tmp_path / "bag")["/image"]

    pixels = message.data.reshape(-1, 3).astype(int)
    others = np.delete(pixels, channel, axis=1).max(axis=1)
    assert np.mean(pixels[:, channel] > 2 * others) > 0.5


def test_directory_without_pictures_is_refused(tmp_path, capsys):
    assert main(["synthesize-bag", "--out", str(tmp_path / "bag"), "--backgrounds", str(tmp_path)]) == 2
    assert "expected pictures" in capsys.readouterr().err


def test_topics_counts_and_types(raw):
    _, _, found = raw
    assert {topic: (len(rows), rows[0][1]) for topic, rows in found.items()} == {
        "/image": (FRAMES, "sensor_msgs/msg/Image"),
        "/camera_info": (FRAMES, "sensor_msgs/msg/CameraInfo"),
        "/depth/image": (FRAMES, "sensor_msgs/msg/Image"),
        "/detections": (2, "vision_msgs/msg/Detection2DArray"),
        "/ground_truth": (FRAMES, "hand_object_pose_msgs/msg/HandObjectEstimates"),
    }


def test_stamps_increase_by_a_thirtieth_and_agree_on_all_topics(raw):
    path, config, found = raw
    stamps = [nanoseconds(message.header.stamp) for _, _, message in found["/image"]]
    assert stamps[0] == config.start
    np.testing.assert_allclose(np.diff(stamps), 1e9 / 30, atol=1)
    for topic in ("/camera_info", "/depth/image", "/ground_truth"):
        assert [nanoseconds(message.header.stamp) for _, _, message in found[topic]] == stamps
        assert [time for time, _, _ in found[topic]] == stamps
        assert {message.header.frame_id for _, _, message in found[topic]} == {config.frame_id}
    assert (path / "metadata.yaml").exists()
    assert list(path.glob("*.mcap"))


def test_image_and_camera_info_are_those_of_the_scene(raw, rendered):
    _, _, found = raw
    _, _, image = found["/image"][1]
    assert (image.encoding, image.step, image.is_bigendian) == ("rgb8", 640 * 3, 0)
    pixels = image.data.reshape(image.height, image.width, 3)
    assert np.abs(pixels.astype(int) - rendered.image).max() == 0
    _, _, info = found["/camera_info"][1]
    np.testing.assert_allclose(info.k.reshape(3, 3), rendered.camera.matrix)
    np.testing.assert_allclose(info.p.reshape(3, 4)[:, :3], rendered.camera.matrix)
    np.testing.assert_array_equal(info.r.reshape(3, 3), np.eye(3))
    assert (info.width, info.height, info.distortion_model) == (640, 480, "plumb_bob")


def test_depth_is_in_millimetres_and_aligned(raw, rendered):
    _, _, found = raw
    _, _, message = found["/depth/image"][1]
    assert (message.encoding, message.step) == ("16UC1", 640 * 2)
    depth = message.data.view(np.uint16).reshape(message.height, message.width).astype(float)
    compared = (rendered.labels > 0) & (depth > 0)
    error = depth[compared] - rendered.depth[compared] * 1000
    assert compared.sum() > 0.5 * (rendered.labels > 0).sum()
    assert abs(np.median(error)) < 1.0
    assert np.percentile(abs(error), 90) < 10.0


def test_millimetres_round_and_saturate():
    depth = np.array([[0.0, 0.0006, 1.2344, 100.0]], dtype=np.float32)
    np.testing.assert_array_equal(millimetres(depth), [[0, 1, 1234, 65535]])


def test_detections_contain_what_they_name(raw):
    _, _, found = raw
    handover = planned_handover()
    stamps = {nanoseconds(message.header.stamp): frame for frame, (_, _, message) in enumerate(found["/image"])}
    for _, _, message in found["/detections"]:
        truth = handover.scene(stamps[nanoseconds(message.header.stamp)]).truth
        vertices = {
            "hand_right": truth.hand_vertices,
            "can": transform_points(truth.object_pose, handover.model.vertices),
        }
        assert {entry.results[0].hypothesis.class_id for entry in message.detections} == set(vertices)
        for entry in message.detections:
            box, hypothesis = entry.bbox, entry.results[0].hypothesis
            assert 0 < hypothesis.score <= 1
            pixels = handover.camera.project(vertices[hypothesis.class_id])
            inside = pixels[((pixels > -0.5) & (pixels < [639.5, 479.5])).all(axis=1)]
            centre = np.array([box.center.position.x, box.center.position.y])
            half = np.array([box.size_x, box.size_y]) / 2
            assert (abs(inside - centre) <= half + 1e-6).all()
            assert (half * 2 <= np.ptp(pixels, axis=0) + 1e-6).all()


def test_ground_truth_holds_hand_object_and_contacts(raw):
    _, _, found = raw
    handover, hand = planned_handover(), default_hand()
    for frame, (_, _, message) in enumerate(found["/ground_truth"]):
        (pair,) = message.estimates
        truth = handover.scene(frame).truth
        np.testing.assert_allclose(pair.hand.vertices.reshape(778, 3), truth.hand_vertices, atol=1e-6)
        np.testing.assert_allclose([[p.x, p.y, p.z] for p in pair.hand.joints], truth.joints, atol=1e-9)
        assert (pair.hand.model_name, pair.hand.model_hash) == (hand.name, hand.hash)
        assert (pair.object.object_id, pair.object.mesh_hash) == ("can", handover.model.hash)
        pose = pair.object.pose.pose
        q = [pose.orientation.w, pose.orientation.x, pose.orientation.y, pose.orientation.z]
        np.testing.assert_allclose(matrix_of(q), truth.object_pose[:3, :3], atol=1e-9)
        np.testing.assert_allclose([pose.position.x, pose.position.y, pose.position.z], truth.object_pose[:3, 3])
        mesh = TriangleMesh(transform_points(truth.object_pose, handover.model.vertices), handover.model.faces)
        nearest = exact_signed_distance(truth.hand_vertices, mesh).min()
        assert pair.min_distance == pytest.approx(nearest, abs=0.002) or nearest > 0.03


def test_truth_of_a_held_object_says_so():
    from hand_object_pose.bags.message_builders import header_message
    from hand_object_pose.synthetic.truth_message import truth_message

    handover = planned_handover()
    frame = handover.num_frames - 1
    truth = handover.scene(frame).truth
    header = header_message(5, "camera")
    message = truth_message(header, truth, default_hand(), handover.model, handover.mano_parameters(frame))
    (pair,) = message.estimates
    assert pair.grasp_state == pair.GRASP_HELD
    assert pair.finger_contacts[0]
    touching = [contact.finger for contact in pair.contacts]
    np.testing.assert_array_equal(pair.finger_contacts, [finger in touching for finger in range(5)])
    assert all(contact.signed_distance < pair.contact_distance for contact in pair.contacts)


def matrix_of(q):
    """The textbook formula of a rotation matrix from a unit quaternion (w, x, y, z)."""
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_compressed_bag_decodes_to_nearly_the_same(compressed, rendered):
    assert set(compressed) == {"/image/compressed", "/camera_info", "/depth/image/compressedDepth", "/ground_truth"}
    _, _, image = compressed["/image/compressed"][1]
    decoded = cv2.imdecode(np.array(image.data), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(decoded.astype(int) - rendered.image).mean() < 4
    _, _, depth = compressed["/depth/image/compressedDepth"][1]
    assert depth.format == "16UC1; compressedDepth png"
    decoded = cv2.imdecode(np.array(depth.data[12:]), cv2.IMREAD_UNCHANGED)
    assert decoded.dtype == np.uint16
    compared = (rendered.labels > 0) & (decoded > 0)
    assert abs(np.median(decoded[compared] - rendered.depth[compared] * 1000)) < 1.0


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 0), (1.0, 10), (7.5, 75), (30.0, 300), (100.0, 300)])
def test_detection_rate(rate, expected):
    config = BagConfig(detection_rate=rate)
    assert sum(has_detections(config, frame, 30.0) for frame in range(300)) == expected


def test_stamps_do_not_drift():
    config = BagConfig()
    assert stamp_of(config, 30 * 60, 30.0) - config.start == 60 * 10**9


def test_messages_know_their_fields():
    header = new_message("std_msgs/msg/Header", frame_id="camera")
    assert (header.frame_id, header.stamp.sec) == ("camera", 0)
    with pytest.raises(TypeError, match="no such field: frame"):
        new_message("std_msgs/msg/Header", frame="camera")
    for name in typestore().fielddefs:
        if name.startswith(("hand_object_pose_msgs/", "vision_msgs/")):
            blank = new_message(name)
            assert typestore().deserialize_cdr(typestore().serialize_cdr(blank, name), name) is not None


def test_an_existing_bag_is_not_overwritten(tmp_path):
    with pytest.raises(UserError, match="already exists"):
        write_bag(tmp_path, planned_handover(), default_hand(), default_catalogue())


def test_command_names_the_known_objects(tmp_path, capsys):
    assert main(["synthesize-bag", "--out", str(tmp_path / "bag"), "--object", "spoon"]) == 2
    assert "banana, bottle, can, carton, drill, mug" in capsys.readouterr().err
