"""What a training shows meanwhile, and what learning a few samples by heart writes."""

import csv
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_training import CATALOGUE, config, shards  # noqa: F401

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.frame_errors import hand_errors, object_errors
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.network.config import preset_config
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose_training import drawn_samples as drawing
from hand_object_pose_training.batch_statistics import settle_statistics
from hand_object_pose_training.losses import LossWeights
from hand_object_pose_training.overfit import OverfitConfig, overfit, reduced_config
from hand_object_pose_training.samples import collate
from hand_object_pose_training.trainer import Trainer
from hand_object_pose_training.validation import held_out_crops, validate


@pytest.fixture
def trainer(config):  # noqa: F811
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


def test_learning_by_heart_writes_its_curve_and_ends_with_fixed_statistics(config):  # noqa: F811
    lengths = {"samples": 2, "steps": 8, "first_stage_share": 0.0, "frozen_share": 0.5, "measure_every": 2}
    settings = OverfitConfig(config.shards, config.out, "compact", weights=LossWeights(), **lengths)
    found = list(overfit(settings, default_hand(), CATALOGUE))
    with (config.out / "overfit.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["step"]), row["frozen"]) for row in rows] == [
        (2, "False"),
        (4, "False"),
        (6, "True"),
        (8, "True"),
    ]
    assert [float(row["hand_mje_mm"]) for row in rows] == [each.hand_mje_mm for each in found]
    assert found[1].loss < found[0].loss
    with pytest.raises(UserError, match="--samples: expected 2 to 12"):
        next(overfit(replace(settings, samples=13), default_hand(), CATALOGUE))


def test_a_preset_for_smaller_images_has_fewer_lixels_and_is_else_the_same():
    reduced = reduced_config("paper", 64)
    assert (reduced.image_size, reduced.bins) == (64, 16)
    assert replace(reduced, image_size=256, bins=64) == preset_config("paper") == reduced_config("paper", None)
    with pytest.raises(UserError, match="--image-size 48"):
        reduced_config("paper", 48)


def test_settled_statistics_are_those_of_the_batch_at_the_present_weights(trainer, crops):
    supervised = trainer.supervised
    batch = collate([crops[0, index] for index in range(4)])
    norm = next(each for name, each in supervised.network.refinement.named_modules() if name.endswith("head_norm"))
    seen = []
    hook = norm.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    settle_statistics(supervised, batch)
    hook.remove()
    (nodes,) = seen
    torch.testing.assert_close(norm.running_mean, nodes.mean(dim=0), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(norm.running_var, nodes.var(dim=0), rtol=1e-4, atol=1e-6)
    assert norm.momentum == 0.1
