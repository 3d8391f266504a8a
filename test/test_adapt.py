"""A new object: scenes of a user's catalogue, rehearsal of known objects, and weights that list one more."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from rich.console import Console
from training_support import CATALOGUE, write_shards

from hand_object_pose.cli.main import main
from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS, load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.weights_file import load_network_tensors, load_weights_info, save_weights_file
from hand_object_pose.evaluation.baseline import Baseline
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.network.config import preset_config
from hand_object_pose.objects.catalogue import ObjectCatalogue
from hand_object_pose_training import adapt as adapt_module
from hand_object_pose_training.adapt import adapt
from hand_object_pose_training.adapt_config import AdaptConfig
from hand_object_pose_training.adapt_scenes import AdaptScenes
from hand_object_pose_training.adapt_table import COLUMNS, ErrorsByObject, changes, table
from hand_object_pose_training.datasets.training_data import TrainingData, open_samples, remember
from hand_object_pose_training.render import RenderConfig, render_shards
from hand_object_pose_training.run_state import LAST, load_state
from hand_object_pose_training.shards import ShardedSamples
from hand_object_pose_training.train_config import TrainConfig
from hand_object_pose_training.trainer import Trainer
from hand_object_pose_training.training_batches import TrainingBatches

SILENT = Console(quiet=True)


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    directory = tmp_path_factory.mktemp("objects")
    trimesh.creation.box(extents=[0.05, 0.05, 0.16]).export(directory / "bar.stl")
    return directory


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("known"), 4, seed=1, objects=2)


@pytest.fixture(scope="module")
def config(objects, known, tmp_path_factory):
    return AdaptConfig(
        "bar",
        objects,
        tmp_path_factory.mktemp("adapted"),
        known_shards=known,
        known_held_out=known,
        steps=2,
        scenes=4,
        held_out_scenes=2,
        grasps=3,
        batch_size=2,
        device="cpu",
        render_workers=1,
    )


@pytest.fixture(scope="module")
def adapted(config):
    return adapt(config, SILENT)


def test_adapted_weights_list_the_new_object_beside_the_known_ones(config, adapted, objects):
    before, after = load_weights_info(DEFAULT_WEIGHTS), load_weights_info(config.adapted)
    assert set(after.objects) == {*before.objects, "bar"}
    assert {name: after.objects[name].hash for name in before.objects} == {
        name: model.hash for name, model in before.objects.items()
    }
    assert after.objects["bar"].hash == ObjectCatalogue.from_directory(objects)["bar"].hash
    assert after.provenance["steps"] == "2 of 2"
    assert after.provenance["held_out_samples"] == "6"
    assert before.hash[:12] in after.provenance["lineage"]
    assert adapted.after.weights == after.hash


def test_the_estimator_takes_the_exported_network_and_the_new_object(config, adapted):
    backend = load_backend(config.adapted, "onnx", "cpu", threads=1)
    assert backend.weights.hash == adapted.after.weights
    Estimator(backend, EstimatorConfig(object_id="bar"))
    with pytest.raises(UnknownObjectError):
        Estimator(load_backend(DEFAULT_WEIGHTS, "onnx", "cpu", threads=1), EstimatorConfig(object_id="bar"))


def test_the_hand_stays_and_the_object_is_learned(config, adapted):
    (_, before), (_, after) = load_network_tensors(DEFAULT_WEIGHTS), load_network_tensors(config.adapted)
    changed = {name.split(".")[0] for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"object_encoder", "object_mesh", "global_fusion", "refinement"}
    statistics = [name for name in before if "running" in name]
    assert statistics
    assert all(np.array_equal(before[name], after[name]) for name in statistics)


def test_errors_are_of_each_object_before_and_after(adapted):
    assert adapted.before.scenes == adapted.after.scenes == {"banana": 2, "bar": 2, "bottle": 2}
    assert adapted.before.weights == load_weights_info(DEFAULT_WEIGHTS).hash
    assert adapted.before.means["bar"] != adapted.after.means["bar"]
    for errors in (adapted.before, adapted.after):
        assert list(errors.means["bar"].values()) == pytest.approx(
            [np.mean(errors.each["bar"].get(name, value)) for name, value in errors.means["bar"].items()]
        )


def test_the_same_command_goes_on_and_makes_nothing_again(config, adapted, monkeypatch):
    monkeypatch.setattr("hand_object_pose_training.adapt_scenes.make_grasps", pytest.fail)
    monkeypatch.setattr("hand_object_pose_training.trainer.Trainer._train_step", pytest.fail)
    again = adapt(config, SILENT)
    assert again.after == adapted.after
    assert again.before == adapted.before


def test_weights_are_moved_back_and_written_again_for_another_share(config, adapted, tmp_path, monkeypatch):
    """Each weight lies where the share says between the given and the trained one, without more training."""
    monkeypatch.setattr("hand_object_pose_training.export.export_onnx", lambda weights: None)
    shutil.copytree(config.out, tmp_path / "copy")
    quarter = replace(config, out=tmp_path / "copy", keep=0.25)
    again = adapt(quarter, SILENT)
    trained = load_state(config.run / LAST).network
    (_, begun), (_, written) = load_network_tensors(DEFAULT_WEIGHTS), load_network_tensors(quarter.adapted)
    assert any(not np.array_equal(trained[name], begun[name]) for name in written)
    for name, value in written.items():
        np.testing.assert_allclose(value, 0.25 * begun[name] + 0.75 * trained[name].numpy(), rtol=1e-6, atol=1e-8)
    assert again.after.weights == load_weights_info(quarter.adapted).hash != adapted.after.weights
    assert again.after.means["bar"] != adapted.after.means["bar"]
    with pytest.raises(UserError, match=r"--keep 1\.5: expected 0"):
        adapt(replace(quarter, keep=1.5), SILENT)


def test_errors_are_measured_anew_where_the_held_out_scenes_are_others(config, adapted, tmp_path, monkeypatch):
    monkeypatch.setattr("hand_object_pose_training.export.export_onnx", lambda weights: None)
    monkeypatch.setattr("hand_object_pose_training.trainer.Trainer._train_step", pytest.fail)
    copy = replace(config, out=shutil.copytree(config.out, tmp_path / "copy"))
    others = write_shards(tmp_path / "others", 4, seed=2, objects=2)
    again = adapt(replace(copy, known_held_out=others), SILENT)
    assert again.before.scenes == again.after.scenes == adapted.before.scenes
    for found, earlier in ((again.before, adapted.before), (again.after, adapted.after)):
        assert found.means["bar"] == pytest.approx(earlier.means["bar"])
        assert all(found.means[name] != earlier.means[name] for name in ("banana", "bottle"))
    shutil.copytree(others, tmp_path / "moved")
    monkeypatch.setattr(adapt_module, "_errors", pytest.fail)
    assert adapt(replace(copy, known_held_out=tmp_path / "moved"), SILENT).before == again.before


def test_errors_of_an_earlier_version_are_measured_anew(config, adapted, tmp_path):
    copy = replace(config, out=shutil.copytree(config.out, tmp_path / "copy"))
    path = copy.out / "before.json"
    said = json.loads(path.read_text())
    del said["held_out"]
    said["means"]["bar"]["hand.mje_cm"] = -1.0
    path.write_text(json.dumps(said))
    again = adapt(copy, SILENT)
    assert again.before.means["bar"] == pytest.approx(adapted.before.means["bar"])
    assert ErrorsByObject.load(path) == again.before


def test_a_directory_of_other_weights_is_refused_before_anything_is_rendered(config, adapted, tmp_path, monkeypatch):
    monkeypatch.setattr(adapt_module, "prepare_scenes", pytest.fail)
    other = tmp_path / "other.safetensors"
    _, tensors = load_network_tensors(DEFAULT_WEIGHTS)
    save_weights_file(other, tensors, preset_config("compact"), default_hand(), CATALOGUE, {"data": "another"})
    with pytest.raises(UserError, match=r"before.json: of other weights .* choose another --out"):
        adapt(replace(config, weights=other), SILENT)


def test_the_training_has_the_shares_asked_for_and_the_time_that_preparing_leaves(config, tmp_path, monkeypatch):
    """Of 45 minutes 10 go to rendering and 2 to measuring, which is repeated in the end, with 20 s of export."""
    clock, trained = [0.0], []

    def takes(seconds, result):
        def work(*arguments):
            clock[0] += seconds
            return result

        return work

    class Watched:
        def __init__(self, settings, *arguments):
            trained.append(settings)
            raise KeyboardInterrupt

    scenes = AdaptScenes(*(tmp_path / name for name in ("new", "new_held_out", "known", "known_held_out")))
    monkeypatch.setattr(adapt_module.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(adapt_module, "prepare_scenes", takes(600, scenes))
    monkeypatch.setattr(adapt_module, "_before", takes(120, None))
    monkeypatch.setattr(adapt_module, "Trainer", Watched)
    for budget in (45.0, 10.0):
        with pytest.raises(KeyboardInterrupt):
            adapt(replace(config, steps=None, budget_minutes=budget, new_share=0.25, out=tmp_path), SILENT)
        clock[0] = 0.0
    assert [each.budget_minutes for each in trained] == pytest.approx([45 - 14 - 1 / 3, 10 / 5])
    assert trained[0].rehearsal_share == 0.75
    assert (trained[0].shards, trained[0].rehearse) == (scenes.new, scenes.known)


def test_the_baseline_knows_the_new_object(config, adapted):
    assert set(Baseline.load(config.baseline).object_poses) == {"banana", "bar", "bottle"}


def test_what_cannot_be_adapted_is_refused_in_words(config, objects, tmp_path):
    new = replace(config, out=tmp_path / "out")
    with pytest.raises(UnknownObjectError, match=r"'spoon'.*bar"):
        adapt(replace(new, object_name="spoon"), SILENT)
    trimesh.creation.box(extents=[0.05, 0.05, 0.1]).export(tmp_path / "can.stl")
    with pytest.raises(UserError, match=r"know 'can' already, but another mesh"):
        adapt(replace(new, object_name="can", objects=tmp_path), SILENT)
    paper = tmp_path / "paper.safetensors"
    save_weights_file(paper, {}, preset_config("paper"), default_hand(), CATALOGUE, {})
    with pytest.raises(UserError, match="preset 'paper' has one row of weights for each vertex number"):
        adapt(replace(new, weights=paper), SILENT)
    others = tmp_path / "others.safetensors"
    bar = ObjectCatalogue.from_directory(objects)
    save_weights_file(
        others, {}, preset_config("compact"), default_hand(), {"rod": replace(bar["bar"], name="rod")}, {}
    )
    with pytest.raises(UserError, match="know rod, of which there is nothing here to render"):
        adapt(replace(new, weights=others, known_shards=None), SILENT)
    assert not (tmp_path / "out").exists()


# A catalogue from the command line


def test_rendered_scenes_show_the_objects_of_the_catalogue_and_bind_their_meshes(config, adapted, objects, tmp_path):
    samples = ShardedSamples(config.out / "new")
    assert {sample.object_name for sample in samples} == {"bar"}
    assert all((sample.labels == 1).any() for sample in samples)
    data = TrainingData.of(config.out / "new", objects)
    assert set(data.catalogue) == {"bar"}
    with pytest.raises(UserError, match=r"shows bar, expected only banana.*--objects"):
        open_samples(config.out / "new", 128, default_hand(), CATALOGUE)
    other = tmp_path / "bar.stl"
    trimesh.creation.box(extents=[0.05, 0.05, 0.17]).export(other)
    with pytest.raises(UserError, match="other meshes of bar"):
        open_samples(config.out / "new", 128, default_hand(), dict(ObjectCatalogue.from_directory(tmp_path)))
    remember(tmp_path / "run", config.out / "new", objects)
    assert set(TrainingData.of_run(tmp_path / "run").catalogue) == {"bar"}


def test_scenes_without_grasps_are_refused_before_anything_is_rendered(objects, tmp_path):
    with pytest.raises(UnknownObjectError, match="'bar'"):
        render_shards(RenderConfig(out=tmp_path / "shards", samples=2, objects=objects))
    assert not (tmp_path / "shards").exists()


def test_a_bag_of_an_object_that_the_catalogue_lacks_is_refused_with_its_objects(objects, tmp_path, capsys):
    command = ["synthesize-bag", "--out", str(tmp_path / "bag"), "--objects", str(objects), "--object", "mug"]
    assert main(command) == 2
    assert "bar" in capsys.readouterr().err


def test_batches_hold_the_new_and_the_rehearsed_samples_in_their_shares(config, adapted, objects):
    catalogue = {**CATALOGUE, **ObjectCatalogue.from_directory(objects)}
    training = TrainConfig(
        config.out / "new",
        config.out / "new_held_out",
        config.out / "unused",
        steps=1,
        batch_size=4,
        workers=0,
        rehearse=config.known_shards,
        rehearsal_share=0.25,
    )
    batches = TrainingBatches(training, default_hand(), catalogue, 128, 0, 1)
    assert batches.steps_an_epoch == 1
    batch = next(iter(batches.loader(0)))
    names = [sorted(catalogue)[int(number)] for number in batch.object_indices]
    assert names.count("bar") == 3
    assert set(names) - {"bar"} <= {"banana", "bottle"}
    with pytest.raises(UserError, match="--rehearsal-share"):
        Trainer(replace(training, rehearsal_share=1.0), default_hand(), catalogue)


def test_the_table_weighs_objects_by_their_scenes():
    def errors(*values):
        means = {name: dict.fromkeys(COLUMNS, value) for name, value in zip(("a", "b", "new"), values, strict=True)}
        return ErrorsByObject("", {"a": 1, "b": 3, "new": 2}, means, {})

    lines = table("new", errors(1.0, 2.0, 9.0), errors(2.0, 2.0, 3.0)).splitlines()
    assert lines[2].startswith("| **new**, new | 2 | 9.0 → 3.0 |")
    assert lines[3].startswith("| known objects | 4 | 1.8 → 2.0 |")


def test_changes_are_of_the_same_scenes_and_have_the_interval_of_a_mean():
    """Scenes differ by far more than what adapting changes; the interval is that of the change, 1.96 s / sqrt(N)."""
    rng = np.random.default_rng(0)
    scenes = {"a": 100, "b": 300, "new": 10}
    hard = {name: rng.normal(0, 100, count) for name, count in scenes.items()}
    change = {"a": rng.normal(2.0, 1.0, 100), "b": rng.normal(2.0, 1.0, 300), "new": np.full(10, -3.0)}

    def errors(values):
        return ErrorsByObject("", scenes, {}, {name: dict.fromkeys(COLUMNS, each) for name, each in values.items()})

    before, after = errors(hard), errors({name: hard[name] + change[name] for name in hard})
    lines = changes("new", before, after).splitlines()
    assert lines[2].startswith("| **new**, new | -3.00 (-3.00 to -3.00) |")
    mean, low, high = map(float, re.findall(r"[+-][\d.]+", lines[3])[:3])
    known = np.concatenate([change["a"], change["b"]])
    half = 1.96 * known.std(ddof=1) / 20
    assert (mean, low, high) == pytest.approx((known.mean(), known.mean() - half, known.mean() + half), abs=0.02)
    with pytest.raises(UserError, match=r"before\.json"):
        changes("new", before, replace(after, scenes={**scenes, "a": 99}))
