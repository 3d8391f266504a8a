"""Every kind of bag that people have is read with the same result, or refused in words."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from demo_data import scene
from replay_data import (
    CAMERA,
    FRAME_ID,
    FRAMES,
    OBJECT_OFFSET,
    PERIOD,
    STAMPS,
    OffEstimator,
    compressed_file,
    messages,
    pose_message,
    split,
    storage_file,
    without_definitions,
    write_bag,
    write_ros1_bag,
)
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from hand_object_pose.bags import message_builders
from hand_object_pose.bags.bag_types import new_message
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.evaluation.frame_record import FrameRecord
from hand_object_pose.replay.answers import EstimatorAnswers
from hand_object_pose.replay.bag_files import open_recording
from hand_object_pose.replay.bag_result import BagResult
from hand_object_pose.replay.chosen_images import read_stamps
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.one_bag import evaluate_one_bag
from hand_object_pose.ros.counters import Counters
from hand_object_pose.ros.detections import Boxes, boxes_from_detections
from hand_object_pose.ros.frames import FrameBuilder, TopicNames
from hand_object_pose.ros.health import Health
from hand_object_pose.ros.input_list import InputStamps, read_inputs, write_inputs
from hand_object_pose.ros.intake import Intake
from hand_object_pose.ros.mailbox import Mailbox
from hand_object_pose.ros.pairing import Bundle, stamp_of
from hand_object_pose.ros.parameters import Settings

MCAP, SQLITE = StoragePlugin.MCAP, StoragePlugin.SQLITE3
POSE = "geometry_msgs/msg/PoseStamped"


def evaluate(path: Path, estimator: OffEstimator | None = None, **chosen: object) -> BagResult:
    config = ReplayConfig(**chosen)  # type: ignore[arg-type]
    answers = EstimatorAnswers(estimator or OffEstimator())
    return evaluate_one_bag(path, config, answers, lambda done, total: None)


def no_metadata(bag: Path) -> Path:
    (bag / "metadata.yaml").unlink()
    return bag


def png_depth(number: int) -> dict[str, tuple[str, Any]]:
    """Depth as image_transport's `compressed` has it: a PNG of millimetres, 16 bits."""
    found = messages(number)
    _, depth = found.pop("/depth/image")
    data = cv2.imencode(".png", np.full((CAMERA.height, CAMERA.width), 600, np.uint16))[1].ravel()
    kind = "sensor_msgs/msg/CompressedImage"
    form = "16UC1; png compressed "
    found["/depth/image/compressed"] = (kind, new_message(kind, header=depth.header, format=form, data=data))
    return found


KINDS: dict[str, Callable[[Path], Path]] = {
    "sqlite": lambda path: write_bag(path, SQLITE),
    "sqlite without definitions": lambda path: without_definitions(write_bag(path, SQLITE)),
    "sqlite, old, no metadata": lambda path: no_metadata(without_definitions(write_bag(path, SQLITE))),
    "sqlite, zstd by file": lambda path: write_bag(path, SQLITE, CompressionMode.FILE),
    "sqlite, zstd by message": lambda path: write_bag(path, SQLITE, CompressionMode.MESSAGE),
    "mcap, zstd by file": lambda path: write_bag(path, MCAP, CompressionMode.FILE),
    "mcap, zstd by message": lambda path: write_bag(path, MCAP, CompressionMode.MESSAGE),
    "mcap, zstd by chunk": lambda path: write_bag(path, MCAP, CompressionMode.STORAGE),
    "mcap, zstd by message, no metadata": lambda path: no_metadata(write_bag(path, MCAP, CompressionMode.MESSAGE)),
    "mcap, no metadata": lambda path: no_metadata(write_bag(path)),
    "mcap file": lambda path: storage_file(write_bag(path)),
    "mcap file, compressed": lambda path: compressed_file(write_bag(path)),
    "split": lambda path: split(path, with_metadata=True),
    "split, no metadata": lambda path: split(path, with_metadata=False),
    "png depth": lambda path: write_bag(path, frames=[png_depth(number) for number in range(FRAMES)]),
    "compressed images": lambda path: write_bag(
        path, frames=[messages(number, compressed=True) for number in range(FRAMES)]
    ),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> BagResult:
    return evaluate(write_bag(tmp_path_factory.mktemp("plain") / "bag"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_bag_gives_the_same_numbers(kind: str, tmp_path: Path, expected: BagResult) -> None:
    result = evaluate(KINDS[kind](tmp_path / "bag"))

    assert result.records == expected.records
    assert [frame.record.stamp_ns for frame in result.frames] == STAMPS
    assert result.left_out == []
    assert (result.images, result.truths) == (FRAMES, FRAMES)


def test_the_estimator_is_shown_what_the_bag_holds(tmp_path: Path) -> None:
    estimator = OffEstimator()

    evaluate(write_bag(tmp_path / "bag"), estimator)

    assert [int(frame.image[0, 0, 0]) for frame in estimator.seen] == [20 + number for number in range(FRAMES)]
    for frame in estimator.seen:
        np.testing.assert_allclose(frame.camera.matrix, CAMERA.matrix)
        assert frame.depth is not None
        np.testing.assert_allclose(frame.depth, 0.6, atol=1e-6)
    first, *others = estimator.seen
    assert first.object_id == "mug"
    assert first.hand_boxes is not None
    np.testing.assert_allclose(first.hand_boxes, [[40, 30, 90, 90]])
    # Detections are used once.
    assert all(frame.hand_boxes is None and frame.object_id == "" for frame in others)


def test_moving_all_stamps_changes_no_digit_of_what_the_estimator_is_told(tmp_path: Path) -> None:
    """Seconds since 1970 would be rounded to a quarter of a microsecond, each stamp in another way."""
    moved = [dict(messages(number)) for number in range(FRAMES)]
    for number, frame in enumerate(moved):
        for _, message in frame.values():
            if hasattr(message, "header"):
                message.header = message_builders.header_message(STAMPS[number] + 987_654_321_012_345, FRAME_ID)
    ours, theirs = OffEstimator(), OffEstimator()

    evaluate(write_bag(tmp_path / "bag"), ours)
    evaluate(write_bag(tmp_path / "moved", frames=moved), theirs)

    assert [frame.stamp for frame in ours.seen] == [frame.stamp for frame in theirs.seen]
    assert [frame.stamp for frame in ours.seen] == [(stamp - STAMPS[0]) / 1e9 for stamp in STAMPS]


def test_images_meet_what_a_live_node_worked_on_them_with(tmp_path: Path) -> None:
    """Not what their stamps say: an old camera_info and depth image, detections of another time, a track begun anew."""
    frames = [dict(messages(number)) for number in range(FRAMES)]
    for number, frame in enumerate(frames):
        frame["/depth/image"] = (
            "sensor_msgs/msg/Image",
            message_builders.depth_message(
                message_builders.header_message(STAMPS[number], FRAME_ID),
                np.full((CAMERA.height, CAMERA.width), 0.5 + 0.1 * number, np.float32),
            ),
        )
    rows = [
        InputStamps(STAMPS[1], STAMPS[0], STAMPS[0], None, anew=True),
        InputStamps(STAMPS[2], STAMPS[2], None, STAMPS[0], anew=False),
        InputStamps(STAMPS[5], STAMPS[5], STAMPS[6], None, anew=True),
    ]
    bag, file, estimator = write_bag(tmp_path / "bag", frames=frames), tmp_path / "inputs.csv", OffEstimator()
    write_inputs(file, rows)

    listed = read_inputs(file)
    evaluate(bag, estimator, stamps=read_stamps(file), inputs=listed)

    assert listed == tuple(rows)
    assert [int(frame.image[0, 0, 0]) - 20 for frame in estimator.seen] == [1, 2, 5]
    depths = [None if frame.depth is None else round(float(frame.depth[0, 0]), 3) for frame in estimator.seen]
    assert depths == [0.5, None, 1.1]
    assert [frame.hand_boxes is not None for frame in estimator.seen] == [False, True, False]
    assert estimator.resets == [0, 2]
    foreign = InputStamps(STAMPS[1], STAMPS[1], STAMPS[1] + 1)
    with pytest.raises(UserError, match="which is not on /depth/image"):
        evaluate(bag, stamps=(STAMPS[1],), inputs=(foreign,))
    file.write_text(file.read_text() + "12,\n")
    with pytest.raises(UserError, match="expected a list of inputs"):
        read_inputs(file)


@pytest.mark.parametrize("compression", [None, *Writer1.CompressionFormat])
def test_ros1_bag_with_the_pose_of_the_object_alone(
    compression: Writer1.CompressionFormat | None, tmp_path: Path
) -> None:
    estimator = OffEstimator()

    result = evaluate(
        write_ros1_bag(tmp_path / "old.bag", compression), estimator, settings=Settings({"object_id": "mug"})
    )

    assert [frame.record.stamp_ns for frame in result.frames] == STAMPS
    np.testing.assert_allclose(estimator.seen[0].camera.matrix, CAMERA.matrix)
    valid = [record for record in result.records if record.is_valid]
    errors = [record.values["object.translation_cm"] for record in valid]
    np.testing.assert_allclose(errors, 100 * np.linalg.norm(OBJECT_OFFSET), atol=1e-6)
    assert all("hand.mje_cm" not in record.values for record in valid)


def by_itself(record: FrameRecord) -> dict[str, object]:
    """All but what depends on the other frames of the bag."""
    values = {name: value for name, value in record.values.items() if not name.startswith("stability.")}
    return {**vars(record), "values": values}


def cut(file: Path) -> None:
    """Its recorder was interrupted, or a copy of it."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])


def cut_bag(path: Path, plugin: StoragePlugin, compression: CompressionMode) -> Path:
    # rosbags writes chunks of a mebibyte; the bag has one or two. Pictures of one colour are at its beginning.
    bag = write_bag(path, plugin, compression)
    cut(storage_file(bag))
    return bag


def cut_split(path: Path) -> Path:
    bag = split(path, with_metadata=True)
    cut(bag / "split_9.mcap")
    return bag


CUT: dict[str, Callable[[Path], Path]] = {
    "mcap": lambda path: cut_bag(path, MCAP, CompressionMode.NONE),
    "mcap, zstd by chunk": lambda path: cut_bag(path, MCAP, CompressionMode.STORAGE),
    "mcap, zstd by message": lambda path: cut_bag(path, MCAP, CompressionMode.MESSAGE),
    "mcap, zstd by file": lambda path: cut_bag(path, MCAP, CompressionMode.FILE),
    "sqlite": lambda path: cut_bag(path, SQLITE, CompressionMode.NONE),
    "sqlite, zstd by message": lambda path: cut_bag(path, SQLITE, CompressionMode.MESSAGE),
    "sqlite, zstd by file": lambda path: cut_bag(path, SQLITE, CompressionMode.FILE),
    "the first file of two": cut_split,
}


@pytest.mark.parametrize("kind", CUT)
def test_a_cut_bag_is_evaluated_in_part(kind: str, tmp_path: Path, expected: BagResult) -> None:
    result = evaluate(CUT[kind](tmp_path / "bag"))

    whole = {record.stamp_ns: by_itself(record) for record in expected.records}
    changed = [record for record in result.records if by_itself(record) != whole[record.stamp_ns]]
    assert 0 < len(result.frames) < FRAMES
    # Of the last image before the cut, the depth image or the truth may be behind it.
    assert len(changed) <= 1
    assert any("cut inside a record" in words or "damaged after" in words for words in result.left_out)
    assert f"bag: {len(result.frames)} of the {FRAMES} images on /image could be read" in result.left_out


def test_a_cut_bag_of_ros1_is_refused_with_what_repairs_it(tmp_path: Path) -> None:
    bag = write_ros1_bag(tmp_path / "old.bag")
    cut(bag)

    with pytest.raises(UserError, match="no index, which 'rosbag reindex' may repair"):
        evaluate(bag)


def test_messages_that_sqlite_has_not_moved_into_the_bag_yet_are_left_out_in_words(tmp_path: Path) -> None:
    """As a recorder with the resilient preset leaves them when it is killed."""
    bag = write_bag(tmp_path / "bag", SQLITE)
    with closing(sqlite3.connect(storage_file(bag))) as database:
        database.execute("PRAGMA journal_mode=WAL")
        last = database.execute("SELECT MAX(id) FROM messages").fetchone()[0]
        database.execute("INSERT INTO messages SELECT id + ?, topic_id, timestamp, data FROM messages", (last,))
        database.commit()
        result = evaluate(bag)

        (words,) = result.left_out
        assert "bag.db3-wal: messages in it are not in the bag yet" in words
        assert result.images == FRAMES
        database.execute("PRAGMA wal_checkpoint")
    assert evaluate(bag).images == 2 * FRAMES


@pytest.mark.parametrize("plugin", [MCAP, SQLITE])
def test_damage_that_was_met_is_not_forgotten_when_the_bag_is_read_again(plugin: StoragePlugin, tmp_path: Path) -> None:
    bag = cut_bag(tmp_path / "bag", plugin, CompressionMode.NONE)

    with closing(open_recording(bag)) as opened:
        assert len(list(opened.messages(["/image"]))) < FRAMES
        found = opened.left_out
        next(opened.messages(["/image"]))
        again = opened.left_out

    assert any("cut inside a record" in words or "damaged after" in words for words in found)
    assert again == found


@pytest.mark.parametrize(
    ("whole", "damaged", "words"),
    [
        (b"uint32 height", b"uint32 \xffeight", "a record is damaged, and was left out"),
        (b"uint32 height", b"uint32 !eight", "definition of sensor_msgs/msg/CameraInfo (/camera_info) is damaged"),
        # A chunk that is said to be larger than any memory.
        (b"\x06", b"\x06" + b"\x7f" * 8, "cut inside a record"),
    ],
)
def test_damage_in_a_cut_mcap_file_is_told_in_words(whole: bytes, damaged: bytes, words: str, tmp_path: Path) -> None:
    bag = cut_bag(tmp_path / "bag", MCAP, CompressionMode.NONE)
    file = storage_file(bag)
    content = file.read_bytes()
    place = content.index(whole)
    file.write_bytes(content[:place] + damaged + content[place + len(damaged) :])

    with closing(open_recording(file)) as opened:
        assert list(opened.messages(list(opened.types)))
        assert any(words in entry for entry in opened.left_out), opened.left_out


def test_a_file_that_the_metadata_names_is_missing(tmp_path: Path) -> None:
    bag = split(tmp_path / "bag", with_metadata=True)
    (bag / "split_10.mcap").unlink()

    result = evaluate(bag)

    assert len(result.frames) == FRAMES // 2
    assert any("split_10.mcap" in words for words in result.left_out)


def frames_without(*topics: str) -> list:
    return [
        {topic: entry for topic, entry in messages(number).items() if topic not in topics} for number in range(FRAMES)
    ]


REFUSED = {
    "no images": (("/image",), "no topic of colour images"),
    "no camera_info": (("/camera_info",), "CameraInfo on /camera_info"),
    "no depth": (("/depth/image",), "--root-depth"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bags_that_lack_something_are_refused_in_words(name: str, tmp_path: Path) -> None:
    listed, words = REFUSED[name]
    # A single image topic is taken for colour: without colour images, there must be no depth images either.
    topics = (*listed, "/depth/image") if name == "no images" else listed

    with pytest.raises(UserError, match=words):
        evaluate(write_bag(tmp_path / "bag", frames=frames_without(*topics)))


def test_empty_bags_and_what_is_no_bag(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is empty"):
        evaluate(write_bag(tmp_path / "empty", frames=[]))
    with pytest.raises(UserError, match="no such bag"):
        evaluate(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "picture.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"the directory holds picture\.png"):
        evaluate(tmp_path / "folder")
    (tmp_path / "nonsense.mcap").write_bytes(b"nonsense" * 100)
    with pytest.raises(UserError, match="expected an MCAP file"):
        evaluate(tmp_path / "nonsense.mcap")
    (tmp_path / "nonsense.bag").write_bytes(b"nonsense" * 100)
    with pytest.raises(UserError, match="cannot be read"):
        evaluate(tmp_path / "nonsense.bag")


def test_of_several_cameras_one_must_be_chosen(tmp_path: Path) -> None:
    frames = [
        {**frame, "/left/image": frame["/image"], "/left/camera_info": frame["/camera_info"]}
        for frame in frames_without()
    ]
    bag = write_bag(tmp_path / "bag", frames=frames)

    with pytest.raises(UserError, match="--image-topic"):
        evaluate(bag)
    assert evaluate(bag, image_topic="/left/image").topics.camera_info == "/left/camera_info"


def test_images_and_truth_at_different_rates(tmp_path: Path) -> None:
    """Our messages at half the rate and 5 ms late; poses of the object at any time are interpolated."""
    ours = [dict(messages(number)) for number in range(FRAMES)]
    for number, frame in enumerate(ours):
        kind, message = frame.pop("/ground_truth")
        if number % 2 == 0:
            message.header = message_builders.header_message(STAMPS[number] + 5_000_000, FRAME_ID)
            frame["/ground_truth"] = (kind, message)
    poses = frames_without("/ground_truth")
    for number, frame in enumerate(poses):
        pose = scene(number).object_pose.copy()
        # In uniform motion; 0.01 m a period.
        pose[0, 3] += 0.01 * 0.25
        header = message_builders.header_message(STAMPS[number] + PERIOD // 4, FRAME_ID)
        frame["/mocap"] = (POSE, new_message(POSE, header=header, pose=pose_message(pose)))

    halved = evaluate(write_bag(tmp_path / "ours", frames=ours))
    between = evaluate(
        write_bag(tmp_path / "poses", frames=poses),
        truth_topic="/mocap",
        truth_tolerance=0.035,
        settings=Settings({"object_id": "mug"}),
    )

    assert [record.truth for record in halved.records] == ["in_view", "unknown"] * (FRAMES // 2)
    assert any(f"{FRAMES // 2} of {FRAMES} images have no truth" in words for words in halved.remarks)
    known = [record for record in between.records if record.truth == "in_view"]
    # Nothing is known before the first pose.
    assert [record.stamp_ns for record in known] == STAMPS[1:]
    errors = [record.values["object.translation_cm"] for record in known if record.is_valid]
    np.testing.assert_allclose(errors, 100 * np.linalg.norm(OBJECT_OFFSET), atol=1e-6)


def test_truth_in_another_frame_and_of_no_named_object_is_refused(tmp_path: Path) -> None:
    frames = frames_without("/ground_truth")
    header = message_builders.header_message(STAMPS[0], "world")
    frames[0]["/ground_truth"] = (POSE, new_message(POSE, header=header, pose=pose_message(np.eye(4))))
    bag = write_bag(tmp_path / "bag", frames=frames)

    with pytest.raises(UserError, match=r"frame 'camera'.*'world'"):
        evaluate(bag, settings=Settings({"object_id": "mug"}))
    with pytest.raises(UserError, match="--object"):
        evaluate(bag)
    with pytest.raises(UserError, match="--truth-topic /image"):
        evaluate(bag, truth_topic="/image")


def test_time_that_jumps_back_starts_anew(tmp_path: Path) -> None:
    frames = [messages(number) for number in (0, 1, 2, 0, 1)]
    estimator = OffEstimator()

    evaluate(write_bag(tmp_path / "bag", frames=frames), estimator)

    assert len(estimator.seen) == 5
    assert estimator.resets == [3]


@pytest.mark.parametrize("number", [0, 2], ids=["the first", "a later one"])
def test_an_image_that_cannot_be_used_lowers_the_availability(number: int, tmp_path: Path) -> None:
    """Also where no camera is known yet that could tell what is in view."""
    frames = [dict(messages(number)) for number in range(FRAMES)]
    frames[number]["/image"][1].encoding = "unheard_of"

    result = evaluate(write_bag(tmp_path / "bag", frames=frames))

    refused = result.records[number]
    assert (refused.outcome, refused.truth) == ("refused", "in_view")
    assert "unheard_of" in refused.reason
    assert any("1 images could not be used" in words for words in result.remarks)


def test_a_bag_without_a_usable_image_is_no_success(tmp_path: Path) -> None:
    frames = frames_without()
    for frame in frames:
        frame["/camera_info"][1].k[:] = 0

    with pytest.raises(UserError, match=f"none of its {FRAMES} images could be used.*not calibrated"):
        evaluate(write_bag(tmp_path / "bag", frames=frames))


def test_progress_is_told_image_by_image(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    config, answers = ReplayConfig(every=2), EstimatorAnswers(OffEstimator())

    evaluate_one_bag(write_bag(tmp_path / "bag"), config, answers, lambda done, total: told.append((done, total)))

    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_frames_are_those_that_the_nodes_intake_makes_of_the_same_messages(tmp_path: Path) -> None:
    """With depth 12 ms late, in the end missing, and detections that are older than their images."""
    frames = [dict(messages(number)) for number in range(FRAMES)]
    boxes = {"hand_right": np.array([40.0, 30, 90, 90]), "mug": np.array([50.0, 40, 80, 80])}
    for number, frame in enumerate(frames):
        late = message_builders.header_message(STAMPS[number] + 12_000_000, FRAME_ID)
        frame["/depth/image"][1].header = late
        if number == FRAMES - 1:
            del frame["/depth/image"]
        if number in (2, 3, 6):
            early = message_builders.header_message(STAMPS[number] - 15_000_000, FRAME_ID)
            detected = message_builders.detections_message(early, boxes)
            frame["/detections"] = ("vision_msgs/msg/Detection2DArray", detected)
    bag = write_bag(tmp_path / "bag", frames=frames)
    estimator = OffEstimator()

    evaluate(bag, estimator)

    live = frames_of_the_node(bag)
    assert len(live) == len(estimator.seen) == FRAMES
    for ours, theirs in zip(estimator.seen, live, strict=True):
        assert (ours.stamp, ours.object_id) == (theirs.stamp, theirs.object_id)
        for name in ("image", "depth", "hand_boxes", "object_boxes"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        np.testing.assert_array_equal(ours.camera.matrix, theirs.camera.matrix)
    assert [frame.depth is not None for frame in live] == [True] * (FRAMES - 1) + [False]
    assert [number for number, frame in enumerate(live) if frame.object_id] == [0, 2, 3, 6]


def frames_of_the_node(bag: Path) -> list[Frame]:
    """By its intake, with all messages of a time there before the estimator takes the image."""
    builder = FrameBuilder(TopicNames("/image", "/camera_info", "/depth/image", "/detections"))
    mailbox: Mailbox[Bundle] = Mailbox()
    now = [0]
    intake = Intake(
        Settings(), builder, mailbox, Counters(), Health(), lambda: now[0], lambda: None, lambda: None, lambda: None
    )
    entrances = {"/image": intake.image, "/camera_info": intake.camera_info, "/depth/image": intake.depth}
    entrances["/detections"] = intake.detections.put
    found = []
    with closing(open_recording(bag)) as opened:
        for stamp, group in groupby(opened.messages(entrances), key=lambda message: message.time):
            now[0] = stamp
            for message in group:
                entrances[message.topic](opened.content(message))
            if intake._pairing.holding:
                intake._forward(intake._pairing.expire(float("inf")))
            bundle = mailbox.take(timeout=0.0)
            assert bundle is not None
            detections = intake.detections.take(stamp_of(bundle.image))
            boxes = boxes_from_detections(detections, ["mug", "bottle"]) if detections else Boxes()
            found.append(builder.build(bundle, boxes, rectified=False))
    return found


def test_unpacked_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = compressed_file(write_bag(tmp_path / "bag"))
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(unpacked))

    with closing(open_recording(bag)) as opened:
        assert len(list(opened.messages(["/image"]))) == FRAMES
        assert list(unpacked.iterdir())
    assert not list(unpacked.iterdir())
    shutil.rmtree(unpacked)
