"""The sample's contract: it passes what is right and names what is wrong.

To check a reader of your own, prepare its index and run
``HOP_PREPARED_INDEX=path.index python -m pytest test/test_datasets_contract.py -k own``.
"""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.hand.flexion import flexion_axes
from hand_object_pose.hand.joints import STANDARD_TO_HO3D
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose_training.datasets.contract import check_frame, check_frames
from hand_object_pose_training.datasets.frame import AnnotatedFrame, FrameFiles
from hand_object_pose_training.datasets.hands import Hands, ManoParameters
from hand_object_pose_training.datasets.index import PreparedIndex
from hand_object_pose_training.datasets.prepared_samples import index_catalogue
from hand_object_pose_training.datasets.walker import WalkConfig, Walker

HANDS, CATALOGUE = Hands.default(), dict(default_catalogue())
K = np.array([[300.0, 0, 160], [0, 300.0, 120], [0, 0, 1]])


def depth_picture(camera, vertices, faces):
    """(240, 320) depth in metres, drawn by OpenCV from the farthest triangle to the nearest; a wall behind."""
    picture = np.full((camera.height, camera.width), 1.5, np.float32)
    corners = camera.project(vertices)[faces].round().astype(np.int32)
    depth = vertices[faces][:, :, 2].mean(axis=1)
    for face in np.argsort(-depth):
        cv2.fillConvexPoly(picture, corners[face], float(depth[face]))
    return picture


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """A hand beside a mug, its pictures drawn here."""
    folder = tmp_path_factory.mktemp("frame")
    camera = Camera(K, 320, 240)
    rng = np.random.default_rng(5)
    pose = np.concatenate([[0.4, 1.1, -0.8], rng.normal(0, 0.15, 45)])
    hand = ManoParameters(pose, rng.normal(0, 0.5, 10), np.array([-0.05, 0.0, 0.5]))
    vertices, joints = HANDS.mesh("right", hand)
    model = CATALOGUE["mug"]
    object_pose = pose_matrix(Rotation.from_euler("x", 1.2).as_matrix(), np.array([0.1, 0.05, 0.55]))
    thing = transform_points(object_pose, model.vertices)
    everything = np.concatenate([vertices, thing])
    faces = np.concatenate([HANDS.right.faces, model.faces + 778])
    depth = depth_picture(camera, everything, faces)
    mask = np.zeros((240, 320), np.uint8)
    mask[depth_picture(camera, thing, model.faces) < 1.5] = 10
    mask[depth_picture(camera, vertices, HANDS.right.faces) < 1.5] = 20
    cv2.imwrite(str(folder / "image.png"), np.full((240, 320, 3), 90, np.uint8))
    cv2.imwrite(str(folder / "depth.png"), (depth * 1000).round().astype(np.uint16))
    cv2.imwrite(str(folder / "mask.png"), mask)
    boxes = np.stack([projected_box(camera, part) for part in (vertices, thing)])
    return AnnotatedFrame(
        dataset="hand-made",
        split="test",
        key="one/0",
        camera=camera,
        side="right",
        joints=joints,
        object_name="mug",
        object_pose=object_pose,
        files=FrameFiles(
            folder / "image.png", folder / "depth.png", "millimetres", folder / "mask.png", "image", (10, 20)
        ),
        hand=hand,
        box=np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)]),
    )


def test_a_frame_that_is_right_passes(frame):
    assert check_frame(frame, HANDS, CATALOGUE) == []
    assert check_frame(frame.posed(HANDS), HANDS, CATALOGUE) == []


def posed(frame, change):
    """The frame with vertices, joints and object moved alike by a (4, 4) transform or a scale."""
    frame = frame.posed(HANDS)
    moved = change @ frame.object_pose
    return replace(
        frame,
        hand=None,
        hand_vertices=transform_points(change, frame.hand_vertices),
        joints=transform_points(change, frame.joints),
        object_pose=moved,
    )


def left_out(frame):
    """Why a walk leaves a frame out; {} where it keeps it."""
    reader = SimpleNamespace(read=lambda key: frame)
    return dict(Walker(reader, HANDS, CATALOGUE, WalkConfig(workers=0)).examine([frame.key]).left_out)


def test_what_cannot_be_seen_is_left_out(frame):
    assert left_out(frame) == {}
    half_behind, aside = frame.object_pose.copy(), np.eye(4)
    half_behind[2, 3], aside[0, 3] = 0.0, 5.0
    assert left_out(replace(frame, object_pose=half_behind)) == {"partly behind the camera": 1}
    assert left_out(posed(frame, aside)) == {"outside the image": 1}


def test_the_opengl_frame_is_named(frame):
    wrong = posed(frame, np.diag([1.0, -1, -1, 1]))
    assert any("OpenGL" in problem for problem in check_frame(wrong, HANDS, CATALOGUE))


def test_millimetres_are_named(frame):
    wrong = replace(frame, joints=frame.joints * 1000)
    assert any("metres" in problem for problem in check_frame(wrong, HANDS, CATALOGUE))


@pytest.mark.parametrize("focal", [80.0, 1700.0])
def test_a_focal_length_of_another_image_is_named(frame, focal):
    camera = Camera(np.array([[focal, 0, 160], [0, focal, 120], [0, 0, 1]]), 320, 240)
    problems = check_frame(replace(frame, camera=camera), HANDS, CATALOGUE)
    assert any("focal length" in problem for problem in problems)


@pytest.mark.parametrize("depth", [-0.5, 0.06, 550.0])
def test_an_object_in_millimetres_or_behind_the_camera_is_named(frame, depth):
    pose = frame.object_pose.copy()
    pose[2, 3] = depth
    problems = check_frame(replace(frame, object_pose=pose), HANDS, CATALOGUE)
    assert any("nearest point" in problem for problem in problems)


def test_another_joint_order_is_named(frame):
    wrong = replace(frame, joints=frame.joints[list(STANDARD_TO_HO3D)])
    assert any("joint order" in problem for problem in check_frame(wrong, HANDS, CATALOGUE))


def test_another_fingers_tip_is_named(frame):
    joints = frame.joints.copy()
    joints[8] = joints[12]
    assert any("joints" in problem for problem in check_frame(replace(frame, joints=joints), HANDS, CATALOGUE))


def test_a_finger_bent_as_far_as_it_goes_passes_and_a_joint_beside_it_does_not(frame):
    pose = frame.hand.pose.copy()
    pose[3:12] = (1.9 * flexion_axes(HANDS.right)[:3]).ravel()
    hand = replace(frame.hand, pose=pose)
    vertices, joints = HANDS.mesh("right", hand)
    moved = np.linalg.norm(HANDS.right.joint_regressor21 @ vertices - joints, axis=1)
    assert 0.012 < moved.max() < 0.015

    def joint_problems(annotated):
        problems = check_frame(replace(frame, hand=hand, joints=annotated), HANDS, CATALOGUE)
        return [problem for problem in problems if problem.startswith("joints")]

    assert joint_problems(joints) == []
    joints[9] += (0.0, 0.0, 0.018)
    (problem,) = joint_problems(joints)
    assert problem.startswith("joints: [9] are")


def test_the_wrong_side_is_named(frame):
    left = HANDS.mesh("left", frame.hand)
    wrong = replace(frame, hand=None, hand_vertices=left[0] - left[1][0] + frame.joints[0])
    problems = check_frame(replace(wrong, joints=left[1] - left[1][0] + frame.joints[0]), HANDS, CATALOGUE)
    assert any("side" in problem for problem in problems)


@pytest.mark.parametrize("shift", [(-30, 0, -30, 0), (0, 20, 0, 0), (-20, -20, 20, 20)])
def test_a_wrong_box_is_named(frame, shift):
    problems = check_frame(replace(frame, box=frame.box + np.array(shift)), HANDS, CATALOGUE)
    assert [problem.partition(":")[0] for problem in problems] == ["box"]


def test_annotations_beside_the_picture_are_named(frame):
    shift = np.eye(4)
    shift[:3, 3] = [0.06, -0.04, 0.0]
    wrong = posed(frame, shift)
    wrong = replace(wrong, box=frame.box + np.array([36, -24, 36, -24.0]))
    problems = check_frame(wrong, HANDS, CATALOGUE)
    assert {"projection", "depth"} <= {problem.partition(":")[0] for problem in problems}


def test_another_unit_of_depth_is_named(frame, tmp_path):
    metres = cv2.imread(str(frame.files.depth), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(tmp_path / "tenths.png"), (metres * 10.0).round().astype(np.uint16))
    wrong = replace(frame, files=replace(frame.files, depth=tmp_path / "tenths.png"))
    (problem,) = check_frame(wrong, HANDS, CATALOGUE)
    assert problem.startswith("depth")
    # Half of the vertices lie behind the surface that is measured in front of them.
    assert float(problem.rpartition(":")[2]) == pytest.approx(10, rel=0.1)


def test_a_camera_of_another_image_size_is_named(frame):
    wrong = replace(frame, camera=Camera(2 * K, 640, 480), box=2 * frame.box)
    assert any(problem.startswith("image") for problem in check_frame(wrong, HANDS, CATALOGUE))


def test_a_pose_that_is_no_motion_and_an_unknown_object_are_named(frame):
    pose = frame.object_pose.copy()
    pose[:3, :3] *= 1000
    assert any("rotation" in problem for problem in check_frame(replace(frame, object_pose=pose), HANDS, CATALOGUE))
    assert "catalogue" in check_frame(replace(frame, object_name="teapot"), HANDS, CATALOGUE)[0]


def test_keys_occur_once(frame):
    assert check_frames([frame, frame], HANDS, CATALOGUE) == ["one/0: key: occurs twice"]


def test_own_index_keeps_the_contract():
    path = os.environ.get("HOP_PREPARED_INDEX")
    if not path:
        pytest.skip("set HOP_PREPARED_INDEX to the index of your reader")
    index = PreparedIndex(Path(path))
    numbers = np.linspace(0, len(index) - 1, min(len(index), 100)).astype(int)
    assert (
        check_frames((index[int(number)] for number in np.unique(numbers)), index.hands(), index_catalogue(index)) == []
    )
