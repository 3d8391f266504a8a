"""The variants of the paper's Table 3: what influences what, and what is left without the second stage."""

from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from network_support import ball, node_features, scramble, table
from scipy.spatial.transform import Rotation
from torch import Tensor

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.neighbours import neighbour_table
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.network.attention_variants import AllEdges
from hand_object_pose.network.checkpoint import save_checkpoint
from hand_object_pose.network.config import (
    VARIANTS,
    NetworkConfig,
    config_from_dict,
    config_to_dict,
    preset_config,
    variant_of,
)
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.network.onnx_export import export_onnx
from hand_object_pose.network.refinement import NodeFeatures, Refinement
from hand_object_pose.objects.catalogue import default_catalogue

COMPACT = preset_config("compact")
REFINED = [name for name in VARIANTS if name != "without_gcn"]
# Which outputs move when nodes of one graph alone are touched: (votes by the hand's, offsets by the object's).
REACHES = {
    "without_attention": (False, False),
    "all_edge": (True, True),
    "object_to_hand": (False, True),
    "hand_to_object": (True, False),
    "mutual": (True, True),
}


def refinement(name: str, **settings: Any) -> Refinement:
    network = Refinement(replace(variant_of(COMPACT, name), **settings)).eval()
    scramble(network)
    return network


def refine(network: Refinement, features: NodeFeatures) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        return network(features, table(778), table(1000))


@pytest.mark.parametrize("after_every_block", [False, True])
@pytest.mark.parametrize("name", REFINED)
def test_nodes_learn_from_the_other_graph_in_the_directions_of_the_variant(name: str, after_every_block: bool) -> None:
    network, features = refinement(name, attention_after_every_block=after_every_block), node_features(COMPACT)
    hand, obj = features.hand.clone(), features.object.clone()
    hand[:, 5] += 1
    obj[:, 5] += 1
    offsets, votes = refine(network, features)
    by_hand, by_object = refine(network, replace(features, hand=hand)), refine(network, replace(features, object=obj))
    assert not torch.equal(by_hand[0], offsets)
    assert not torch.equal(by_object[1], votes)
    moved = not torch.equal(by_hand[1], votes), not torch.equal(by_object[0], offsets)
    assert moved == REACHES[name]


@pytest.mark.parametrize("name", REFINED)
def test_the_maps_are_those_of_the_directions_that_exist(name: str) -> None:
    network = refinement(name)
    with torch.inference_mode():
        to_hand, to_object = network.attention_maps(node_features(COMPACT, 2), *(table(n) for n in (778, 1000)))
    assert (to_object is not None, to_hand is not None) == REACHES[name]
    for rows in (to_hand, to_object):
        if rows is not None:
            torch.testing.assert_close(rows.sum(dim=-1), torch.ones(rows.shape[:2]))


def test_all_edge_takes_in_its_own_graph_too_by_the_shares_of_its_maps() -> None:
    layer = AllEdges(8, 1).eval()
    scramble(layer)
    hand, obj = torch.randn(2, 7, 8), torch.randn(2, 5, 8)
    with torch.inference_mode():
        to_hand, to_object = layer.maps(hand, obj)
        assert to_hand is not None
        assert to_object is not None
        assert to_hand[..., :7].sum(dim=-1).numpy() == pytest.approx(7 / 12)
        values = torch.cat([layer.hand_value(hand), layer.object_value(obj)], dim=1)
        expected_hand = layer.hand_fuse(torch.cat([hand, to_hand @ values], dim=-1))
        expected_object = layer.object_fuse(torch.cat([obj, to_object @ values], dim=-1))
        refined = layer(hand, obj)
        hand[:, 3] += 1
        assert not torch.equal(layer(hand, obj)[0][:, 0], refined[0][:, 0])
    torch.testing.assert_close(refined, (expected_hand, expected_object))


@pytest.mark.parametrize("preset", ["paper", "compact"])
@pytest.mark.parametrize("name", REFINED)
def test_refinement_is_equivariant_to_the_order_of_object_nodes_and_faces(preset: str, name: str) -> None:
    config = variant_of(preset_config(preset), name)
    network = Refinement(config).eval()
    scramble(network)
    features, order = node_features(config), torch.randperm(1000, generator=torch.Generator().manual_seed(0))
    renamed = torch.argsort(order).numpy()[ball(1000)[1]]
    other = torch.from_numpy(neighbour_table(renamed, 1000))[None]
    with torch.inference_mode():
        offsets, votes = network(features, table(778), table(1000))
        moved = network(replace(features, object=features.object[:, order]), table(778), other)
    for found, expected in zip(moved, (offsets, votes[:, order]), strict=True):
        assert float((found - expected).abs().max() / expected.abs().max()) < 1e-4


def whole(name: str) -> HandObjectNetwork:
    """A small network of a variant, whose rough object has an extent."""
    torch.manual_seed(0)
    network = HandObjectNetwork(replace(variant_of(COMPACT, name), residual_blocks=1), default_hand())
    scramble(network)
    network.get_parameter("object_mesh.rows.2.weight").data *= 300
    return network.eval()


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(2)
    template = torch.from_numpy(ball(1000)[0]).float() + torch.tensor([0.02, -0.01, 0.03])
    return torch.rand(2, 3, 128, 128), template.expand(2, -1, -1), table(1000).expand(2, -1, -1)


def test_without_gcn_the_pose_is_the_kabsch_fit_of_the_rough_mesh() -> None:
    network, (image, template, neighbours) = whole("without_gcn"), inputs()
    with torch.inference_mode():
        predicted = network(image, template, neighbours)
        scale = network._metres_per_lixel(predicted.rough_object, template).double().numpy()
    assert torch.equal(predicted.refined_hand, predicted.rough_hand)
    for row, rough in enumerate(predicted.rough_object.double().numpy()):
        mesh, model = rough * scale[row], template[row].double().numpy()
        # u and v have the scale with which the mesh is as large as the model.
        assert mesh.var(axis=0).sum() == pytest.approx(model.var(axis=0).sum(), rel=1e-4)
        expected, _ = Rotation.align_vectors(mesh - mesh.mean(axis=0), model - model.mean(axis=0))
        found = Rotation.from_quat(predicted.quaternion[row, [1, 2, 3, 0]].numpy())
        assert (found * expected.inv()).magnitude() < 1e-4
        origin = mesh.mean(axis=0) - expected.apply(model.mean(axis=0))
        np.testing.assert_allclose(predicted.translation[row].numpy() * scale[row, 0], origin, atol=1e-5)


def test_without_gcn_nothing_of_the_second_stage_is_built() -> None:
    names = {name.partition(".")[0] for name in whole("without_gcn").state_dict()}
    assert names == {name.partition(".")[0] for name in whole("mutual").state_dict()} - {"refinement", "global_fusion"}


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "mutual"])  # test_weights.py exports that one
def test_every_variant_runs_on_onnx_runtime(name: str, tmp_path) -> None:
    network, path = whole(name), tmp_path / "weights.safetensors"
    save_checkpoint(path, network, network.config, default_hand(), default_catalogue(), {})
    session = onnxruntime.InferenceSession(export_onnx(path))
    with torch.inference_mode():
        predicted = network(*inputs())
    fed = dict(zip(("image", "template", "neighbours"), (value.numpy() for value in inputs()), strict=True))
    outputs = dict(zip((output.name for output in session.get_outputs()), session.run(None, fed), strict=True))
    expected = {"hand_lixels": predicted.refined_hand, "object_lixels": predicted.rough_object}
    expected |= {"quaternion": predicted.quaternion, "translation": predicted.translation, "votes": predicted.votes}
    for field, value in expected.items():
        np.testing.assert_allclose(outputs[field], value.numpy(), atol=2e-3, err_msg=field)


def test_configurations_of_before_mean_the_network_of_before() -> None:
    for preset in ("paper", "compact", "reference"):
        config = preset_config(preset)
        old = {key: value for key, value in config_to_dict(config).items() if key not in ("attention", "refinement")}
        assert config_from_dict(old) == config == variant_of(config, "mutual")


def test_presets_name_variants_and_unknown_ones_are_refused() -> None:
    assert preset_config("compact/hand_to_object") == replace(COMPACT, attention="hand_to_object")
    assert len({preset_config(f"paper/{name}") for name in VARIANTS}) == 6
    for wrong in ("compact/sparse", "compact/", "compact/mutual/mutual"):
        with pytest.raises(UserError, match="choose one of without_gcn, without_attention"):
            preset_config(wrong)
    with pytest.raises(ValueError, match="refinement"):
        NetworkConfig(refinement=False)
