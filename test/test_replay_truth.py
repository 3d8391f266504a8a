"""Truth of the object alone from transforms, and from poses in a frame that transforms connect with the camera's."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo_data import scene
from replay_data import (
    FRAME_ID,
    FRAMES,
    OBJECT_OFFSET,
    PERIOD,
    STAMPS,
    OffEstimator,
    messages,
    off_estimator,
    pose_message,
    weights,
    write_bag,
)
from scipy.spatial.transform import Rotation

from hand_object_pose.bags import message_builders
from hand_object_pose.bags.bag_types import new_message
from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.evaluation_file import read_evaluation
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.replay.answers import EstimatorAnswers
from hand_object_pose.replay.bag_files import open_recording
from hand_object_pose.replay.bag_result import BagResult
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.one_bag import evaluate_one_bag
from hand_object_pose.replay.run import evaluate_bags
from hand_object_pose.replay.transforms import TimedPoses
from hand_object_pose.replay.truth import read_truth
from hand_object_pose.ros.parameters import Settings

TF, POSE = "tf2_msgs/msg/TFMessage", "geometry_msgs/msg/PoseStamped"
MUG = Settings({"object_id": "mug"})
# The camera looks along the rig's x axis.
MOUNT = pose_matrix(Rotation.from_euler("yxz", [90, 15, -90], degrees=True).as_matrix(), np.array([0.1, -0.05, 0.3]))


def turning_rig(number: int) -> np.ndarray:
    """Of the rig in the world: it turns and moves."""
    turn = Rotation.from_rotvec([0.1 * number, -0.05, 0.3 + 0.2 * number]).as_matrix()
    return pose_matrix(turn, np.array([1.0 + 0.02 * number, -0.5, 0.03 * number]))


def sliding_rig(number: float) -> np.ndarray:
    """The same, in uniform motion without turning."""
    turn = Rotation.from_rotvec([0.4, -0.2, 0.3]).as_matrix()
    return pose_matrix(turn, np.array([1.0 + 0.02 * number, -0.5, 0.03 * number]))


def mug_seen(number: float) -> np.ndarray:
    """The mug in the camera's frame; between frames, too."""
    pose = scene(0).object_pose.copy()
    pose[0, 3] += 0.01 * number
    return pose


def transform(stamp: int, parent: str, child: str, pose: np.ndarray) -> Any:
    x, y, z = map(float, pose[:3, 3])
    made = new_message(
        "geometry_msgs/msg/Transform",
        translation=new_message("geometry_msgs/msg/Vector3", x=x, y=y, z=z),
        rotation=pose_message(pose).orientation,
    )
    header = message_builders.header_message(stamp, parent)
    return new_message("geometry_msgs/msg/TransformStamped", header=header, child_frame_id=child, transform=made)


def bag_with_transforms(
    path: Path, rig: Callable[[Any], np.ndarray], delay: float = 0.0, camera: str = FRAME_ID
) -> Path:
    """World to rig and world to mug, so many periods after each image; rig to camera is static. No other truth."""
    frames: list[Mapping[str, tuple[str, Any]]] = []
    for number in range(FRAMES):
        time, stamp = number + delay, STAMPS[number] + round(delay * PERIOD)
        mug = rig(time) @ MOUNT @ mug_seen(time)
        moving = [transform(stamp, "world", "rig", rig(time)), transform(stamp, "/world", "mocap/mug_7", mug)]
        frame = {name: entry for name, entry in messages(number).items() if name not in ("/ground_truth", "/tf_static")}
        frame["/tf"] = (TF, new_message(TF, transforms=moving))
        if number == 0:
            frame["/tf_static"] = (TF, new_message(TF, transforms=[transform(0, "rig", camera, MOUNT)]))
        frames.append(frame)
    return write_bag(path, frames=frames)


def evaluate(path: Path, **chosen: Any) -> BagResult:
    config = ReplayConfig(**({"settings": MUG} | chosen))
    return evaluate_one_bag(path, config, EstimatorAnswers(OffEstimator()), lambda done, total: None)


def errors(result: BagResult) -> list[float]:
    return [record.values["object.translation_cm"] for record in result.records if record.is_valid]


def test_object_is_found_through_a_moving_rig_and_a_static_mount(tmp_path: Path) -> None:
    result = evaluate(bag_with_transforms(tmp_path / "bag", turning_rig), truth_frame="mocap/mug_7")

    assert result.truth_topic == "camera -> rig -> world -> mocap/mug_7"
    assert result.truths == FRAMES
    np.testing.assert_allclose(errors(result), 100 * np.linalg.norm(OBJECT_OFFSET), atol=1e-6)
    turns = [record.values["object.rotation_deg"] for record in result.records if record.is_valid]
    np.testing.assert_allclose(turns, 0, atol=1e-4)
    for number, frame in enumerate(result.frames):
        assert frame.truth is not None
        np.testing.assert_allclose(frame.truth.object_pose, scene(number).object_pose, atol=1e-9)


def test_transforms_between_images_are_interpolated_and_not_beyond_the_tolerance(tmp_path: Path) -> None:
    bag = bag_with_transforms(tmp_path / "bag", sliding_rig, delay=0.25)

    near = evaluate(bag, truth_frame="mocap/mug_7", truth_tolerance=0.75 * PERIOD / 1e9)
    strict = evaluate(bag, truth_frame="mocap/mug_7", truth_tolerance=0.74 * PERIOD / 1e9)

    # Nothing is known before the first transform.
    assert [record.truth for record in near.records] == ["unknown"] + ["in_view"] * (FRAMES - 1)
    known = [record for record in near.records if record.is_valid and record.truth == "in_view"]
    found = [record.values["object.translation_cm"] for record in known]
    np.testing.assert_allclose(found, 100 * np.linalg.norm(OBJECT_OFFSET), atol=1e-6)
    assert {record.truth for record in strict.records} == {"unknown"}


def test_the_camera_may_be_called_otherwise_in_transforms(tmp_path: Path) -> None:
    bag = bag_with_transforms(tmp_path / "bag", turning_rig, camera="rig_camera_optical")

    result = evaluate(bag, truth_frame="mocap/mug_7", camera_frame="rig_camera_optical")

    np.testing.assert_allclose(errors(result), 100 * np.linalg.norm(OBJECT_OFFSET), atol=1e-6)
    with pytest.raises(UserError, match=r"--camera-frame: no transform speaks of 'camera'; frames in the bag: mocap"):
        evaluate(bag, truth_frame="mocap/mug_7")


def test_poses_in_the_world_come_through_transforms(tmp_path: Path) -> None:
    frames = [dict(messages(number)) for number in range(FRAMES)]
    for number, frame in enumerate(frames):
        del frame["/ground_truth"]
        frame.pop("/tf_static", None)
        rig, header = turning_rig(number), message_builders.header_message(STAMPS[number], "world")
        pose = pose_message(rig @ MOUNT @ scene(number).object_pose)
        frame["/ground_truth"] = (POSE, new_message(POSE, header=header, pose=pose))
        steps = [transform(STAMPS[number], "world", "rig", rig), transform(STAMPS[number], "rig", FRAME_ID, MOUNT)]
        frame["/tf"] = (TF, new_message(TF, transforms=steps))
    bag = write_bag(tmp_path / "bag", frames=frames)

    np.testing.assert_allclose(errors(evaluate(bag)), 100 * np.linalg.norm(OBJECT_OFFSET), atol=1e-6)


def test_a_turn_is_interpolated_along_its_axis() -> None:
    axis = np.array([2.0, -1.0, 0.5]) / np.linalg.norm([2.0, -1.0, 0.5])
    ends = [pose_matrix(Rotation.from_rotvec(angle * axis).as_matrix(), np.full(3, angle)) for angle in (0.2, 1.4)]
    poses = TimedPoses.of({3000: ends[1], 1000: ends[0]})

    pose = poses.at(1500, 1500)

    assert pose is not None
    np.testing.assert_allclose(Rotation.from_matrix(pose[:3, :3]).as_rotvec(), 0.5 * axis, atol=1e-12)
    np.testing.assert_allclose(pose[:3, 3], 0.5, atol=1e-12)
    assert poses.at(3000, 0) is ends[1]
    assert poses.at(3001, 10**9) is None
    assert poses.at(999, 10**9) is None


def test_frames_that_do_not_fit_are_refused_in_words(tmp_path: Path) -> None:
    bag = bag_with_transforms(tmp_path / "bag", turning_rig)
    apart = [dict(messages(number)) for number in range(2)]
    for frame in apart:
        steps = [transform(STAMPS[0], "world", "thing", np.eye(4)), transform(STAMPS[0], "base", FRAME_ID, np.eye(4))]
        frame["/tf"] = (TF, new_message(TF, transforms=steps))
    other = write_bag(tmp_path / "apart", frames=apart)

    with pytest.raises(UserError, match=r"--truth-frame: no transform speaks of 'mug'; .*mocap/mug_7, rig, world"):
        evaluate(bag, truth_frame="mug")
    with pytest.raises(UserError, match=r"do not connect 'camera' with 'thing'"):
        evaluate(other, truth_frame="thing")
    with pytest.raises(UserError, match="name it with --object"):
        evaluate(bag, truth_frame="mocap/mug_7", settings=Settings())
    with pytest.raises(UserError, match="object 'teapot'"):
        evaluate(bag, truth_frame="mocap/mug_7", settings=Settings({"object_id": "teapot"}))
    with pytest.raises(UserError, match="--truth-topic and --truth-frame"):
        ReplayConfig(truth_topic="/mocap", truth_frame="mug")
    with pytest.raises(UserError, match="--camera-frame"):
        ReplayConfig(camera_frame="mug")


def test_another_frame_is_evaluated_anew(tmp_path: Path) -> None:
    bag, out = bag_with_transforms(tmp_path / "bag", turning_rig), tmp_path / "out"

    evaluate_bags([bag], ReplayConfig(MUG), out, factory=off_estimator)
    without = read_evaluation(out)
    evaluate_bags([bag], ReplayConfig(MUG, truth_frame="mocap/mug_7"), out, factory=off_estimator)
    known = read_evaluation(out)

    assert "object.add_cm" not in without["metrics"]
    assert known["metrics"]["object.add_cm"]["mean"] == pytest.approx(100 * np.linalg.norm(OBJECT_OFFSET))
    assert known["bags"][0]["topics"]["ground_truth"] == "camera -> rig -> world -> mocap/mug_7"


@pytest.mark.parametrize(("number", "side"), [(0, "right"), (1, "right"), (2, "left")])
def test_the_truth_says_which_hand_it_is(number: int, side: str, tmp_path: Path) -> None:
    """``HandEstimate.side``; 0 is not known."""
    frame = messages(0)
    frame["/ground_truth"][1].estimates[0].hand.side = number
    with closing(open_recording(write_bag(tmp_path / "bag", frames=[frame]))) as bag:
        truth = read_truth(bag, "/ground_truth", FRAME_ID, weights(), "").at(STAMPS[0], 0)

    assert truth is not None
    hand = truth.as_estimate().hand
    assert hand is not None
    assert hand.side == side
