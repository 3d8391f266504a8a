"""Recordings of an evaluation for RViz, Foxglove and Rerun: other programs read in them what was estimated."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from demo_data import scene
from replay_data import CAMERA, FRAME_ID, FRAMES, HAND_OFFSET, MISSED, OBJECT_OFFSET, STAMPS, off_estimator, write_bag
from rosbags.highlevel import AnyReader

from hand_object_pose.bags.bag_types import typestore
from hand_object_pose.bags.message_values import object_pose, points
from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.evaluation_file import read_frames
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.replay.annotated_bag import (
    INFO_TOPIC,
    MARKER_TOPIC,
    METRIC_TOPICS,
    PICTURE_TOPIC,
    POSE_TOPIC,
    TF_TOPIC,
)
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.frame_sinks import ANNOTATED_BAG, RERUN_FILE
from hand_object_pose.replay.run import evaluate_bags

# One in a tenth of a second, of images every 40 ms.
PICTURED = [0, 3, 6]
VALID = [number for number in range(FRAMES) if number != MISSED]


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bag(tmp_path_factory.mktemp("recordings") / "bag")


@pytest.fixture(scope="module")
def evaluated(bag: Path) -> Path:
    out = bag.with_name("out")
    evaluate_bags([bag], ReplayConfig(), out, factory=off_estimator)
    return out


@pytest.fixture(scope="module")
def heard(evaluated: Path) -> dict[str, list[tuple[int, Any]]]:
    """Time and message by topic, with the types that the bag itself defines."""
    found = defaultdict(list)
    with AnyReader([evaluated / "bag" / ANNOTATED_BAG]) as reader:
        for connection, time, data in reader.messages():
            found[connection.topic].append((time, reader.deserialize(data, connection.msgtype)))
    return found


def expected_pose(number: int) -> np.ndarray:
    pose = scene(number).object_pose.copy()
    pose[:3, 3] += OBJECT_OFFSET
    return pose


def test_poses_are_the_estimates_of_all_valid_frames(heard: dict[str, list[tuple[int, Any]]]) -> None:
    assert [time for time, _ in heard[POSE_TOPIC]] == [STAMPS[number] for number in VALID]
    for number, (_, message), (_, transforms) in zip(VALID, heard[POSE_TOPIC], heard[TF_TOPIC], strict=True):
        np.testing.assert_allclose(object_pose(message.pose.pose), expected_pose(number), atol=1e-9)
        (transform,) = transforms.transforms
        assert (transform.header.frame_id, transform.child_frame_id) == (FRAME_ID, "mug")
        place = transform.transform.translation
        np.testing.assert_allclose([place.x, place.y, place.z], expected_pose(number)[:3, 3], atol=1e-9)


def test_pictures_show_the_meshes_ten_times_a_second(heard: dict[str, list[tuple[int, Any]]]) -> None:
    for topic in (PICTURE_TOPIC, INFO_TOPIC, MARKER_TOPIC):
        assert [time for time, _ in heard[topic]] == [STAMPS[number] for number in PICTURED]
    for _, message in heard[PICTURE_TOPIC]:
        image = cv2.imdecode(np.asarray(message.data), cv2.IMREAD_COLOR)
        assert image.shape == (CAMERA.height, CAMERA.width, 3)
        assert image.std() > 5
        assert message.header.frame_id == FRAME_ID
    np.testing.assert_allclose(heard[INFO_TOPIC][0][1].k.reshape(3, 3), CAMERA.matrix)


def test_markers_are_the_estimated_and_the_true_meshes(heard: dict[str, list[tuple[int, Any]]]) -> None:
    hand, mug = default_hand(), default_catalogue()["mug"]
    for number, (_, array) in zip(PICTURED, heard[MARKER_TOPIC], strict=True):
        truth = scene(number)
        expected = {
            "hand": (truth.hand_vertices + HAND_OFFSET)[hand.faces],
            "object": transform_points(expected_pose(number), mug.vertices)[mug.faces],
            "true hand": truth.hand_vertices[hand.faces],
            "true object": transform_points(truth.object_pose, mug.vertices)[mug.faces],
        }
        assert [marker.ns for marker in array.markers] == list(expected)
        for marker in array.markers:
            assert (marker.type, marker.action, marker.header.frame_id) == (11, 0, FRAME_ID)
            np.testing.assert_allclose(points(marker.points), expected[marker.ns].reshape(-1, 3), atol=1e-6)


def test_numbers_by_time_are_those_of_the_rows(heard: dict[str, list[tuple[int, Any]]], evaluated: Path) -> None:
    records = read_frames(evaluated)["bag"]
    found = {topic: values for topic, values in heard.items() if topic.startswith(METRIC_TOPICS)}
    assert f"{METRIC_TOPICS}object/add_s_cm" in found
    for topic, values in found.items():
        name = topic.removeprefix(METRIC_TOPICS).replace("/", ".")
        rows = [(record.stamp_ns, record.values[name]) for record in records if name in record.values]
        assert [(time, message.data) for time, message in values] == rows


def test_a_frame_without_an_estimate_removes_the_meshes(bag: Path, tmp_path: Path) -> None:
    config = ReplayConfig(stamps=(STAMPS[MISSED],))
    evaluate_bags([bag], config, tmp_path, factory=off_estimator)

    with AnyReader([tmp_path / "bag" / ANNOTATED_BAG]) as reader:
        messages: dict[str, Any]
        messages = {c.topic: reader.deserialize(data, c.msgtype) for c, _, data in reader.messages()}

    actions = {marker.ns: marker.action for marker in messages[MARKER_TOPIC].markers}
    assert actions == {"hand": 2, "object": 2, "true hand": 0, "true object": 0}
    assert POSE_TOPIC not in messages


def test_bags_are_annotated_unless_told_otherwise_and_later_if_they_were_not(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotated = tmp_path / "bag" / ANNOTATED_BAG

    def evaluate(wanted: bool) -> str:
        evaluate_bags([bag], ReplayConfig(annotated_bag=wanted), tmp_path, factory=off_estimator)
        return capsys.readouterr().out

    evaluate(False)
    assert not annotated.exists()
    assert "evaluated already" not in evaluate(True)
    assert annotated.exists()
    assert "evaluated already" in evaluate(True)
    assert "evaluated already" in evaluate(False)
    # A recording of other estimates would not be of these numbers.
    evaluate_bags([bag], ReplayConfig(annotated_bag=False, every=2), tmp_path, factory=off_estimator)
    assert not annotated.exists()


def test_the_bag_is_the_same_every_time(bag: Path, evaluated: Path, tmp_path: Path) -> None:
    evaluate_bags([bag], ReplayConfig(), tmp_path, factory=off_estimator)
    first, second = (sorted(file for file in (out / "bag" / ANNOTATED_BAG).iterdir()) for out in (evaluated, tmp_path))
    assert [file.name for file in first] == [file.name for file in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_its_types_need_nothing_of_ours(evaluated: Path) -> None:
    with AnyReader([evaluated / "bag" / ANNOTATED_BAG]) as reader:
        types = {connection.msgtype for connection in reader.connections}
    assert types <= set(typestore().fielddefs)
    assert not any(kind.startswith("hand_object_pose_msgs") for kind in types)


def test_without_rerun_one_is_told_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hand_object_pose.replay.configuration.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'hand_object_pose\[rerun\]'"):
        ReplayConfig(rerun=True)


def rerun_rows(path: Path) -> dict[str, dict[int, np.ndarray]]:
    """Values by time, by entity and component, as the library itself reads them."""
    from rerun.chunk import RrdReader

    found: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    for chunk in RrdReader(path).stream():
        batch = chunk.to_record_batch()
        for name in batch.schema.names:
            if "stamp" in batch.schema.names and ":" in name:
                for row, stamp in enumerate(batch.column("stamp")):
                    value = batch.column(name)[row].as_py()
                    if value is not None:
                        found[f"{chunk.entity_path} {name}"][stamp.value] = np.array(value)
    return found


def test_a_rerun_recording_holds_meshes_numbers_and_times(bag: Path, tmp_path: Path) -> None:
    pytest.importorskip("rerun.chunk", reason="rerun-sdk is not installed")
    config = ReplayConfig(annotated_bag=False, rerun=True)
    evaluate_bags([bag], config, tmp_path, factory=off_estimator)

    rows = rerun_rows(tmp_path / "bag" / RERUN_FILE)

    errors = {
        record.stamp_ns: record.values["object.add_s_cm"] for record in read_frames(tmp_path)["bag"] if record.is_valid
    }
    found = rows["/metrics/object/add_s_cm Scalars:scalars"]
    assert {stamp: float(values[0]) for stamp, values in found.items()} == errors
    meshes = rows["/world/hand Mesh3D:vertex_positions"]
    assert sorted(stamp for stamp, mesh in meshes.items() if len(mesh)) == [STAMPS[number] for number in VALID]
    np.testing.assert_allclose(meshes[STAMPS[2]], scene(2).hand_vertices + HAND_OFFSET, atol=1e-6)
    assert len(rows["/world/true_object Mesh3D:vertex_positions"]) == FRAMES
    pictures = rows["/world/camera/image EncodedImage:blob"]
    assert len(pictures) == FRAMES
    image = cv2.imdecode(pictures[STAMPS[3]].astype(np.uint8).ravel(), cv2.IMREAD_COLOR)
    assert image.shape == (CAMERA.height, CAMERA.width, 3)
