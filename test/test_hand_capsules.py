"""Capsules around a hand: they hold it, in any pose, and not much more."""

import numpy as np
import pytest
import trimesh

from hand_object_pose.estimation.hand_capsules import Capsules, hand_capsules, segment_distances
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.joints import FINGERTIPS
from hand_object_pose.hand.mano_layer import ManoLayer


def posed_hands(count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 778, 3) and joints (N, 21, 3), from flat to strongly bent."""
    rng = np.random.default_rng(2)
    pose = rng.normal(size=(count, 48)) * np.linspace(0, 0.5, count)[:, None]
    hand = default_hand()
    vertices = ManoLayer(hand)(pose, rng.normal(size=(count, 10))).vertices
    return vertices, hand.joint_regressor21 @ vertices


def test_every_vertex_lies_inside_the_union() -> None:
    for vertices, joints in zip(*posed_hands(), strict=True):
        capsules = hand_capsules(vertices, joints, padding=0.0)
        assert len(capsules.radii) == 20
        assert capsules.distance(vertices).max() < 1e-9
        assert hand_capsules(vertices, joints, padding=0.007).distance(vertices).max() < -0.006999


def test_the_surface_between_vertices_lies_inside_padded_capsules() -> None:
    faces = default_hand().faces
    for vertices, joints in zip(*posed_hands(), strict=True):
        points = vertices[faces].mean(axis=1)
        assert hand_capsules(vertices, joints).distance(points).max() < 0


def test_they_hold_little_else() -> None:
    """A flat hand's fingers are thin, and what lies three centimetres away from the hand is outside."""
    vertices, joints = (found[0] for found in posed_hands())
    capsules = hand_capsules(vertices, joints, padding=0.0)
    tips = [joint - 1 for joint in FINGERTIPS]
    assert capsules.radii[tips].max() < 0.018
    assert capsules.radii.max() < 0.035
    points = np.random.default_rng(0).uniform(vertices.min(0) - 0.05, vertices.max(0) + 0.05, (2000, 3))
    gaps = np.linalg.norm(points[:, None] - vertices, axis=2).min(axis=1)
    assert (capsules.distance(points)[gaps > 0.03] > 0).all()


@pytest.mark.parametrize("length", [0.0, 0.05])
def test_distances_are_those_of_a_capsule_mesh(length: float) -> None:
    start, end = np.array([[0.01, 0.02, 0.03]]), np.array([[0.01, 0.02, 0.03 + length]])
    capsules = Capsules(start, end, np.array([0.02]))
    mesh = trimesh.creation.capsule(height=length, radius=0.02, count=[64, 64])
    mesh.apply_translation(start[0] + [0, 0, length / 2 - mesh.bounds.mean(axis=0)[2]])
    np.testing.assert_allclose(capsules.distance(np.asarray(mesh.vertices)), 0.0, atol=1e-6)
    outside = mesh.vertices + 0.01 * mesh.vertex_normals
    np.testing.assert_allclose(capsules.distance(outside), 0.01, atol=2e-4)


def test_segment_distances_at_both_ends_and_between() -> None:
    start, end = np.zeros((1, 3)), np.array([[1.0, 0.0, 0.0]])
    points = np.array([[-3.0, 4.0, 0.0], [0.5, 0.0, -2.0], [4.0, 0.0, 4.0]])
    np.testing.assert_allclose(segment_distances(points, start, end)[:, 0], [5.0, 2.0, 5.0])
