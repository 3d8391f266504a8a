"""BatchNorm over several GPUs: when networks are converted, and that they stay the same functions; torchrun.

SyncBatchNorm itself runs on GPUs only. Without a process group it is PyTorch's BatchNorm, on any device, so that a
conversion that loses shapes, settings, parameters or statistics is seen here.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from network_support import table
from torch import nn

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.network.config import preset_config
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose_training.devices import fabric_of, with_synchronised_norms
from hand_object_pose_training.train_config import TrainConfig

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")


def network() -> HandObjectNetwork:
    torch.manual_seed(0)
    return HandObjectNetwork(preset_config("compact"), default_hand(), training_heads=True)


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, 128, 128, generator=generator)
    return images, 0.05 * torch.randn(2, 1000, 3, generator=generator), table(1000).expand(2, -1, -1)


def norms(module: nn.Module) -> list[nn.Module]:
    return [each for each in module.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]


@pytest.mark.parametrize(("device", "processes"), [(CUDA, 1), (CPU, 1), (CPU, 4), (torch.device("mps"), 2)])
def test_one_process_and_other_devices_keep_batch_norm(device: torch.device, processes: int) -> None:
    before = network()
    after = with_synchronised_norms(before, device, processes)
    assert after is before
    assert norms(after)
    assert not any(isinstance(norm, nn.SyncBatchNorm) for norm in norms(after))


def test_several_gpus_get_synchronised_norms_everywhere_and_the_same_network() -> None:
    expected, converted = network(), with_synchronised_norms(network(), CUDA, 2)
    assert len(norms(converted)) == len(norms(expected)) > 50
    assert all(type(norm) is nn.SyncBatchNorm for norm in norms(converted))
    state = expected.state_dict()
    assert list(converted.state_dict()) == list(state)
    for mode in (True, False):
        with torch.no_grad():
            predictions = [vars(each.train(mode)(*inputs())) for each in (expected, converted)]
        assert any(value is not None for value in predictions[0].values())
        for name, value in predictions[0].items():
            if value is not None:
                torch.testing.assert_close(predictions[1][name], value, rtol=0, atol=0, msg=f"{name}, training: {mode}")
    for name, value in converted.state_dict().items():
        torch.testing.assert_close(value, expected.state_dict()[name], rtol=0, atol=0)


def test_processes_that_do_not_fit_the_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainConfig(Path("a"), Path("b"), Path("c"), steps=1, device="cpu")
    with pytest.raises(UserError, match="torchrun --nnodes 3 --nproc-per-node 2"):
        fabric_of(replace(config, devices=2, machines=3))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for settings in (config, replace(config, devices=2, machines=2)):
        with pytest.raises(UserError, match=r"torchrun started 2 processes, expected [14] for --devices"):
            fabric_of(settings)


def config_with(**settings: object) -> TrainConfig:
    given: dict = {"shards": Path("a"), "validation_shards": Path("a"), "out": Path("b"), "steps": 1, **settings}
    return TrainConfig(**given)


def test_devices_that_are_not_there_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="--device: expected auto, cpu or cuda, found 'banana'"):
        fabric_of(config_with(device="banana"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="PyTorch finds no GPU here"):
        fabric_of(config_with(device="cuda"))


@pytest.mark.parametrize("name", ["steps", "batch_size", "devices", "save_every", "validate_every"])
def test_numbers_that_are_too_small_are_refused_by_the_options_name(name: str) -> None:
    config_with(**{name: 1}).check()
    with pytest.raises(UserError, match=f"--{name.replace('_', '-')}: expected at least 1, found 0"):
        config_with(**{name: 0}).check()
