"""The ablation: which runs are trained, what is measured, and what the table claims."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console
from scipy.spatial.transform import Rotation
from training_support import CATALOGUE, losses_of, random_scene

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.network.checkpoint import load_network
from hand_object_pose.network.config import VARIANTS
from hand_object_pose_training import ablation
from hand_object_pose_training.ablation import AblateConfig, ablate
from hand_object_pose_training.ablation_results import COLUMNS, AblationResult
from hand_object_pose_training.ablation_table import AblationTable
from hand_object_pose_training.rough_object import kabsch_pose, object_mesh_error, rough_object_errors
from hand_object_pose_training.trainer import Trainer


def result(variant: str, seed: int, mje: float) -> AblationResult:
    errors = {**dict.fromkeys(COLUMNS, 1.0), "hand.mje_cm": mje}
    settings = {"preset": "compact", "steps": "10", "batch_size": "4"}
    return AblationResult(variant, seed, settings, "cpu", 1234, 60.0, 12, errors)


def verdicts(**values: list[float]) -> dict[tuple[str, str], str]:
    results = [result(name, seed, mje) for name, errors in values.items() for seed, mje in enumerate(errors)]
    compared = AblationTable(results).comparisons()
    return {(each.variant, each.reference): each.verdict for each in compared if each.metric == "hand.mje_cm"}


# The table


def test_differences_within_the_spread_over_seeds_are_called_none() -> None:
    found = verdicts(
        without_gcn=[3.0, 3.1],
        without_attention=[2.1, 2.2],
        all_edge=[1.0, 2.6],
        hand_to_object=[1.5, 1.6],
        mutual=[2, 2.2],
    )
    assert found == {
        ("without_gcn", "mutual"): "higher",
        ("without_attention", "mutual"): "no difference",
        ("all_edge", "mutual"): "no difference",
        ("hand_to_object", "mutual"): "lower",
        ("without_gcn", "without_attention"): "higher",
        ("all_edge", "without_attention"): "no difference",
    }


def test_one_seed_supports_no_claim() -> None:
    assert verdicts(without_attention=[9.0], mutual=[2.0, 2.1]) == {("without_attention", "mutual"): "no claim"}
    page = AblationTable([result("without_attention", 0, 9.0), result("mutual", 0, 2.0)]).markdown()
    assert "* `without_attention` beside `mutual`: no claim" in page


def test_the_page_says_means_ranges_and_differences() -> None:
    values = {"hand_to_object": [1.5, 1.7], "mutual": [2.0, 2.2]}
    page = AblationTable(
        [result(name, seed, mje) for name in values for seed, mje in enumerate(values[name])]
    ).markdown()
    (row,) = (line for line in page.splitlines() if line.startswith("| mutual"))
    assert row.startswith("| mutual | mutual attention | 2 | 1,234 | 1 | 2.10 (2.00 to 2.20) |")
    assert "| hand_to_object | w/o object-to-hand |" in page
    sentence = (
        "`hand_to_object` beside `mutual`: hand MJE (cm) lower by 0.500 (spread 0.200); no difference in hand MME (cm)"
    )
    assert sentence in page


# Errors of a mesh without a pose


def test_a_mesh_has_the_pose_that_moves_the_model_onto_it() -> None:
    rng = np.random.default_rng(1)
    model = CATALOGUE["mug"]
    scene = random_scene(rng, "mug").truth
    pose = pose_matrix(Rotation.random(rng=rng).as_matrix(), rng.normal(size=3))
    np.testing.assert_allclose(kabsch_pose(model.vertices, transform_points(pose, model.vertices)), pose, atol=1e-12)
    # The best rigid motion, not the best similarity, and no reflection.
    deformed = transform_points(pose, 1.3 * (model.vertices + rng.normal(0, 0.002, model.vertices.shape)))
    centred = [points - points.mean(axis=0) for points in (model.vertices, deformed)]
    left, _, right = np.linalg.svd(centred[1].T @ centred[0])
    expected = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    np.testing.assert_allclose(kabsch_pose(model.vertices, deformed)[:3, :3], expected, atol=1e-9)
    shifted = transform_points(scene.object_pose, model.vertices) + np.array([0.01, 0.0, 0.0])
    errors = rough_object_errors(scene, shifted, model)
    assert errors["object.mme_cm"] == pytest.approx(1.0)
    assert errors["object.translation_cm"] == pytest.approx(1.0)
    assert errors["object.rotation_deg"] == pytest.approx(0.0, abs=1e-4)
    assert errors["object.mce_cm"] == pytest.approx(1.0)
    assert 0 < errors["object.add_s_cm"] < 1.0


def test_a_bent_mesh_is_scored_itself_and_not_by_its_pose() -> None:
    model = CATALOGUE["mug"]
    scene = random_scene(np.random.default_rng(1), "mug").truth
    true = transform_points(scene.object_pose, model.vertices)
    errors = rough_object_errors(scene, true.mean(axis=0) + 1.5 * (true - true.mean(axis=0)), model)
    assert errors["object.translation_cm"] == pytest.approx(0.0, abs=1e-3)
    assert min(errors[f"object.{name}_cm"] for name in ("mme", "add_s", "mce")) > 0.5


def test_the_nearest_of_the_poses_that_look_the_same_counts() -> None:
    model = CATALOGUE["can"]
    scene = random_scene(np.random.default_rng(1), "can").truth
    axis = model.symmetries.axes[0]
    turned = pose_matrix(Rotation.from_rotvec(np.pi / 2 * axis / np.linalg.norm(axis)).as_matrix(), np.zeros(3))
    mesh = transform_points(scene.object_pose @ turned, model.vertices)
    true = transform_points(scene.object_pose, model.vertices)
    assert np.linalg.norm(mesh - true, axis=1).mean() > 0.02
    assert object_mesh_error(scene, mesh, model)["object.mme_cm"] < 0.3


# The command


@pytest.fixture
def tiny(config) -> AblateConfig:
    settings = {
        name: getattr(config, name) for name in ("shards", "validation_shards", "batch_size", "workers", "device")
    }
    return AblateConfig(**settings, out=config.out, steps=2, seeds=2, variants=("without_gcn", "mutual"))


def run(config: AblateConfig, capsys) -> str:
    ablate(config, default_hand(), CATALOGUE, Console(width=300))
    return capsys.readouterr().out


def test_an_interrupted_ablation_goes_on_and_repeats_nothing(tiny, capsys, monkeypatch) -> None:
    trained = []

    class Watched(Trainer):
        def run(self) -> None:
            trained.append((self.config.preset, self.config.seed, self.step))
            if len(trained) == 2:
                losses_of(self, 1)
                self.save()
                raise KeyboardInterrupt
            super().run()

    monkeypatch.setattr(ablation, "Trainer", Watched)
    with pytest.raises(KeyboardInterrupt):
        run(tiny, capsys)
    page = (tiny.out / "ablation.md").read_text()
    assert "| without_gcn | w/out GCN | 1 |" in page
    assert "Not trained: without_attention, all_edge, object_to_hand, hand_to_object, mutual." in page
    run(tiny, capsys)
    assert trained[1:] == [
        ("compact/mutual", 0, 0),
        ("compact/mutual", 0, 1),
        *((f"compact/{name}", 1, 0) for name in tiny.variants),
    ]
    table = json.loads((tiny.out / "ablation.json").read_text())
    assert {name: found["seeds"] for name, found in table["variants"].items()} == {key: [0, 1] for key in tiny.variants}
    assert table["variants"]["without_gcn"]["parameters"] < table["variants"]["mutual"]["parameters"]
    page = (tiny.out / "ablation.md").read_text()
    assert "| without_gcn | w/out GCN | 2 |" in page

    damaged = tiny.out / "mutual" / "seed_1" / "result.json"
    before = damaged.read_text()
    damaged.write_text(before[: len(before) // 2])
    said = run(tiny, capsys)
    assert f"{damaged}: expected a result of an ablation" in said
    assert trained[5:] == [("compact/mutual", 1, 2)]  # Nothing is left to train of it.
    # Measured again: sums may be rounded otherwise.
    assert json.loads(damaged.read_text())["errors"] == pytest.approx(json.loads(before)["errors"], rel=1e-12)
    assert (tiny.out / "ablation.md").read_text() == page

    # Results from before a setting existed count as they were made.
    content = json.loads(before)
    del content["settings"]["machines"]
    damaged.write_text(json.dumps(content))
    run(tiny, capsys)
    assert (tiny.out / "ablation.md").read_text() == page

    with pytest.raises(UserError, match=r"seed_0/result.json: made with other settings \(steps\)"):
        run(replace(tiny, steps=3), capsys)


def test_an_interrupted_run_does_not_go_on_with_other_samples(tiny, tmp_path, capsys, monkeypatch) -> None:
    """Without a single result yet, and as many samples in a directory of the same name."""
    samples = shutil.copytree(tiny.shards, tmp_path / "samples")
    given = replace(tiny, shards=samples, variants=("mutual",), seeds=1)

    class Interrupted(Trainer):
        def run(self) -> None:
            self.save()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ablation, "Trainer", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(given, capsys)
    file = min(samples.iterdir())
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"begun_with\.json: made with other settings \(shards\)"):
        run(given, capsys)


def test_runs_that_would_not_be_alike_are_refused(tiny, tmp_path, capsys) -> None:
    refused = {
        "fewer steps": replace(tiny, steps=None, budget_minutes=1.0),
        "--imagenet-weights": replace(tiny, start_from=tmp_path / "weights.safetensors"),
        "--devices 1 --machines 1, found 2 and 1": replace(tiny, devices=2),
        "--devices 1 --machines 1, found 1 and 2": replace(tiny, machines=2),
        "at least one": replace(tiny, seeds=0),
        "choose one of": replace(tiny, preset="compact/mutual"),
    }
    for words, settings in refused.items():
        with pytest.raises(UserError, match=words):
            run(settings, capsys)
    assert not tiny.out.exists()


def test_all_variants_begin_with_the_first_stage_of_given_weights_and_a_second_of_their_own(config, tmp_path) -> None:
    weights = load_network(DEFAULT_WEIGHTS).state_dict()
    given = replace(config, first_stage_from=DEFAULT_WEIGHTS)
    for variant in VARIANTS:
        preset = f"compact/{variant}"
        begun, fresh = (
            Trainer(replace(run, preset=preset, out=tmp_path / variant / kind), default_hand(), CATALOGUE).supervised
            for kind, run in (("begun", given), ("fresh", config))
        )
        untrained = fresh.network.state_dict()
        first, anew = 0, 0
        for name, value in begun.network.state_dict().items():
            begins_anew = name.startswith(("joint_head", "mask_head", "global_fusion", "refinement"))
            assert torch.equal(value, untrained[name] if begins_anew else weights[name]), f"{variant}: {name}"
            first, anew = first + (not begins_anew), anew + begins_anew
        assert first == sum(not name.startswith(("global_fusion", "refinement")) for name in weights)
        assert anew > 10
    with pytest.raises(UserError, match="expected weights of preset 'paper'"):
        Trainer(replace(given, preset="paper", out=tmp_path / "paper"), default_hand(), CATALOGUE)


def test_results_are_known_by_what_the_samples_are_and_not_by_where_they_lie(tiny, tmp_path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(tiny.shards, moved)
    copied = replace(tiny, shards=moved, validation_shards=moved)
    assert ablation._shared(copied) == ablation._shared(tiny)
    file = min(moved.iterdir())
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    turned = json.dumps(dict(reversed(header.items())), separators=(",", ":")).encode().ljust(length)
    assert (turned != content[8 : 8 + length]) == (len(header) > 1)
    file.write_bytes(content[:8] + turned + content[8 + length :])
    assert ablation._shared(copied) == ablation._shared(tiny)
    content = bytearray(content)
    content[-1] ^= 1
    file.write_bytes(content)
    changed, before = ablation._shared(copied), ablation._shared(tiny)
    assert [name for name in before if changed[name] != before[name]] == ["shards", "validation_shards"]


def test_without_gcn_the_rough_meshes_are_what_is_trained_and_measured(config) -> None:
    trainer = Trainer(replace(config, preset="compact/without_gcn"), default_hand(), CATALOGUE)
    supervised, batch = trainer.supervised.eval(), next(iter(trainer._loader()))
    everything, first = supervised(part="all", **vars(batch)), supervised(part="first_stage", **vars(batch))
    assert {name: value.tolist() for name, value in everything.items()} == {k: v.tolist() for k, v in first.items()}
    crops = ablation.held_out_crops(supervised, config.shards, default_hand(), CATALOGUE)
    errors = ablation.validate(supervised, crops, interaction=True)
    assert set(COLUMNS) <= set(errors)
    roughs = [name for name in errors if name.startswith("rough.")]
    assert len(roughs) == 7
    assert all(errors[name] == errors[name.removeprefix("rough.")] for name in roughs)


def test_every_row_of_the_papers_table_can_be_trained_by_default() -> None:
    assert AblateConfig.variants == VARIANTS
