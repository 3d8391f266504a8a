"""The finger rendering loss: closed forms, finite differences, and PyTorch3D where it is installed."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from training_support import CATALOGUE, batch_of, perfect_prediction, write_shards

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose.network.config import preset_config
from hand_object_pose_training.augmentation import NO_AUGMENTATION
from hand_object_pose_training.finger_loss import (
    FINGER_COLOURS,
    PALM_COLOUR,
    FingerRendering,
    face_parts,
    render_fingers,
)
from hand_object_pose_training.losses import LossWeights, weighted_sum
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.part_rendering import render_parts
from hand_object_pose_training.rasteriser import SoftRenderConfig, has_pytorch3d
from hand_object_pose_training.trainer import TrainConfig, Trainer

SIZE = 32
IMAGE_SIZE = 128
SOFT = SoftRenderConfig(size=SIZE, edge_softness=1.0, backend="torch")
IDENTITY = torch.eye(3)[None]
BACKENDS = ["torch", pytest.param("pytorch3d", marks=pytest.mark.skipif(not has_pytorch3d(), reason="no PyTorch3D"))]


def flat_triangle(pixels, depth=1.0, dtype=torch.float32):
    """Vertices (1, 3, 3) at one depth that an identity camera of SIZE pixels sees at ``pixels``."""
    corners = torch.as_tensor(pixels, dtype=dtype)
    return torch.cat([corners * depth, torch.full((len(corners), 1), depth, dtype=dtype)], dim=1)[None]


def draw(vertices, parts=None, config=SOFT):
    """Shares (C, SIZE, SIZE) of single triangles, each a part of its own unless told otherwise."""
    faces = torch.arange(vertices.shape[1]).reshape(-1, 3)
    parts = torch.arange(len(faces)) if parts is None else torch.tensor(parts)
    return render_parts(vertices, faces, parts, IDENTITY, config.size, config)[0]


def signed_distances(pixels):
    """(SIZE, SIZE): OpenCV's distance of each pixel to a polygon, positive inside."""
    polygon = np.asarray(pixels, dtype=np.float32)[:, None]
    places = ((x, y) for y in range(SIZE) for x in range(SIZE))
    return np.array([cv2.pointPolygonTest(polygon, place, True) for place in places]).reshape(SIZE, SIZE)


def logistic(values):
    return 1 / (1 + np.exp(-values))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "pixels", [[[6.3, 5.2], [27.1, 9.4], [12.6, 26.8]], [[16.0, 16.0], [17.1, 16.2], [16.4, 17.3]]]
)
def test_one_triangle_fades_with_the_squared_distance_to_its_edge(pixels, backend):
    config = SoftRenderConfig(size=SIZE, edge_softness=1.0, backend=backend)
    distance = signed_distances(pixels)
    expected = logistic(np.sign(distance) * distance**2)
    expected[-distance >= config.radius] = 0
    image = draw(flat_triangle(pixels), config=config)
    np.testing.assert_allclose(image[0], expected, atol=2e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_gradient_of_one_triangle_is_that_of_its_edges(backend):
    # The left edge is upright at x = 10: moving it by t changes a pixel's distance there by t and nothing else.
    pixels = [[10.0, -40.0], [10.0, 70.0], [90.0, 16.0]]
    shift = torch.zeros(1, requires_grad=True)
    vertices = flat_triangle(pixels) + torch.stack([shift, 0 * shift, 0 * shift], dim=1)
    config = SoftRenderConfig(size=SIZE, edge_softness=1.0, backend=backend)
    row = draw(vertices, config=config)[0, 16]
    for column in (8, 9, 11, 12):
        (slope,) = torch.autograd.grad(row[column], shift, retain_graph=True)
        inside = column - 10.0
        coverage = logistic(np.sign(inside) * inside**2)
        assert slope.item() == pytest.approx(-coverage * (1 - coverage) * 2 * abs(inside), rel=1e-3)


def test_of_two_parts_the_farther_one_is_hidden_by_the_depth_between_them():
    pixels = [[-60.0, -60.0], [90.0, -60.0], [16.0, 150.0]]
    vertices = torch.cat([flat_triangle(pixels, 0.5), flat_triangle(pixels, 0.507)], dim=1)
    centre = draw(vertices, config=replace(SOFT, depth_softness=0.005))[:, 16, 16]
    np.testing.assert_allclose(centre, [1 - logistic(-0.007 / 0.005), 1 - logistic(0.007 / 0.005)], atol=1e-4)


def test_faces_of_one_part_cover_together():
    # At the middle of the edge that two triangles share, each covers half, so that a quarter passes both.
    corners = [[4.0, 4.0], [28.0, 4.0], [28.0, 28.0], [4.0, 28.0]]
    vertices = torch.cat([flat_triangle([corners[k] for k in face]) for face in ((0, 1, 2), (0, 2, 3))], dim=1)
    assert draw(vertices, [0, 0])[0, 16, 16].item() == pytest.approx(0.75, abs=1e-4)


def test_a_near_part_fades_into_a_far_one_without_a_rim():
    # Ten metres behind: blending by depth alone would show the near part out to where it is cut off.
    near = flat_triangle([[10.0, -40.0], [10.0, 70.0], [90.0, 16.0]])
    far = flat_triangle([[-99.0, -99.0], [199.0, -99.0], [16.0, 299.0]], 11.0)
    near_share, far_share = draw(torch.cat([near, far], dim=1))[:, 16]
    inside = np.arange(SIZE) - 10.0
    coverage = logistic(np.sign(inside) * inside**2)[:20]
    np.testing.assert_allclose(near_share[:20], coverage, atol=2e-4)
    np.testing.assert_allclose(far_share[:20], 1 - coverage, atol=2e-4)


def test_the_small_image_shows_the_whole_large_one():
    # A pixel of the small image is the mean of four by four pixels of the large one: their middles are the same.
    matrix = torch.tensor([[[200.0, 0, 63.5], [0, 200.0, 63.5], [0, 0, 1]]])
    vertices = torch.tensor([[[-0.12, -0.13, 0.5], [0.13, -0.06, 0.5], [-0.03, 0.12, 0.5]]])
    config = SoftRenderConfig(size=SIZE, backend="torch")
    image = render_parts(vertices, torch.tensor([[0, 1, 2]]), torch.tensor([0]), matrix, IMAGE_SIZE, config)[0, 0]
    pixels = (vertices @ matrix.mT)[0, :, :2] / vertices[0, :, 2:]
    middle = (pixels.mean(dim=0) + 0.5) / 4 - 0.5
    rows, columns = np.indices((SIZE, SIZE))
    # A wrong half pixel would move the middle by 3/8.
    assert np.average(columns, weights=image.numpy()) == pytest.approx(middle[0].item(), abs=0.1)
    assert np.average(rows, weights=image.numpy()) == pytest.approx(middle[1].item(), abs=0.1)
    first, second = pixels[1:] - pixels[:1]
    area = abs(first[0] * second[1] - first[1] * second[0]) / 2 / 16
    assert image.sum().item() == pytest.approx(area.item(), rel=0.03)


def hands(count=2, seed=0):
    """Posed default hands (count, 778, 3) half a metre away and the K that shows them in IMAGE_SIZE pixels."""
    rng = np.random.default_rng(seed)
    pose = np.concatenate([rng.normal(0, 1.0, (count, 3)), rng.normal(0, 0.25, (count, 45))], axis=1)
    vertices = ManoLayer(default_hand())(pose).vertices
    vertices = vertices - vertices.mean(axis=1, keepdims=True) + [0.0, 0.0, 0.5]
    matrix = np.array([[290.0, 0, IMAGE_SIZE / 2], [0, 290.0, IMAGE_SIZE / 2], [0, 0, 1]])
    return torch.tensor(vertices, dtype=torch.float32), torch.tensor(matrix, dtype=torch.float32).expand(count, 3, 3)


def rendering(backend, size=64):
    return FingerRendering(default_hand(), IMAGE_SIZE, SoftRenderConfig(size=size, backend=backend))


def image_of(module, vertices, matrices):
    """(B, 3, size, size) without gradients."""
    with torch.no_grad():
        return render_fingers(vertices, matrices, IMAGE_SIZE, module.faces, module.parts, module.config)


def smooth_directions(count, seed=1):
    """Unit motions (count, 778, 3) of a hand that move neighbouring vertices alike, as errors of a pose do."""
    rng = np.random.default_rng(seed)
    rest = default_hand().v_template
    waves = np.sin(rest @ rng.normal(0, 25.0, (count, 3, 3)) + rng.uniform(0, 6, (count, 1, 3)))
    waves = waves + rng.normal(0, 1, (count, 1, 3))
    return torch.tensor(waves / np.abs(waves).max(axis=(1, 2), keepdims=True), dtype=torch.float32)


def slopes_of(module, predicted, truth, matrices, directions):
    """Derivatives (D,) of one hand's loss along directions (D, 778, 3) by automatic and by central differences."""
    step, count = 2e-5, len(directions)
    leaf = predicted.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(module(leaf, truth, matrices).sum(), leaf)
    truth, matrices = truth.expand(count, -1, -1), matrices.expand(count, -1, -1)
    with torch.no_grad():
        ends = [module(predicted + sign * step * directions, truth, matrices).double() for sign in (1, -1)]
    return (gradient * directions).sum(dim=(1, 2)).numpy(), ((ends[0] - ends[1]) / (2 * step)).numpy()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_gradient_on_a_hand_is_that_of_central_differences_in_twenty_directions(backend):
    truth, matrices = hands(1)
    predicted = truth + 0.006 * smooth_directions(1, seed=7)
    automatic, differences = slopes_of(rendering(backend), predicted, truth, matrices, smooth_directions(20))
    largest = np.abs(differences).max()
    # A direction along which the loss hardly changes has too few digits for a ratio.
    assert np.abs(automatic - differences).max() < 0.05 * largest
    steep = np.abs(differences) > 0.1 * largest
    assert steep.sum() >= 12
    np.testing.assert_allclose(automatic[steep], differences[steep], rtol=0.05)


@pytest.mark.skipif(not has_pytorch3d(), reason="no PyTorch3D")
def test_both_rasterisers_give_the_same_images_losses_and_gradients():
    truth, matrices = hands(2)
    predicted = truth + 0.008 * smooth_directions(2, seed=3)
    losses, gradients, images = [], [], []
    for backend in ("torch", "pytorch3d"):
        module, leaf = rendering(backend), predicted.clone().requires_grad_()
        loss = module(leaf, truth, matrices)
        losses.append(loss.detach())
        gradients.append(torch.autograd.grad(loss.sum(), leaf)[0])
        images.append(image_of(module, predicted, matrices))
    torch.testing.assert_close(images[0], images[1], atol=1e-3, rtol=0)
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=0)
    slopes = [torch.einsum("bvc,dvc->bd", gradient, smooth_directions(20)) for gradient in gradients]
    assert (slopes[0] - slopes[1]).abs().max() < 0.01 * slopes[1].abs().max()


def test_equal_hands_lose_nothing_and_farther_ones_more():
    module = rendering("torch")
    truth, matrices = hands(2)
    losses = [module(truth + torch.tensor([shift, 0.0, 0.0]), truth, matrices) for shift in (0.0, 0.004, 0.012, 0.5)]
    assert losses[0].abs().max() == 0
    assert (losses[1] > 0).all()
    assert (losses[2] > 2 * losses[1]).all()
    # Out of the image: what is left is the true hand's own brightness.
    torch.testing.assert_close(losses[3], image_of(module, truth, matrices).mean(dim=(1, 2, 3)))


def test_exchanged_fingers_are_seen_though_the_silhouette_stays():
    module, exchanged = rendering("torch"), rendering("torch")
    exchanged.parts = torch.tensor([0, 2, 1, 3, 4, 5])[module.parts]
    truth, matrices = hands(1)
    drawn, other = (image_of(part, truth, matrices) for part in (module, exchanged))
    assert (drawn - other).abs().mean() > 0.01


def test_the_picture_shows_every_finger_where_its_own_vertices_are_seen():
    # An independent picture: the faces filled by OpenCV from far to near, in full resolution, then averaged.
    module = rendering("torch", 64)
    truth, matrices = hands(1)
    vertices, pixels = truth[0].numpy(), (truth @ matrices.mT)[0].numpy()
    pixels = pixels[:, :2] / pixels[:, 2:]
    canvas = np.zeros((IMAGE_SIZE * 4, IMAGE_SIZE * 4, 3), dtype=np.uint8)
    table = np.array([PALM_COLOUR, *FINGER_COLOURS]) * 255
    for index in np.argsort(-vertices[default_hand().faces, 2].mean(axis=1)):
        corners = np.round((pixels[default_hand().faces[index]] + 0.5) * 4 - 0.5).astype(np.int32)
        cv2.fillConvexPoly(canvas, corners, table[module.parts[index]].tolist())
    expected = cv2.resize(canvas, (64, 64), interpolation=cv2.INTER_AREA) / 255.0
    image = image_of(module, truth, matrices)[0].permute(1, 2, 0).numpy()
    pure = (np.abs(expected - np.round(expected)) < 0.02).all(axis=-1) & (expected.max(axis=-1) > 0.5)
    assert pure.mean() > 0.05
    assert (np.abs(image[pure] - expected[pure]).max(axis=-1) < 0.3).mean() > 0.95
    outside = cv2.dilate(expected.max(axis=-1), np.ones((5, 5))) == 0
    assert image[outside].max() < 0.01


def test_descending_the_gradient_moves_a_hand_onto_the_true_one():
    module = rendering("torch", SIZE)
    truth, matrices = hands(1)
    shift = torch.tensor([0.02, -0.015, 0.0])
    moved = shift.clone().requires_grad_()
    optimizer = torch.optim.Adam([moved], lr=2e-3)
    for _ in range(25):
        optimizer.zero_grad()
        module(truth + moved, truth, matrices).sum().backward()
        optimizer.step()
    assert moved[:2].norm() < 0.3 * shift.norm()


def test_torn_meshes_and_faces_behind_the_camera_give_finite_gradients():
    module = rendering("torch", SIZE)
    truth, matrices = hands(1)
    generator = torch.Generator().manual_seed(0)
    torn = (truth + 0.3 * torch.randn(truth.shape, generator=generator)).requires_grad_()
    assert (torn[..., 2] < 0).any()
    loss = module(torn, truth, matrices)
    (gradient,) = torch.autograd.grad(loss.sum(), torn)
    assert torch.isfinite(loss).all()
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0


def test_every_face_belongs_to_the_finger_of_its_blending_weights():
    hand = default_hand()
    parts = face_parts(hand).numpy()
    assert len({*FINGER_COLOURS, PALM_COLOUR, (0.0, 0.0, 0.0)}) == 7
    for finger, tip in enumerate(hand.fingertips):
        assert set(parts[(hand.faces == tip).any(axis=1)]) == {finger + 1}
    wrist = np.argmin(np.linalg.norm(hand.v_template - hand.joint_regressor[0] @ hand.v_template, axis=1))
    assert set(parts[(hand.faces == wrist).any(axis=1)]) == {0}


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(UserError, match="backend"):
        SoftRenderConfig(backend="opengl")
    with pytest.raises(UserError, match="above zero"):
        SoftRenderConfig(edge_softness=0.0)
    if not has_pytorch3d():
        with pytest.raises(UserError, match="pip install easypytorch3d"):
            draw(flat_triangle([[1.0, 1], [5, 1], [1, 5]]), config=replace(SOFT, backend="pytorch3d"))
    with pytest.raises(ValueError, match="parts"):
        draw(flat_triangle([[1.0, 1], [5, 1], [1, 5]]), [0, 0])


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """A few stored samples, and the network's crops of them."""
    return write_shards(tmp_path_factory.mktemp("samples"), 3)


def test_the_objective_takes_the_term_where_it_is_asked_for_and_weighs_it(samples):
    geometry = preset_config("compact").lixels
    finger = FingerRendering(default_hand(), geometry.image_size, SoftRenderConfig(size=SIZE))
    objective = Objective(geometry, default_hand(), CATALOGUE, finger)
    batch, _ = batch_of(samples, NO_AUGMENTATION, geometry.image_size)
    perfect = perfect_prediction(objective, batch, geometry)
    # A perfect hand costs what rounding does to it; one that is a tenth of the image off, much more.
    assert objective(perfect, batch)["finger"].max() < 1e-3
    moved = (perfect.refined_hand + torch.tensor([geometry.bins / 10, 0.0, 0.0])).requires_grad_()
    terms = objective(replace(perfect, refined_hand=moved), batch)
    assert terms["finger"].min() > 0.01
    _, weighted = weighted_sum(terms, LossWeights(finger=100.0))
    assert weighted["finger"].item() == pytest.approx(100 * terms["finger"].mean().item())
    (gradient,) = torch.autograd.grad(weighted["finger"], moved)
    # Moving back lowers the loss.
    assert gradient[..., 0].sum() > 0
    assert "finger" not in Objective(geometry, default_hand(), CATALOGUE)(perfect, batch)
    assert LossWeights().finger == 0


def test_a_run_may_ask_for_the_term_and_older_runs_go_on_without_it(samples, tmp_path):
    config = TrainConfig(
        samples, samples, tmp_path / "run", steps=2, batch_size=2, workers=0, device="cpu", validate_every=1000
    )
    older = Trainer(config, default_hand(), CATALOGUE)
    assert "finger" not in older._settings["weights"]
    weights = LossWeights(finger=100.0)
    trainer = Trainer(replace(config, weights=weights, out=tmp_path / "other"), default_hand(), CATALOGUE)
    losses = trainer._timed_step(iter(trainer._loader()))
    assert losses["finger"].item() > 0
    trainer.save()
    with pytest.raises(UserError, match="weights"):
        Trainer(replace(config, out=tmp_path / "other"), default_hand(), CATALOGUE)
