"""Properties of the network that hold whatever its weights are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from network_support import ball, node_features, scramble, table
from scipy.spatial.transform import Rotation
from torch.nn import functional as F

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.lift import Lift
from hand_object_pose.geometry.neighbours import neighbour_table, reference_neighbour_table, stack_tables
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.network.attention import MutualAttention, _attend, attention_map
from hand_object_pose.network.config import (
    PRESETS,
    EncoderConfig,
    NetworkConfig,
    config_from_dict,
    config_to_dict,
    preset_config,
)
from hand_object_pose.network.encoder import IMAGENET_MEAN, IMAGENET_STD, Encoder, ImageNormalisation
from hand_object_pose.network.graph import GraphConvolution, neighbour_sum
from hand_object_pose.network.imagenet import load_imagenet_weights
from hand_object_pose.network.lixels import TemplateLixelHead, soft_argmax
from hand_object_pose.network.model import HandObjectNetwork, NetworkPrediction, _sample
from hand_object_pose.network.refinement import NodeFeatures, Refinement
from hand_object_pose.network.rotations import aligning_quaternion, proper_mean, quaternion_product

COMPACT = preset_config("compact")


def dense(neighbours: torch.Tensor) -> torch.Tensor:
    """Adjacency (V, V) of a table (1, V, K)."""
    vertices = neighbours.shape[1]
    padded = torch.zeros(vertices, vertices + 1).scatter_add_(1, neighbours[0], torch.ones(neighbours.shape[1:]))
    return padded[:, :vertices]


# Graphs


def test_a_table_lists_each_neighbour_once() -> None:
    _, faces = ball(60)
    found = neighbour_table(faces, 60)
    for vertex in range(60):
        corners = faces[(faces == vertex).any(axis=1)]
        expected = sorted(set(corners.ravel().tolist()) - {vertex})
        assert [n for n in found[vertex] if n < 60] == expected


@pytest.mark.parametrize(("rows", "loop"), [(2006, True), (2007, False), (2010, False)])
def test_the_reference_table_pads_and_cuts_faces_at_2007_rows(rows: int, loop: bool) -> None:
    faces = np.stack([np.arange(rows) % 900 + k for k in (0, 1, 2)], axis=1)
    faces[2007:] = [990, 995, 999]
    found = reference_neighbour_table(faces, 1000)
    assert (0 in found[0]) == loop
    assert not (found[999] < 1000).any()


def test_stacked_tables_keep_their_rows() -> None:
    tables = [neighbour_table(ball(60, seed)[1], 60) for seed in (0, 1)]
    for row, original in zip(stack_tables(tables), tables, strict=True):
        assert (np.sort(row)[:, : original.shape[1]] == np.sort(original)).all()
        assert (np.sort(row)[:, original.shape[1] :] == 60).all()


def test_neighbour_sum_equals_the_adjacency_matrix_forwards_and_backwards() -> None:
    tables = torch.cat([table(60), table(60).flip(-1)])
    nodes = torch.randn(2, 60, 4, dtype=torch.float64, requires_grad=True)
    adjacency = dense(table(60)).double()
    torch.testing.assert_close(neighbour_sum(nodes, tables), adjacency @ nodes)
    assert torch.autograd.gradcheck(lambda x: neighbour_sum(x, tables), nodes)


def test_graph_convolution_is_equation_12_with_eps() -> None:
    convolution = GraphConvolution(10, 16, 5)
    scramble(convolution)
    nodes, shared = torch.randn(1, 60, 7), torch.randn(1, 3)
    together = torch.cat([nodes, shared[:, None].expand(-1, 60, -1)], dim=-1)
    summed = (1 + convolution.eps) * together + dense(table(60)) @ together
    expected = convolution.second(torch.relu(convolution.first(summed)))
    torch.testing.assert_close(convolution(nodes, table(60), shared), expected)


# Lixels


def test_soft_argmax_of_a_one_hot_lixel_is_scaled_as_equations_1_to_3() -> None:
    geometry = COMPACT.lixels
    bins = torch.tensor([3, 17, 31])
    lixels, spread = soft_argmax(1e4 * F.one_hot(bins, COMPACT.bins).float())
    torch.testing.assert_close(lixels, bins.float())
    torch.testing.assert_close(spread, torch.zeros(3), atol=1e-5, rtol=0)
    root, focal, principal = 0.6, 150.0, (60.0, 70.0)
    matrix = np.array([[[focal, 0, principal[0]], [0, focal, principal[1]], [0, 0, 1]]])
    point = Lift(matrix, np.array([root]), geometry).points(lixels.numpy()[None, None])[0, 0]
    scale = COMPACT.image_size / COMPACT.bins
    z = 2 * COMPACT.depth_radius / COMPACT.bins * 31 + root - COMPACT.depth_radius
    expected = [(3 * scale - principal[0]) / focal * z, (17 * scale - principal[1]) / focal * z, z]
    np.testing.assert_allclose(point, expected, rtol=1e-6)


def test_spread_of_two_equal_peaks_is_half_their_distance() -> None:
    logits = torch.full((32,), -1e4)
    logits[[10, 16]] = 0.0
    mean, spread = soft_argmax(logits)
    torch.testing.assert_close(torch.stack([mean, spread]), torch.tensor([13.0, 3.0]))


def test_soft_argmax_has_the_gradient_of_finite_differences() -> None:
    logits = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(soft_argmax, logits)


@pytest.mark.parametrize("width", [16, 32, 64])
def test_features_are_sampled_where_the_lixel_lies(width: int) -> None:
    bins = 32
    columns = torch.arange(width).float().expand(1, 1, width, width)
    ramp = torch.cat([columns, columns.transpose(2, 3)], dim=1)
    lixels = torch.tensor([[[5.25, 20.0], [16.0, 9.5]]])
    sampled = _sample(ramp, (lixels * (2 / bins) - 1).unsqueeze(1))
    torch.testing.assert_close(sampled, lixels * (width / bins) - 0.5)


# Attention


@pytest.mark.parametrize("preset", PRESETS)
def test_attention_rows_sum_to_one_and_fused_attention_is_equations_13_to_16(preset: str) -> None:
    config = preset_config(preset)
    layer = MutualAttention(config.node_channels, config.attention_kernel).eval()
    scramble(layer)
    hand, obj = 3 * torch.randn(2, 778, config.node_channels), 3 * torch.randn(2, 1000, config.node_channels)
    to_hand, to_object = layer.maps(hand, obj)
    assert to_hand.shape == (2, 778, 1000)
    assert to_object.shape == (2, 1000, 778)
    for rows in (to_hand, to_object):
        assert (rows >= 0).all()
        torch.testing.assert_close(rows.sum(dim=-1), torch.ones(rows.shape[:2]))
    values = torch.randn(2, 1000, 8)
    query, key = torch.randn(2, 5, 8), torch.randn(2, 1000, 8)
    logits = torch.einsum("bqf,bkf->bqk", query, key) / 8**0.5
    weights = logits.exp() / logits.exp().sum(dim=-1, keepdim=True)
    torch.testing.assert_close(attention_map(query, key), weights)
    torch.testing.assert_close(_attend(query, key, values), torch.einsum("bqk,bkf->bqf", weights, values))


def permuted(features: NodeFeatures, order: torch.Tensor) -> NodeFeatures:
    return replace(features, object=features.object[:, order])


def permutation_errors(preset: str) -> tuple[float, float]:
    """How far offsets and votes move, relative to their size, when the object's nodes and faces are permuted."""
    config = preset_config(preset)
    network = Refinement(config).eval()
    scramble(network)
    features, hand_table = node_features(config), table(778)
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
    _, faces = ball(1000)
    renamed = torch.argsort(order).numpy()[faces]
    other = torch.from_numpy(neighbour_table(renamed, 1000))[None]
    with torch.inference_mode():
        offsets, votes = network(features, hand_table, table(1000))
        new_offsets, new_votes = network(permuted(features, order), hand_table, other)
    moved = float((new_offsets - offsets).abs().max() / offsets.abs().max())
    return moved, float((new_votes - votes[:, order]).abs().max() / votes.abs().max())


@pytest.mark.parametrize("preset", ["paper", "compact"])
def test_refinement_is_equivariant_to_the_order_of_object_nodes_and_faces(preset: str) -> None:
    assert max(permutation_errors(preset)) < 1e-4


def test_the_released_kernel_of_three_is_not_equivariant() -> None:
    assert max(permutation_errors("reference")) > 1e-2


# Votes


def random_votes() -> tuple[np.ndarray, torch.Tensor]:
    """Ten samples of votes around random rotations, (w, x, y, z), of various lengths."""
    rng = np.random.default_rng(3)
    centre = Rotation.random(10, random_state=4)
    spread = Rotation.from_rotvec(rng.normal(scale=0.5, size=(1000, 3)))
    xyzw = np.stack([(one * spread).as_quat() for one in centre])
    lengths = rng.uniform(0.5, 2.0, size=(10, 1000, 1))
    return xyzw, torch.from_numpy(np.roll(xyzw, 1, axis=-1) * lengths)


def test_mean_of_votes_equals_scipys() -> None:
    xyzw, votes = random_votes()
    means = Rotation.from_quat(np.roll(proper_mean(votes).numpy(), -1, axis=-1))
    for mean, quaternions in zip(means, xyzw, strict=True):
        assert (mean * Rotation.from_quat(quaternions).mean().inv()).magnitude() < 1e-9


def test_mean_of_votes_ignores_their_signs() -> None:
    _, votes = random_votes()
    signs = torch.where(torch.rand(10, 1000, 1, generator=torch.Generator().manual_seed(0)) < 0.5, -1.0, 1.0)
    torch.testing.assert_close(proper_mean(votes * signs), proper_mean(votes))


def test_mean_of_votes_has_the_gradient_of_finite_differences() -> None:
    votes = random_votes()[1][:2, :6].clone().requires_grad_()
    assert torch.autograd.gradcheck(proper_mean, votes, atol=1e-6)


# The whole network


def inputs(batch: int = 2, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    vertices, _ = ball(1000)
    template = torch.from_numpy(vertices).to(dtype).expand(batch, -1, -1)
    return torch.rand(batch, 3, 128, 128, dtype=dtype), template, table(1000).expand(batch, -1, -1)


@pytest.fixture(scope="module")
def compact() -> HandObjectNetwork:
    torch.manual_seed(0)
    network = HandObjectNetwork(COMPACT, default_hand(), training_heads=True)
    scramble(network)
    return network.eval()


def test_every_field_has_its_documented_shape(compact: HandObjectNetwork) -> None:
    with torch.inference_mode():
        predicted = compact(*inputs(), return_attention=True)
    shapes = {name: tuple(value.shape) for name, value in vars(predicted).items()}
    hand, obj = (2, 778, 3), (2, 1000, 3)
    assert shapes == {
        "rough_hand": hand,
        "refined_hand": hand,
        "hand_sigma": hand,
        "rough_object": obj,
        "object_sigma": obj,
        "votes": (2, 1000, 7),
        "quaternion": (2, 4),
        "translation": (2, 3),
        "joints": (2, 21, 3),
        "mask_logits": (2, 32, 32),
        "attention_to_hand": (2, 778, 1000),
        "attention_to_object": (2, 1000, 778),
    }
    assert all(bool(torch.isfinite(value).all()) for value in vars(predicted).values())
    for rough in (predicted.rough_hand, predicted.rough_object, predicted.joints):
        assert rough.min() >= 0
        assert rough.max() <= COMPACT.bins - 1


def test_heads_of_training_are_not_built_for_inference() -> None:
    names = set(HandObjectNetwork(COMPACT, default_hand()).state_dict())
    assert not any(name.startswith(("joint_head", "mask_head")) for name in names)


def total(predicted: NetworkPrediction) -> torch.Tensor:
    """A number that depends on every output."""
    fields = [value for value in vars(predicted).values() if value is not None]
    return sum((value * torch.linspace(-1, 1, value.numel()).view_as(value)).sum() for value in fields)


def test_every_parameter_takes_part(compact: HandObjectNetwork) -> None:
    compact.zero_grad()
    total(compact(*inputs())).backward()
    trained = {name: value for name, value in compact.named_parameters() if value.requires_grad}
    idle = [name for name, value in trained.items() if value.grad is None or not value.grad.any()]
    compact.zero_grad()
    assert idle == []


def test_gradient_of_the_whole_network_equals_a_finite_difference(compact: HandObjectNetwork) -> None:
    network = HandObjectNetwork(COMPACT, default_hand(), training_heads=True).eval()
    network.load_state_dict(compact.state_dict())
    network.double()
    batch = inputs(1, torch.float64)
    weight = network.hand_encoder.get_parameter("stages.layer4.0.layers.0.convolution.weight")
    direction = torch.randn_like(weight)
    total(network(*batch)).backward()
    assert weight.grad is not None
    slope, step = float((weight.grad * direction).sum()), 1e-6
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight.add_(sign * step * direction)
            values.append(float(total(network(*batch))))
            weight.sub_(sign * step * direction)
    assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4)


def test_the_template_head_treats_vertices_by_place_and_not_by_index() -> None:
    """Reordering an object's vertices reorders its rough mesh, and nothing else."""
    torch.manual_seed(0)
    head = TemplateLixelHead(COMPACT).eval()
    features, template, order = torch.randn(2, 320, 4, 4), torch.rand(2, 1000, 3), torch.randperm(1000)
    with torch.inference_mode():
        mean, spread = head(features, template)
        moved_mean, moved_spread = head(features, template[:, order])
    torch.testing.assert_close(moved_mean, mean[:, order], atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(moved_spread, spread[:, order], atol=1e-4, rtol=1e-5)


def test_lixel_votes_are_where_the_nodes_are_unless_something_is_learned(compact: HandObjectNetwork) -> None:
    """With a silent tail the voted origin is the rough mesh's middle."""
    network = HandObjectNetwork(COMPACT, default_hand()).eval()
    assert network.refinement is not None
    torch.nn.init.zeros_(network.refinement.object.tail.second.weight)
    torch.nn.init.zeros_(network.refinement.object.tail.second.bias)
    with torch.inference_mode():
        prediction = network(*inputs())
    torch.testing.assert_close(prediction.translation, prediction.rough_object.mean(dim=1), atol=1e-4, rtol=1e-5)


def test_the_aligning_rotation_is_scipys() -> None:
    rng = np.random.default_rng(4)
    source = rng.normal(size=(5, 60, 3))
    target = source @ Rotation.random(5, rng=rng).as_matrix().transpose(0, 2, 1) * 3 + rng.normal(0, 0.2, source.shape)
    found = aligning_quaternion(torch.tensor(source), torch.tensor(target)).numpy()
    for index in range(5):
        centred = [points[index] - points[index].mean(axis=0) for points in (target, source)]
        expected, _ = Rotation.align_vectors(*centred)
        assert (Rotation.from_quat(found[index, [1, 2, 3, 0]]) * expected.inv()).magnitude() < 1e-5


def test_products_of_quaternions_are_scipys() -> None:
    first, second = Rotation.random(7, rng=1), Rotation.random(7, rng=2)
    wxyz = [torch.tensor(turn.as_quat()[:, [3, 0, 1, 2]]) for turn in (first, second)]
    product = quaternion_product(*wxyz).numpy()[:, [1, 2, 3, 0]]
    np.testing.assert_allclose((Rotation.from_quat(product) * (first * second).inv()).magnitude(), 0, atol=1e-7)


def test_a_rough_mesh_without_error_gives_its_rotation(compact: HandObjectNetwork) -> None:
    """Seen from afar, u and v are x and y at a scale that the crop does not tell; the mesh's own size does."""
    rng = np.random.default_rng(6)
    template = torch.tensor(rng.normal(0, [0.05, 0.03, 0.02], (4, 1000, 3)), dtype=torch.float32)
    turns = Rotation.random(4, rng=rng)
    placed = template.double() @ torch.tensor(turns.as_matrix()).mT
    depth_scale = 2 * COMPACT.depth_radius / COMPACT.bins
    rough = (placed / torch.tensor([0.007, 0.007, depth_scale]) + 16).float()
    identity = torch.tensor([1.0, 0, 0, 0, 0, 0, 0]).expand(4, 1000, 7)
    votes = compact._votes(identity, rough, template)
    found = Rotation.from_quat(votes[:, 17, [1, 2, 3, 0]].numpy())
    assert (found * turns.inv()).magnitude().max() < 1e-3
    torch.testing.assert_close(votes[..., 4:], rough)


# Encoders and presets


def test_the_papers_encoder_is_torchvisions_resnet50() -> None:
    theirs = torchvision.models.resnet50()
    scramble(theirs)
    ours = Encoder(preset_config("paper").encoder)
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert missing == []
    assert set(unexpected) == {"fc.weight", "fc.bias"}
    image = torch.rand(1, 3, 64, 64)
    layers = [child for name, child in theirs.eval().named_children() if name not in ("avgpool", "fc")]
    with torch.inference_mode():
        torch.testing.assert_close(ours.eval()(image)["layer4"], torch.nn.Sequential(*layers)(image))


def test_imagenet_weights_of_another_architecture_are_refused(tmp_path, compact: HandObjectNetwork) -> None:
    file = tmp_path / "resnet.pth"
    torch.save(torchvision.models.resnet18().state_dict(), file)
    with pytest.raises(UserError, match="do not fit"):
        load_imagenet_weights(compact, file)


def test_imagenet_weights_fill_both_encoders(tmp_path) -> None:
    config = replace(COMPACT, encoder=EncoderConfig("basic", blocks=(2, 2, 2, 2)))
    network = HandObjectNetwork(config, default_hand())
    theirs = torchvision.models.resnet18()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    load_imagenet_weights(network, tmp_path / "resnet18.pth")
    for encoder in (network.hand_encoder, network.object_encoder):
        assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in encoder.state_dict().items())


def test_images_are_normalised_as_the_preset_says() -> None:
    image = torch.rand(1, 3, 4, 4)
    theirs = torchvision.transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)(image)
    torch.testing.assert_close(ImageNormalisation("imagenet")(image), theirs)
    assert torch.equal(ImageNormalisation("bgr")(image), image[:, [2, 1, 0]])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_configuration_survives_its_plain_form(preset: str) -> None:
    import json

    config = preset_config(preset)
    assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config


def test_settings_that_do_not_fit_each_other_are_refused() -> None:
    with pytest.raises(UserError, match="choose one of paper, reference, compact"):
        preset_config("tiny")
    with pytest.raises(ValueError, match="upsampling"):
        NetworkConfig(bins=32)
    with pytest.raises(ValueError, match="flattened"):
        replace(COMPACT, depth_head="flattened")
