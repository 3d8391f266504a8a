"""What a training shows meanwhile, and what learning a few samples by heart writes."""

import csv
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_support import CATALOGUE

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.frame_errors import hand_errors, object_errors
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.network.config import preset_config
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose_training import drawn_samples as drawing
from hand_object_pose_training.batch_statistics import settle_statistics
from hand_object_pose_training.losses import LossWeights
from hand_object_pose_training.overfit import overfit
from hand_object_pose_training.overfit_config import OverfitConfig
from hand_object_pose_training.overfit_run import OverfitRun
from hand_object_pose_training.reduced_network import reduced_config
from hand_object_pose_training.samples import collate
from hand_object_pose_training.shards import ShardedSamples
from hand_object_pose_training.trainer import Trainer
from hand_object_pose_training.validation import held_out_crops, validate


@pytest.fixture
def trainer(config):
    return Trainer(replace(config, hand_steps=1, steps=1), default_hand(), CATALOGUE)


@pytest.fixture
def crops(trainer):
    return held_out_crops(trainer.supervised, trainer.config.shards, default_hand(), CATALOGUE)


def hull(batch, row, points, size):
    """(S, S) where the convex hull of projected points lies."""
    pixels = points @ batch.camera_matrices[row].numpy().T
    corners = cv2.convexHull((pixels[:, :2] / pixels[:, 2:]).round().astype(np.int32))
    return cv2.fillConvexPoly(np.zeros((size, size), np.uint8), corners, 1)


def test_true_meshes_are_drawn_where_they_are(trainer, crops, monkeypatch):
    batch = collate([crops[0, index] for index in (0, 11)])
    truth = batch.hand_vertices.numpy(), batch.object_poses.numpy()
    monkeypatch.setattr(drawing, "_predicted", lambda *arguments: truth)
    image, true, predicted = np.split(drawing.drawn_samples(trainer.supervised, crops, count=2), 3, axis=1)
    np.testing.assert_array_equal(predicted, true)
    size = image.shape[1]
    expected = np.round(255 * np.concatenate(list(batch.images.numpy().transpose(0, 2, 3, 1))))
    np.testing.assert_array_equal(image, expected)
    names = sorted(CATALOGUE)
    for row in range(2):
        model = CATALOGUE[names[int(batch.object_indices[row])]]
        parts = [truth[0][row], transform_points(truth[1][row], model.vertices)]
        possible = cv2.dilate(np.maximum(*(hull(batch, row, part, size) for part in parts)), np.ones((5, 5)))
        part = slice(row * size, (row + 1) * size)
        changed = (true[part] != image[part]).any(axis=2)
        assert changed.sum() > 300
        assert not changed[possible == 0].any()


def test_what_is_drawn_of_the_network_is_what_is_validated(trainer, crops):
    supervised = trainer.supervised.eval()
    batch = collate([crops[0, index] for index in range(len(crops))])
    hands, poses = drawing._predicted(supervised, batch)
    names, found = sorted(CATALOGUE), []
    for row, (hand, pose) in enumerate(zip(hands, poses, strict=True)):
        model = CATALOGUE[names[int(batch.object_indices[row])]]
        truth = (
            batch.hand_vertices[row].numpy(),
            batch.joints[row].numpy(),
            model.name,
            batch.object_poses[row].numpy(),
        )
        scene = SceneTruth(*truth)
        joints = default_hand().joint_regressor21 @ hand
        found.append({**hand_errors(scene, hand, joints), **object_errors(scene, pose, model)})
    errors = validate(supervised, crops)
    for name in found[0]:
        assert np.mean([each[name] for each in found]) == pytest.approx(errors[name], rel=1e-4), name
    first = validate(supervised, crops, limit=3)
    assert first["hand.mje_cm"] == pytest.approx(np.mean([each["hand.mje_cm"] for each in found[:3]]), rel=1e-4)


def test_validation_leaves_a_picture_for_tensorboard(trainer):
    trainer.run()
    events = EventAccumulator(str(trainer.config.out / "log"), size_guidance={"images": 0})
    events.Reload()
    (picture,) = events.Images("validation/samples")
    assert (picture.step, picture.width, picture.height) == (1, 3 * 128, 6 * 128)


@pytest.fixture(scope="module")
def by_heart(shards, tmp_path_factory):
    lengths = {"samples": 2, "steps": 8, "first_stage_share": 0.0, "measure_every": 3}
    return OverfitConfig(shards, tmp_path_factory.mktemp("by_heart"), "compact", weights=LossWeights(), **lengths)


@pytest.fixture(scope="module")
def learned(by_heart):
    return learn(by_heart)


def learn(settings):
    return list(overfit(settings, default_hand(), CATALOGUE, Console(quiet=True)))


def rows_of(settings):
    with (settings.out / "overfit.csv").open() as file:
        return list(csv.DictReader(file))


def test_learning_by_heart_writes_its_curve(by_heart, learned):
    found, rows = learned, rows_of(by_heart)
    assert [int(row["step"]) for row in rows] == [3, 6, 8]
    assert [float(row["hand_mje_mm"]) for row in rows] == [each.hand_mje_mm for each in found]
    assert found[1].loss < found[0].loss
    # What was saved last is what was measured last, by the batch's own statistics.
    run = OverfitRun(by_heart, default_hand(), CATALOGUE)
    errors = validate(run.supervised, run.stored, limit=2)
    assert found[-1].hand_mje_mm == pytest.approx(10 * errors["hand.mje_cm"], rel=1e-6)
    assert found[-1].object_add_s_mm == pytest.approx(10 * errors["object.add_s_cm"], rel=1e-6)
    norms = [each for each in run.supervised.train().modules() if isinstance(each, torch.nn.BatchNorm2d)]
    norm = [each for each in norms if each.training][-1]
    statistics = norm.running_mean.clone()
    settle_statistics(run.supervised, run.batch)
    torch.testing.assert_close(norm.running_mean, statistics)
    samples = [ShardedSamples(by_heart.shards)[index] for index in range(2)]
    regressed = [default_hand().joint_regressor21 @ sample.hand_vertices for sample in samples]
    offsets = [
        np.linalg.norm(joints - sample.joints, axis=1) for joints, sample in zip(regressed, samples, strict=True)
    ]
    assert found[0].true_mesh_mje_mm == pytest.approx(1000 * np.mean(offsets), rel=1e-4)
    with pytest.raises(UserError, match="--samples: expected 2 to 12"):
        learn(replace(by_heart, samples=13, out=by_heart.out / "other"))


def test_learning_by_heart_goes_on_where_it_was_interrupted_bit_for_bit(by_heart, learned, tmp_path, monkeypatch):
    """Interrupted after the row of step 6 and before its state, so that steps 4 to 6 are done again."""
    interrupted, save = replace(by_heart, out=tmp_path), OverfitRun.save

    def interrupted_save(run):
        if run.step == 6:
            raise KeyboardInterrupt
        save(run)

    with monkeypatch.context() as patched:
        patched.setattr(OverfitRun, "save", interrupted_save)
        with pytest.raises(KeyboardInterrupt):
            learn(interrupted)
    assert [int(row["step"]) for row in rows_of(interrupted)] == [3, 6]
    with pytest.raises(UserError, match=r"state\.pt: the run was begun with other settings \(steps\)"):
        learn(replace(interrupted, steps=9))
    assert learn(interrupted) == learned[1:]
    assert rows_of(interrupted) == rows_of(by_heart)
    assert learn(interrupted) == []


def test_a_preset_for_smaller_images_has_fewer_lixels_and_is_else_the_same():
    reduced = reduced_config("paper", 64)
    assert (reduced.image_size, reduced.bins) == (64, 16)
    assert replace(reduced, image_size=256, bins=64) == preset_config("paper") == reduced_config("paper", None)
    with pytest.raises(UserError, match="--image-size 48"):
        reduced_config("paper", 48)


def test_a_narrow_preset_has_a_share_of_the_channels_and_the_same_graphs():
    whole, half = reduced_config("paper", 64), reduced_config("paper", 64, width=0.5)
    assert half.encoder.channels == {name: count // 2 for name, count in whole.encoder.channels.items()}
    assert half.mask_channels == (512, 256, 128, 32)
    same = ("refinement", "node_channels", "head_hidden", "residual_blocks", "rotation_votes", "object_head", "bins")
    assert all(getattr(half, name) == getattr(whole, name) for name in same)
    prediction = HandObjectNetwork(half, default_hand(), training_heads=True).first_stage(
        torch.zeros(2, 3, 64, 64), None
    )
    assert prediction.rough.rough_object.shape == (2, 1000, 3)
    for preset, width in (("compact", 0.5), ("paper", 0.0), ("paper", 2.0)):
        with pytest.raises(UserError, match=f"--width {width}"):
            reduced_config(preset, None, width)


def test_with_settled_statistics_evaluation_predicts_what_training_does(trainer, crops):
    """In float64, because layers enlarge rounding. Unbiased variances, or other ones in the frozen trunk, show."""
    supervised = trainer.supervised.double()
    batch = collate([crops[0, index] for index in range(2)])
    batch = replace(batch, images=batch.images.double())
    for norm in supervised.network.trunk.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.fill_(0.1)
    with torch.no_grad():
        trained = supervised.train().predict(batch)
        settle_statistics(supervised, batch)
        settled = supervised.eval().predict(batch)
    for name in ("rough_hand", "refined_hand", "rough_object", "votes"):
        torch.testing.assert_close(getattr(settled, name), getattr(trained, name), rtol=0, atol=1e-6)
