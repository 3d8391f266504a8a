"""Losses: closed forms, finite differences, invariants."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hand_object_pose.geometry.se3 import quaternion_xyzw_to_wxyz
from hand_object_pose_training.losses import (
    LossWeights,
    edge_loss,
    mesh_loss,
    normal_loss,
    rotation_loss,
    silhouette_loss,
    translation_loss,
    weighted_sum,
)

TETRAHEDRON = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
EDGES = torch.tensor([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
FACES = torch.tensor([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def batch(vertices):
    return vertices[None].clone()


def test_mesh_loss_of_a_shift_is_the_mean_shift():
    shifted = batch(TETRAHEDRON) + torch.tensor([0.3, 0.0, -0.6])
    torch.testing.assert_close(mesh_loss(shifted, batch(TETRAHEDRON)), torch.tensor([0.3], dtype=torch.float64))


def test_edge_loss_of_a_scaling_is_the_scaled_mean_length():
    mean_length = (3 * 1.0 + 3 * np.sqrt(2.0)) / 6
    loss = edge_loss(1.1 * batch(TETRAHEDRON), batch(TETRAHEDRON), EDGES)
    assert loss.item() == pytest.approx(0.1 * mean_length * 1000)


def test_edge_and_normal_loss_ignore_padding():
    padded_edges = torch.cat([EDGES, torch.zeros(5, 2, dtype=torch.long)])[None]
    padded_faces = torch.cat([FACES, torch.zeros(5, 3, dtype=torch.long)])[None]
    predicted, truth = 1.2 * batch(TETRAHEDRON) + 0.1 * batch(TETRAHEDRON).flip(-1), batch(TETRAHEDRON)
    torch.testing.assert_close(edge_loss(predicted, truth, padded_edges), edge_loss(predicted, truth, EDGES))
    torch.testing.assert_close(normal_loss(predicted, truth, padded_faces), normal_loss(predicted, truth, FACES))


def test_edge_loss_is_invariant_to_rigid_motion_and_normal_loss_to_translation():
    rotation = torch.from_numpy(Rotation.random(rng=np.random.default_rng(0)).as_matrix())
    moved = batch(TETRAHEDRON) @ rotation.T + 0.4
    assert edge_loss(moved, batch(TETRAHEDRON), EDGES).item() == pytest.approx(0, abs=1e-9)
    assert normal_loss(batch(TETRAHEDRON) + 0.4, batch(TETRAHEDRON), FACES).item() == pytest.approx(0, abs=1e-9)
    assert normal_loss(moved, batch(TETRAHEDRON), FACES).item() > 100


@pytest.mark.parametrize("height", [0.003, -0.003])
def test_normal_loss_of_a_lifted_corner_is_its_height_on_either_side(height):
    # One triangle in the plane z = 0; lifting vertex 2 by 3 mm tilts two of its three edges.
    triangle = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]], dtype=torch.float64)
    lifted = triangle.clone()
    lifted[0, 2, 2] = height
    assert normal_loss(lifted, triangle, torch.tensor([[0, 1, 2]])).item() == pytest.approx(2.0)


def test_rotation_loss_takes_either_sign_and_any_length():
    quaternion = torch.from_numpy(quaternion_xyzw_to_wxyz(Rotation.random(8, rng=np.random.default_rng(1)).as_quat()))
    for scale in (1.0, -1.0, -3.0):
        loss = rotation_loss(scale * quaternion, quaternion)
        torch.testing.assert_close(loss, torch.zeros_like(loss), atol=3e-6, rtol=0)


def test_rotation_loss_of_a_small_rotation_is_its_chord():
    angle = 0.2
    turned = torch.tensor([[np.cos(angle / 2), np.sin(angle / 2), 0.0, 0.0]], dtype=torch.float64)
    identity = torch.tensor([[1.0, 0, 0, 0]], dtype=torch.float64)
    assert rotation_loss(turned, identity).item() == pytest.approx(2 * np.sin(angle / 4), abs=1e-6)


def test_translation_loss_is_the_distance():
    offset = torch.tensor([[0.0, 0.03, 0.04]], dtype=torch.float64)
    assert translation_loss(offset, 0 * offset).item() == pytest.approx(0.05, abs=1e-6)


def test_silhouette_loss_of_even_odds_is_log_two_and_of_certainty_zero():
    truth = (torch.arange(64).reshape(1, 8, 8) % 8 < 4).long()
    assert silhouette_loss(torch.zeros(1, 4, 4), truth).item() == pytest.approx(np.log(2))
    sure = (2 * truth - 1).float() * 50
    assert silhouette_loss(sure, truth).item() == pytest.approx(0, abs=1e-6)


def test_silhouette_loss_of_a_pixel_that_the_object_covers_in_part_is_the_cross_entropy_of_its_share():
    truth = torch.tensor([[1, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 0], [0, 0, 0, 0]])[None]
    share, logit = np.array([0.25, 1.0, 0.0, 0.25]), 0.7
    expected = np.mean(np.log1p(np.exp(logit)) - share * logit)
    logits = torch.full((1, 2, 2), logit, requires_grad=True)
    loss = silhouette_loss(logits, truth)
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    np.testing.assert_allclose(gradient.flatten(), (1 / (1 + np.exp(-logit)) - share) / 4, rtol=1e-5)


def test_gradients_equal_finite_differences():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(2, 4, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    truth = batch(TETRAHEDRON).repeat(2, 1, 1)
    quaternion = torch.randn(2, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    target = torch.nn.functional.normalize(torch.randn(2, 4, dtype=torch.float64, generator=generator), dim=-1)
    shift = torch.rand(2, 3, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda p: mesh_loss(p, truth), (points,))
    assert torch.autograd.gradcheck(lambda p: edge_loss(p, truth, EDGES), (points,), atol=1e-3)
    assert torch.autograd.gradcheck(lambda p: normal_loss(p, truth, FACES), (points,), atol=1e-3)
    assert torch.autograd.gradcheck(lambda q: rotation_loss(q, target), (quaternion,))
    assert torch.autograd.gradcheck(lambda t: translation_loss(t, 0 * shift), (shift.requires_grad_(),))


def test_the_total_is_the_weighted_sum_of_means():
    names = ("mesh", "edge", "normal", "rotation", "translation", "joint", "silhouette")
    terms = {name: torch.tensor([1.0, 3.0]) for name in names}
    total, weighted = weighted_sum(terms, LossWeights())
    assert total.item() == pytest.approx(2 * (1 + 1 + 1 + 10 + 10 + 1 + 100))
    assert weighted["rotation"].item() == pytest.approx(20)
