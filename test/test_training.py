"""The training loop: exact resumption, the objective's ground truth, consistent augmentation."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial.transform import Rotation
from training_support import CATALOGUE, SIZE, batch_of, losses_of, perfect_prediction, random_scene

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.lift import Lift
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose_training.augmentation import NO_AUGMENTATION, AugmentationConfig
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.render import RenderConfig, _render_one, render_shards
from hand_object_pose_training.run_state import load_state
from hand_object_pose_training.samples import CropDataset, collate
from hand_object_pose_training.schedule import ScheduleConfig
from hand_object_pose_training.shards import ShardedSamples
from hand_object_pose_training.synthetic_crops import stored_sample
from hand_object_pose_training.trainer import Trainer


def test_a_resumed_run_repeats_the_uninterrupted_one_bit_for_bit(config, tmp_path):
    uninterrupted = losses_of(Trainer(replace(config, out=tmp_path / "whole"), default_hand(), CATALOGUE), 4)
    first = Trainer(config, default_hand(), CATALOGUE)
    losses = losses_of(first, 2)
    first.save()
    losses += losses_of(Trainer(config, default_hand(), CATALOGUE), 2)
    assert losses == uninterrupted
    assert len(set(losses)) == 4


def test_other_settings_and_damaged_states_are_refused_in_words(config):
    trainer = Trainer(config, default_hand(), CATALOGUE)
    trainer.save()
    with pytest.raises(UserError, match="batch_size"):
        Trainer(replace(config, batch_size=3), default_hand(), CATALOGUE)
    with pytest.raises(UserError, match="4 steps long, not 5"):
        Trainer(replace(config, steps=5), default_hand(), CATALOGUE)
    with pytest.raises(UserError, match=r"nowhere\.pt: no such file; expected the state of a training run"):
        load_state(config.out / "nowhere.pt")
    trainer.state_path.write_bytes(trainer.state_path.read_bytes()[:1000])
    with pytest.raises(UserError, match="state"):
        Trainer(config, default_hand(), CATALOGUE)


def test_a_run_needs_exactly_one_length(config):
    with pytest.raises(UserError, match="--steps"):
        Trainer(replace(config, budget_minutes=1.0), default_hand(), CATALOGUE)


def test_a_budget_gives_all_processes_the_length_that_the_first_one_measured(config, monkeypatch):
    trainer = Trainer(replace(config, steps=None, budget_minutes=1.0), default_hand(), CATALOGUE)
    monkeypatch.setattr(trainer, "MEASURED_STEPS", 2)
    measured = []
    monkeypatch.setattr(trainer.fabric, "broadcast", lambda steps: measured.append(steps) or 7)
    losses_of(trainer, 2)
    assert trainer.total_steps == 7
    (own,) = measured
    assert own == max(2, int(60 * 2 / trainer.seconds))


def test_a_run_begins_with_one_kind_of_weights(config, tmp_path):
    both = replace(config, start_from=tmp_path / "a.safetensors", imagenet_weights=tmp_path / "b.pth")
    with pytest.raises(UserError, match="one of --imagenet-weights, --start-from and --first-stage-from"):
        Trainer(both, default_hand(), CATALOGUE)


@pytest.mark.parametrize("augmentation", [NO_AUGMENTATION, AugmentationConfig()], ids=["plain", "augmented"])
def test_a_perfect_prediction_costs_nothing_whichever_equivalent_pose_it_takes(shards, augmentation):
    from hand_object_pose.network.config import preset_config

    geometry = preset_config("compact").lixels
    objective = Objective(geometry, default_hand(), CATALOGUE)
    batch, _ = batch_of(shards, augmentation)
    terms = objective(perfect_prediction(objective, batch, geometry), batch)
    for name in ("mesh", "edge", "normal", "rotation", "translation"):
        assert terms[name].max().item() < 5e-3, name
    # Tips of the joints are vertices, inner joints a regression that posing changes slightly.
    assert terms["joint"].max().item() < 0.3
    assert terms["wrist"].max().item() < 0.3
    assert terms["depth"].max().item() < 5e-3


def test_the_hands_branch_alone_costs_what_it_costs_in_the_first_stage(config):
    trainer = Trainer(config, default_hand(), CATALOGUE)
    supervised, batch = trainer.supervised.eval(), next(iter(trainer._loader()))
    alone, both = supervised(part="hand", **vars(batch)), supervised(part="first_stage", **vars(batch))

    assert set(both) - set(alone) == {"silhouette"}
    for name in ("depth", "joint", "wrist"):
        assert torch.equal(alone[name], both[name]), name
    for name in ("mesh", "edge", "normal"):
        assert (alone[name] < both[name]).all(), name


def test_the_depth_term_sees_z_alone(config):
    trainer = Trainer(config, default_hand(), CATALOGUE)
    objective, batch = trainer.supervised.objective, next(iter(trainer._loader()))
    perfect = perfect_prediction(objective, batch, objective.geometry)
    for axis, expected in ((0, 0.0), (1, 0.0), (2, 2 * 1.5)):  # the rough and the refined mesh
        moved = torch.eye(3)[axis] * 1.5
        wrong = replace(perfect, rough_hand=perfect.rough_hand + moved, refined_hand=perfect.refined_hand - moved)
        assert objective(wrong, batch)["depth"].tolist() == pytest.approx([expected] * 2, abs=1e-3)


SHIFT = torch.tensor([1.5, 0.0, -0.6])  # lixels; 0.7 on average over the coordinates
MESHES = ("rough_hand", "refined_hand", "rough_object")


def test_each_mesh_and_the_joint_head_count_once_in_lixels(config):
    """Equations 18 and 22: a shift costs its mean, whichever prediction is shifted."""
    trainer = Trainer(config, default_hand(), CATALOGUE)
    objective, batch = trainer.supervised.objective, next(iter(trainer._loader()))
    perfect = perfect_prediction(objective, batch, objective.geometry)
    before = objective(perfect, batch)
    for name in (*MESHES, "joints"):
        wrong = replace(perfect, **{name: getattr(perfect, name) + SHIFT})
        terms = objective(wrong, batch)
        added = {key: (terms[key] - before[key]).tolist() for key in ("mesh", "joint")}
        assert added["mesh"] == pytest.approx([0.7 * (name in MESHES)] * 2, abs=2e-3), name
        if name == "joints":
            assert added["joint"] == pytest.approx([0.7] * 2, abs=2e-3)
        if name in MESHES[:2]:
            assert min(added["joint"]) > 0.3, name


def test_the_wrist_term_sees_the_wrist_alone(config):
    """Equation 22's distance of one joint: vertices that it is not regressed from do not count, a shift of all does."""
    trainer = Trainer(config, default_hand(), CATALOGUE)
    objective, batch = trainer.supervised.objective, next(iter(trainer._loader()))
    perfect = perfect_prediction(objective, batch, objective.geometry)
    before = objective(perfect, batch)
    everything = torch.ones(778, dtype=torch.bool)
    elsewhere = objective.regressor[0] == 0
    assert 0 < elsewhere.sum() < 778
    for name in MESHES[:2]:
        for moved, expected, tolerance in ((elsewhere, 0.0, 1e-4), (everything, 0.5, 0.15)):
            shift = moved[:, None] * torch.tensor([1.5, 0.0, 0.0])
            terms = objective(replace(perfect, **{name: getattr(perfect, name) + shift}), batch)
            added = {key: (terms[key] - before[key]).tolist() for key in ("wrist", "joint")}
            assert added["wrist"] == pytest.approx([expected] * 2, abs=tolerance), name
            assert min(added["joint"]) > 0.2, name


def test_the_edges_are_the_objects_own_and_equally_weighed():
    """Equations 19, 20: a mesh grown by a tenth has edges longer by a tenth (trimesh's), and none leaves its plane."""
    from hand_object_pose.network.config import preset_config

    geometry = preset_config("compact").lixels
    objective = Objective(geometry, default_hand(), CATALOGUE)
    rng, names = np.random.default_rng(4), sorted(CATALOGUE)
    samples = [stored_sample(random_scene(rng, name)) for name in names]
    dataset = CropDataset(samples, CATALOGUE, 128, NO_AUGMENTATION)
    batch = collate([dataset[0, index] for index in range(len(names))])
    perfect = perfect_prediction(objective, batch, geometry)
    lift = Lift(batch.camera_matrices, batch.wrists[:, 2], geometry)
    points = lift.points(perfect.rough_object)
    middle = points.mean(dim=1, keepdim=True)
    terms = objective(replace(perfect, rough_object=lift.lixels(middle + 1.1 * (points - middle))), batch)
    lengths = [trimesh.Trimesh(CATALOGUE[name].vertices, CATALOGUE[name].faces, process=False) for name in names]
    expected = [100 * mesh.edges_unique_length.mean() for mesh in lengths]
    assert terms["edge"].tolist() == pytest.approx(expected, rel=5e-3)
    assert terms["normal"].max() < 0.02


@pytest.mark.parametrize(("pose_weight", "outweighed"), [(10.0, 0), (0.1, 1)], ids=["pose decides", "mesh decides"])
def test_of_the_equivalent_poses_the_one_of_least_cost_over_mesh_and_pose_serves_both(
    monkeypatch, pose_weight, outweighed
):
    """By trying each alone. The rough mesh is in one pose, and the voted one another."""
    from hand_object_pose.network.config import preset_config

    monkeypatch.setattr("hand_object_pose_training.objective._POSE_WEIGHT_IN_CHOICE", pose_weight)
    geometry = preset_config("compact").lixels
    objective = Objective(geometry, default_hand(), CATALOGUE)
    dataset = CropDataset(
        [stored_sample(random_scene(np.random.default_rng(6), "can"))], CATALOGUE, 128, NO_AUGMENTATION
    )
    batch = collate([dataset[0, 0]])
    equivalents = objective.equivalents.clone()
    objective.equivalents = equivalents[:, [20] * 8]
    voted = perfect_prediction(objective, batch, geometry)
    objective.equivalents = equivalents[:, :1].expand(-1, 8, -1, -1)
    mixed = replace(voted, rough_object=perfect_prediction(objective, batch, geometry).rough_object)

    def costs(chosen):
        objective.equivalents = chosen
        terms = objective(mixed, batch)
        return [terms["mesh"].item(), pose_weight * (terms["rotation"] + terms["translation"]).item()]

    alone = np.array([costs(equivalents[:, [number]]) for number in range(equivalents.shape[1])])
    found = costs(equivalents)
    best = alone.sum(axis=1).argmin()
    assert best != alone[:, outweighed].argmin()
    assert found == pytest.approx(alone[best].tolist(), abs=1e-3)


def test_a_turned_crop_shows_hand_and_object_where_its_truth_says():
    """White dots at the joints of a black picture, the object's label at its vertices: OpenCV's, before any turn."""
    rng = np.random.default_rng(8)
    matrix = np.array([[150.0, 0, SIZE / 2], [0, 150.0, SIZE / 2], [0, 0, 1]])  # all of it within the picture
    sample = replace(stored_sample(random_scene(rng, "mug")), camera_matrix=matrix)
    pixels = sample.joints @ sample.camera_matrix.T
    image, labels = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    for x, y in (pixels[:, :2] / pixels[:, 2:]).round().astype(int).tolist():
        cv2.circle(image, (x, y), 2, (255, 255, 255), cv2.FILLED)
    vertices = transform_points(sample.object_pose.astype(float), CATALOGUE["mug"].vertices)
    seen = vertices @ sample.camera_matrix.T
    for x, y in (seen[:, :2] / seen[:, 2:]).round().astype(int).tolist():
        cv2.circle(labels, (x, y), 1, 1, cv2.FILLED)
    augmentation = replace(NO_AUGMENTATION, turn_degrees=40.0, box_jitter=0.1)
    dataset = CropDataset([replace(sample, image=image, labels=labels)], CATALOGUE, 128, augmentation)
    turned = []
    for epoch in range(4):
        crop = dataset[epoch, 0]
        matrix = crop.camera_matrices
        points = {"joints": crop.joints, "object": vertices_of(crop.object_poses, CATALOGUE["mug"])}
        for name, picture in (("joints", crop.images[0]), ("object", crop.silhouettes)):
            places = points[name] @ matrix.T
            column, row = (places[:, :2] / places[:, 2:]).round().long().clamp(0, 127).unbind(dim=1)
            assert (picture[row, column] > 0.5).float().mean() > 0.9, name
        middle = torch.linalg.inv(matrix) @ torch.tensor([63.5, 63.5, 1.0])
        viewed = crop.viewing_rotations[:, 2]
        torch.testing.assert_close(viewed, middle / middle.norm(), atol=4e-3, rtol=0)
        turned.append(np.degrees(angle_between(crop.object_poses[:3, :3], sample.object_pose[:3, :3])))
    assert max(turned) > 20


def vertices_of(pose, model):
    return torch.as_tensor(model.vertices, dtype=torch.float32) @ pose[:3, :3].T + pose[:3, 3]


def angle_between(first, second):
    return Rotation.from_matrix(np.asarray(first) @ np.asarray(second).T).magnitude()


def test_steps_are_as_long_as_the_schedule_says_and_gradients_no_longer_than_their_limit(config):
    schedule = ScheduleConfig(1e-3, decay=0.1, milestones=(0.5,), warmup_steps=1)
    trainer = Trainer(replace(config, schedule=schedule, gradient_clip=1e-3, hand_steps=4), default_hand(), CATALOGUE)
    batches, rates = iter(trainer._loader()), []
    for _ in range(4):
        trainer._timed_step(batches)
        rates += [group["lr"] for group in trainer.optimizer.param_groups]
    assert rates == pytest.approx([5e-4, 1e-3, 1e-4, 1e-4])
    gradients = [p.grad.norm() for p in trainer.supervised.parameters() if p.grad is not None]
    assert torch.stack(gradients).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_steps_for_the_hand_alone_leave_the_rest_as_it_was(config):
    trainer = Trainer(replace(config, hand_steps=2), default_hand(), CATALOGUE)
    before = {name: value.clone() for name, value in trainer.supervised.network.state_dict().items()}
    losses_of(trainer, 2)
    changed = {name for name, value in trainer.supervised.network.state_dict().items() if (value != before[name]).any()}

    assert changed
    assert {name.partition(".")[0] for name in changed} == {"hand_encoder", "hand_mesh", "joint_head"}
    losses_of(trainer, 1)
    after = trainer.supervised.network.state_dict()
    assert any((after[name] != before[name]).any() for name in before if name.startswith("object_encoder"))


def test_turning_a_sample_moves_pixels_and_points_alike(shards):
    """A homography takes the stored pixel of every vertex to where the crop's camera projects the turned vertex."""
    from hand_object_pose_training.augmentation import choose_crop

    rng = np.random.default_rng(3)
    sample = ShardedSamples(shards)[0]
    stored = Camera(sample.camera_matrix.astype(float), SIZE, SIZE)
    vertices = transform_points(sample.object_pose, CATALOGUE[sample.object_name].vertices)
    crop = choose_crop(AugmentationConfig(turn_degrees=40), stored, [sample.hand_vertices, vertices], 128, rng)
    before = np.concatenate([stored.project(vertices), np.ones((1000, 1))], axis=1) @ crop.homography.T
    np.testing.assert_allclose(before[:, :2] / before[:, 2:], crop.camera.project(vertices @ crop.turn.T), atol=1e-6)
    assert np.linalg.norm(crop.turn - np.eye(3)) > 0.1


def test_a_run_exports_weights_that_run_without_torch_and_say_what_they_were_measured_to_do(config, tmp_path, recwarn):
    from hand_object_pose.estimation.onnx_backend import OnnxBackend
    from hand_object_pose_training.export import ExportConfig, export
    from hand_object_pose_training.model_card import model_card

    trainer = Trainer(config, default_hand(), CATALOGUE)
    losses_of(trainer, 1)
    trainer.save()
    weights = tmp_path / "trained.safetensors"
    provenance = export(ExportConfig(config.out, config.validation_shards, weights), default_hand(), CATALOGUE)
    assert not [
        warning.message for warning in recwarn if "onnx" in warning.filename or "treespec" in str(warning.message)
    ]
    info = OnnxBackend(weights).weights
    assert info.provenance == provenance
    assert float(info.provenance["hand.mje_cm"]) > 0
    assert info.objects.keys() == CATALOGUE.keys()
    assert info.hand.hash == default_hand().hash
    card = model_card(info)
    for expected in (info.hash, provenance["hand.mje_cm"], provenance["object.add_s_cm"], "synthetic scenes only"):
        assert expected in card


def test_the_baseline_is_the_mean_of_the_training_samples(config, tmp_path):
    from hand_object_pose.evaluation.baseline import Baseline
    from hand_object_pose_training.baseline import BaselineConfig, write_baseline

    path = tmp_path / "baseline.npz"
    samples = ShardedSamples(config.shards)
    assert write_baseline(BaselineConfig(config.shards, path)) == len(samples)
    expected = np.mean([sample.joints - sample.joints[0] for sample in samples], axis=0)
    found = Baseline.load(path).predict(np.zeros(3), samples.object_names[0]).joints
    np.testing.assert_allclose(found - found[0], expected, atol=1e-6)


def test_a_run_starts_from_weights_without_their_training_heads(config, tmp_path):
    from hand_object_pose.network.checkpoint import save_checkpoint

    first = Trainer(config, default_hand(), CATALOGUE).supervised.network
    weights = tmp_path / "first.safetensors"
    save_checkpoint(weights, first, first.config, default_hand(), CATALOGUE, {})
    second = replace(config, start_from=weights, seed=5, out=tmp_path / "second")
    started = Trainer(second, default_hand(), CATALOGUE).supervised.network.state_dict()
    for name, value in first.state_dict().items():
        if not name.startswith(("joint_head", "mask_head")):
            assert torch.equal(started[name], value), name
    assert "begun with" in Trainer(replace(second, out=tmp_path / "third"), default_hand(), CATALOGUE).lineage
    with pytest.raises(UserError, match="configuration"):
        Trainer(replace(second, preset="paper"), default_hand(), CATALOGUE)


def test_pictures_of_a_directory_lie_behind_rendered_samples(tmp_path):
    with pytest.raises(UserError, match="expected pictures"):
        render_shards(RenderConfig(tmp_path / "shards", samples=1, backgrounds=tmp_path))
    cv2.imwrite(str(tmp_path / "magenta.png"), np.full((480, 480, 3), (255, 0, 255), np.uint8))
    config = RenderConfig(tmp_path / "shards", image_size=96, margin=3.0, backgrounds=tmp_path)

    rendered = _render_one(config, np.random.default_rng(0))

    red, green, blue = np.moveaxis(rendered.image[rendered.labels == 0].astype(int), 1, 0)
    assert np.mean((red > 2 * green) & (blue > 2 * green)) > 0.8
