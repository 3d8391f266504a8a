"""Symmetries of objects: the file that declares them, and the poses that look alike."""

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.se3 import pose_matrix, rotation_angle, transform_points
from hand_object_pose.objects.catalogue import ObjectCatalogue, default_catalogue
from hand_object_pose.objects.object_model import Symmetries
from hand_object_pose.objects.symmetry import nearest_equivalent_pose, symmetry_transforms
from hand_object_pose.objects.symmetry_file import load_symmetries, rotation_about


def random_pose(rng):
    return pose_matrix(Rotation.random(rng=rng).as_matrix(), rng.normal(size=3))


def test_symmetries_of_the_default_objects():
    catalogue = default_catalogue()
    assert [name for name in catalogue if catalogue[name].symmetries.is_symmetric] == ["can"]
    np.testing.assert_array_equal(catalogue["can"].symmetries.axes, [[0, 0, 1]])


def test_symmetry_file_gives_the_whole_group(tmp_path):
    path = tmp_path / "symmetries.yaml"
    path.write_text(
        "box:\n  rotations:\n    - {direction: [0, 0, 2], degrees: 180}\n    - {direction: [1, 0, 0], degrees: 180}\n"
        "lid:\n  axes:\n    - {direction: [0, 3, 0], point: [0.1, 0, 0]}\nplain:\n"
    )
    symmetries = load_symmetries(path)
    turns = symmetries["box"].discrete[:, :3, :3]
    assert len(turns) == 4  # the identity and half a turn about each axis
    np.testing.assert_allclose(sorted(np.trace(t) for t in turns), [-1, -1, -1, 3], atol=1e-12)
    np.testing.assert_array_equal(symmetries["box"].discrete[0], np.eye(4))
    np.testing.assert_array_equal(symmetries["lid"].axes, [[0, 1, 0]])
    np.testing.assert_array_equal(symmetries["lid"].axis_points, [[0.1, 0, 0]])
    assert not symmetries["plain"].is_symmetric


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- box", "mapping of object names"),
        ("box: {rotation: []}", "'rotations' and 'axes'"),
        ("box: {axes: [{direction: [0, 0]}]}", "three numbers"),
        ("box: {axes: [{direction: [0, 0, 0]}]}", "non-zero"),
        ("box: {axes: 3}", "expected a list"),
        ("box: {rotations: [{direction: [0, 0, 1]}]}", "angle in degrees"),
        ("box: {rotations: [{direction: [0, 0, 1], degrees: 1.7}]}", "divide 360"),
        ("box: [", "cannot be read"),
    ],
)
def test_a_wrong_symmetry_file_is_explained(tmp_path, text, complaint):
    path = tmp_path / "symmetries.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=complaint):
        load_symmetries(path)


def test_symmetries_of_an_unknown_object_are_refused(tmp_path):
    trimesh.creation.box(extents=(0.1, 0.06, 0.04)).export(tmp_path / "block.stl")
    (tmp_path / "symmetries.yaml").write_text("blok: {}\n")
    with pytest.raises(UserError, match="blok"):
        ObjectCatalogue.from_directory(tmp_path, cache=tmp_path / "cache")


def test_symmetry_transforms_put_a_cylinder_in_the_same_place():
    axis, point = np.array([0.6, 0, 0.8]), np.array([0.1, 0.2, 0.3])
    symmetries = Symmetries(axes=axis[None], axis_points=point[None])
    pose = random_pose(np.random.default_rng(1))
    poses = pose @ symmetry_transforms(symmetries, steps=8)
    assert len(poses) == 8
    np.testing.assert_array_equal(poses[0], pose)
    on_axis = point + np.linspace(-1, 1, 5)[:, None] * axis
    np.testing.assert_allclose(
        transform_points(poses, np.tile(on_axis, (8, 1, 1))),
        np.tile(transform_points(pose, on_axis), (8, 1, 1)),
        atol=1e-12,
    )
    angles = rotation_angle(np.swapaxes(poses[:, :3, :3], 1, 2) @ pose[:3, :3])
    np.testing.assert_allclose(np.sort(np.degrees(angles)), [0, 45, 45, 90, 90, 135, 135, 180], atol=1e-5)


def test_nearest_equivalent_pose_undoes_a_turn_about_the_axis():
    rng = np.random.default_rng(2)
    axis, point = np.array([0.0, 0.6, 0.8]), np.array([0.02, 0, 0.01])
    symmetries = Symmetries(axes=axis[None], axis_points=point[None])
    pose = random_pose(rng)
    turned = pose @ rotation_about(axis, point, 2.345)
    np.testing.assert_allclose(nearest_equivalent_pose(turned, pose, symmetries), pose, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_nearest_equivalent_pose_beats_a_fine_search(seed):
    rng = np.random.default_rng(seed)
    half_turn = rotation_about(np.array([1.0, 0, 0]), np.zeros(3), np.pi)
    symmetries = Symmetries(np.stack([np.eye(4), half_turn]), np.array([[0.0, 0, 1]]), np.zeros((1, 3)))
    pose, reference = random_pose(rng), random_pose(rng)
    nearest = nearest_equivalent_pose(pose, reference, symmetries)
    every = pose @ symmetry_transforms(symmetries, steps=3600)
    searched = rotation_angle(np.swapaxes(every[:, :3, :3], 1, 2) @ reference[:3, :3]).min()
    found = rotation_angle(nearest[:3, :3].T @ reference[:3, :3])
    assert found <= searched + 1e-9
    assert found == pytest.approx(searched, abs=np.radians(0.1))


def test_symmetry_transforms_combine_axis_and_discrete():
    half_turn = rotation_about(np.array([1.0, 0, 0]), np.zeros(3), np.pi)
    symmetries = Symmetries(np.stack([np.eye(4), half_turn]), np.array([[0.0, 0, 1]]), np.zeros((1, 3)))
    transforms = symmetry_transforms(symmetries, steps=4)
    assert len(transforms) == 8
    for i, first in enumerate(transforms):
        for second in transforms[:i]:
            assert not np.allclose(first, second)


def test_a_ball_may_be_turned_as_the_reference_about_its_middle():
    rng = np.random.default_rng(8)
    centre = np.array([0.01, -0.02, 0.03])
    axes = np.array([[1.0, 0, 0], [0, 0.6, 0.8]])
    symmetries = Symmetries(axes=axes, axis_points=centre + np.array([[0.5], [-0.2]]) * axes)
    turns = Rotation.random(2, random_state=rng).as_matrix()
    pose, reference = (pose_matrix(turn, rng.normal(size=3)) for turn in turns)
    nearest = nearest_equivalent_pose(pose, reference, symmetries)
    np.testing.assert_allclose(nearest[:3, :3], reference[:3, :3], atol=1e-12)
    np.testing.assert_allclose(
        transform_points(nearest, centre[None]), transform_points(pose, centre[None]), atol=1e-12
    )
