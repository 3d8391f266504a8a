"""The small encoder against another implementation of EfficientNet-Lite0 (scripts/make_efficientnet_golden.py)."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.network.config import LITE_CHANNELS, preset_config
from hand_object_pose.network.efficientnet_lite import LiteBranch, LiteTrunk
from hand_object_pose.network.imagenet import load_imagenet_weights
from hand_object_pose.network.model import HandObjectNetwork

GOLDEN = Path(__file__).parent / "data" / "efficientnet_lite0_golden.npz"


def drawn_weights() -> dict[str, torch.Tensor]:
    """What the script that wrote the golden file drew."""
    script = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "make_efficientnet_golden.py"))
    entries = [entry.partition(":") for entry in np.load(GOLDEN)["parameters"].tolist()]
    shapes = [tuple(int(number) for number in text.split(",") if number) for _, _, text in entries]
    weights: dict[str, torch.Tensor] = script["drawn_weights"]([name for name, _, _ in entries], shapes, seed=7)
    return weights


@pytest.fixture(scope="module")
def network() -> HandObjectNetwork:
    return HandObjectNetwork(preset_config("compact"), default_hand(), training_heads=True)


def test_both_branches_answer_as_the_other_implementation(tmp_path: Path, network: HandObjectNetwork) -> None:
    golden = np.load(GOLDEN)
    torch.save(drawn_weights(), tmp_path / "lite0.pth")
    load_imagenet_weights(network, tmp_path / "lite0.pth")
    assert network.trunk is not None
    stem = np.random.default_rng(8).random((2, 32, 32, 32), dtype=np.float32)
    with torch.inference_mode():
        network.eval()
        layer1 = network.trunk.stages["layer1"](torch.from_numpy(stem))
        trunk = {"layer2": network.trunk.stages["layer2"](layer1)}
        for branch in (network.hand_encoder, network.object_encoder):
            torch.testing.assert_close(
                branch(trunk)["layer4"], torch.from_numpy(golden["layer4"]), atol=1e-4, rtol=1e-4
            )


def test_without_the_border_the_stem_is_exact(tmp_path: Path, network: HandObjectNetwork) -> None:
    """Folding Lite's normalisation into the stem is exact wherever the stem sees no padding."""
    weights = drawn_weights()
    torch.save(weights, tmp_path / "lite0.pth")
    load_imagenet_weights(network, tmp_path / "lite0.pth")
    assert network.trunk is not None
    image = torch.rand(2, 3, 64, 64)
    raw = torch.nn.functional.conv2d((image * 255 - 127) / 128, weights["_conv_stem.weight"], stride=2)
    mean, variance, scale, bias = (
        weights[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
    )
    normed = torch.nn.functional.batch_norm(raw, mean, variance, scale, bias, eps=1e-3)
    with torch.inference_mode():
        network.eval()
        found = network.trunk(network.normalise(image))["stem"]
    torch.testing.assert_close(found[:, :, :31, :31], normed.clamp(0, 6)[:, :, :31, :31], atol=1e-4, rtol=1e-4)


def test_maps_have_the_sizes_and_channels_that_the_configuration_says() -> None:
    maps = LiteBranch()(LiteTrunk()(torch.rand(1, 3, 128, 128)))
    assert {name: layer.shape[1] for name, layer in maps.items()} == LITE_CHANNELS
    sizes = {"stem": 64, "layer1": 32, "layer2": 16, "layer3": 8, "layer4": 4}
    assert {name: layer.shape[-1] for name, layer in maps.items()} == sizes


def test_the_trunk_stays_as_it_was_loaded(network: HandObjectNetwork) -> None:
    assert network.trunk is not None
    before = {name: value.clone() for name, value in network.trunk.state_dict().items()}
    network.train()
    template, neighbours = torch.rand(2, 1000, 3) * 0.1, torch.randint(0, 1001, (2, 1000, 6))
    prediction = network(torch.rand(2, 3, 128, 128), template, neighbours)
    prediction.refined_hand.sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in network.trunk.state_dict().items())
    assert all(parameter.grad is None for parameter in network.trunk.parameters())


def test_weights_of_a_resnet_are_refused(tmp_path: Path, network: HandObjectNetwork) -> None:
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "resnet.pth")
    with pytest.raises(UserError, match="do not fit"):
        load_imagenet_weights(network, tmp_path / "resnet.pth")
