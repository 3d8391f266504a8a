"""Lengths in epochs, the best state, the paper's recipes, and mixed batches in the trainer."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
import tyro
from training_support import CATALOGUE, losses_of

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.synthetic.grasp_library import GraspLibrary, shipped_grasps
from hand_object_pose_training.export import ExportConfig, export
from hand_object_pose_training.main import Command
from hand_object_pose_training.mixture import MixtureShares
from hand_object_pose_training.resumption import check_resumable, compared_settings
from hand_object_pose_training.run_state import RunState, load_state, save_state
from hand_object_pose_training.synthetic_crops import RENDERED_AUGMENTATION
from hand_object_pose_training.trainer import Trainer
from hand_object_pose_training.training_batches import TrainingBatches

LATER = {"hand_steps": 3, "freeze_batch_norm": True, "machines": 2, "mixture": MixtureShares()}
PATHS = ["--shards", "a", "--validation-shards", "b", "--out", "c"]


@pytest.mark.parametrize("dataset", ["ho3d", "dexycb"])
def test_the_papers_recipe_is_what_section_4_says(dataset):
    found = tyro.cli(Command, args=[f"train-paper-{dataset}", *PATHS])
    assert (found.preset, found.batch_size, found.epochs, found.steps) == ("paper", 24, 25, None)
    found.check()
    rates = [found.schedule.at(epoch * 2751, 25 * 2751) for epoch in range(25)]
    assert rates == pytest.approx([1e-4] * 10 + [1e-5] * 10 + [1e-6] * 5)
    weights = found.weights
    assert (weights.mesh, weights.edge, weights.normal, weights.joint) == (1, 1, 1, 1)
    assert (weights.rotation, weights.translation, weights.silhouette, weights.finger) == (10, 10, 100, 100)
    assert (weights.wrist, weights.depth) == (0, 0)
    assert found.mixture.values == ((0.45, 0.45, 0.1) if dataset == "ho3d" else (1, 0, 0))
    other = tyro.cli(Command, args=[f"train-paper-{dataset}", *PATHS, "--batch-size", "12", "--weights.finger", "0"])
    assert (other.batch_size, other.weights.finger, other.epochs) == (12, 0, 25)


def test_epochs_are_counted_in_stored_samples(config):
    """12 samples: 6 steps of 2, or 2 steps of 5 (two left over); 4 of 6 in half of which they are."""
    steps = []
    for batch_size, mixture in ((2, (1.0, 0.0, 0.0)), (5, (1.0, 0.0, 0.0)), (6, (0.5, 0.5, 0.0))):
        changed = replace(config, batch_size=batch_size, mixture=MixtureShares(*mixture))
        steps.append(TrainingBatches(changed, default_hand(), CATALOGUE, 128, 0, 1).steps_an_epoch)
    assert steps == [6, 2, 4]
    assert TrainingBatches(config, default_hand(), CATALOGUE, 128, 0, 2).steps_an_epoch == 3
    with pytest.raises(UserError, match="--epochs"):
        replace(config, epochs=2).check()
    with pytest.raises(UserError, match=r"--mixture\.real"):
        replace(config, steps=None, epochs=2, mixture=MixtureShares(0.0, 1.0, 0.0)).check()


def test_a_library_without_the_trainings_objects_is_refused_with_the_command_that_makes_one(config, tmp_path):
    whole, left = shipped_grasps(), [model for name, model in CATALOGUE.items() if name != "mug"]
    hashes = {model.name: model.hash for model in left}
    partial = GraspLibrary({model.name: whole.of(model) for model in left}, hashes, default_hand().hash, "partial")
    partial.save(tmp_path / "grasps.npz")
    mixed = replace(config, mixture=MixtureShares(0.5, 0.25, 0.25), grasps=tmp_path / "grasps.npz")
    with pytest.raises(UserError, match=r"'mug' is not known .*hand-object-train grasps --objects .*--grasps"):
        TrainingBatches(mixed, default_hand(), CATALOGUE, 128, 0, 1)


def test_the_best_state_is_kept_after_each_epoch(config, monkeypatch):
    errors = iter([3.0, 2.0, 2.5])
    monkeypatch.setattr("hand_object_pose_training.trainer.validate", lambda *arguments: {"hand.mje_cm": next(errors)})
    settings = replace(config, steps=None, epochs=2, batch_size=6, hand_steps=100)
    Trainer(replace(settings, epochs=3), default_hand(), CATALOGUE).run()
    assert next(errors, None) is None
    last, best = load_state(config.out / "state.pt"), load_state(config.out / "best.pt")
    assert (last.step, best.step, last.best, best.best) == (6, 4, 2.0, 2.0)
    assert any(not torch.equal(last.network[name], value) for name, value in best.network.items())
    monkeypatch.setattr("hand_object_pose_training.export.validate", lambda *arguments: {"hand.mje_cm": 2.0})
    monkeypatch.setattr("hand_object_pose_training.export.export_onnx", lambda path: None)
    for name, steps in (("best", "4 of 6"), ("last", "6 of 6")):
        settings_of_export = ExportConfig(config.out, config.shards, config.out / f"{name}.safetensors", state=name)
        assert export(settings_of_export, default_hand(), CATALOGUE)["steps"] == steps
    with pytest.raises(UserError, match="6 steps long, not 4"):
        Trainer(settings, default_hand(), CATALOGUE)
    resumed = Trainer(replace(settings, epochs=3), default_hand(), CATALOGUE)
    assert (resumed.step, resumed.best) == (6, 2.0)


def test_killed_between_best_and_last_state_a_run_has_a_best_one_in_the_end(config, monkeypatch):
    """The error of the interrupted validation must not count where its state was not kept."""
    errors = iter([2.0, 2.0, 3.0])
    monkeypatch.setattr("hand_object_pose_training.trainer.validate", lambda *arguments: {"hand.mje_cm": next(errors)})
    monkeypatch.setattr("hand_object_pose_training.trainer.drawn_samples", lambda *arguments: np.zeros((1, 1, 3)))
    settings = replace(config, steps=None, epochs=2, batch_size=6, hand_steps=100)
    written = []

    def killed_after_one(path, state):
        if written:
            raise KeyboardInterrupt
        written.append(path)
        save_state(path, state)

    with monkeypatch.context() as patched:
        patched.setattr("hand_object_pose_training.trainer.save_state", killed_after_one)
        with pytest.raises(KeyboardInterrupt):
            Trainer(settings, default_hand(), CATALOGUE).run()
    Trainer(settings, default_hand(), CATALOGUE).run()
    assert (load_state(config.out / "best.pt").step, load_state(config.out / "state.pt").best) == (2, 2.0)


def test_rendered_parts_of_a_mixture_get_the_given_backgrounds_and_the_papers_changes(config, tmp_path):
    cv2.imwrite(str(tmp_path / "magenta.png"), np.full((480, 480, 3), (255, 0, 255), np.uint8))
    mixed = replace(config, mixture=MixtureShares(0.4, 0.3, 0.3), backgrounds=tmp_path)
    stored, *rendered = TrainingBatches(mixed, default_hand(), CATALOGUE, 128, 0, 1).dataset.parts
    assert stored.augmentation == config.augmentation
    for part in rendered:
        assert part.augmentation == RENDERED_AUGMENTATION
        red, green, blue = np.asarray(part[0, 0].images)
        assert np.mean((red > 1.5 * green) & (blue > 1.5 * green)) > 0.3
    red, green, blue = np.asarray(stored[0, 0].images)
    assert np.mean((red > 1.5 * green) & (blue > 1.5 * green)) < 0.3


def test_a_run_begun_before_a_setting_existed_goes_on_without_it(config):
    path = config.out / "state.pt"
    Trainer(config, default_hand(), CATALOGUE).save()
    state = load_state(path)
    state.settings = {name: value for name, value in state.settings.items() if name not in LATER}
    save_state(path, state)
    steps = Trainer(config, default_hand(), CATALOGUE).total_steps
    assert steps == 4
    for name, changed in LATER.items():
        with pytest.raises(UserError, match=rf"other settings \({name}\)"):
            check_resumable(path, state, compared_settings(replace(config, **{name: changed}), 12, {}), 4)


def test_a_state_with_later_settings_is_not_gone_on_with_without_them(config):
    state = RunState(0, 4, 0.0, {}, {}, compared_settings(replace(config, **LATER), 12, {}))
    with pytest.raises(UserError, match="freeze_batch_norm, hand_steps, machines, mixture"):
        check_resumable(config.out, state, compared_settings(config, 12, {}), 4)


def test_a_mixed_run_resumes_bit_for_bit(config, tmp_path):
    mixed = replace(config, batch_size=4, hand_steps=100, mixture=MixtureShares(0.5, 0.25, 0.25))
    first = Trainer(replace(mixed, out=tmp_path / "whole"), default_hand(), CATALOGUE)
    assert [key[0] for key in sorted(next(iter(first.batches.sampler(0))))] == [0, 0, 1, 2]
    uninterrupted = losses_of(first, 2)
    begun = Trainer(mixed, default_hand(), CATALOGUE)
    losses = losses_of(begun, 1)
    begun.save()
    losses += losses_of(Trainer(mixed, default_hand(), CATALOGUE), 1)
    assert losses == uninterrupted
    assert np.isfinite(losses).all()
    assert len(set(losses)) == 2


def test_frozen_statistics_stay_and_are_used(config):
    trainer = Trainer(replace(config, freeze_batch_norm=True, hand_steps=100), default_hand(), CATALOGUE)
    norm = next(
        module
        for module in trainer.supervised.network.hand_encoder.modules()
        if isinstance(module, torch.nn.BatchNorm2d)
    )
    before = norm.running_mean.clone()
    losses_of(trainer, 1)
    assert torch.equal(norm.running_mean, before)
    assert not norm.training
    assert trainer.supervised.training
    thawed = Trainer(replace(config, out=config.out / "other", hand_steps=100), default_hand(), CATALOGUE)
    norm = next(
        module
        for module in thawed.supervised.network.hand_encoder.modules()
        if isinstance(module, torch.nn.BatchNorm2d)
    )
    losses_of(thawed, 1)
    assert not torch.equal(norm.running_mean, before)


def test_waiting_for_data_is_measured():
    from hand_object_pose_training.run_log import Throughput

    throughput = Throughput(samples_a_step=24)
    throughput.add(seconds=2.0, waited=0.5)
    throughput.add(seconds=4.0, waited=1.0)
    assert throughput.scalars() == {"samples_per_second": 8.0, "data_wait_fraction": 0.25}
    assert str(throughput) == "8.0 samples/s, 25% of the time waiting for data"
    throughput.restart()
    throughput.add(seconds=1.0, waited=0.0)
    assert throughput.scalars() == {"samples_per_second": 24.0, "data_wait_fraction": 0.0}
