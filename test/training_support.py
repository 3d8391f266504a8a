"""What tests of the training share: scenes that cost no rendering, shards of them, and a network without error."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.lift import Lift
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose.network.model import NetworkPrediction
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.sample import RenderedScene, SceneTruth
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.samples import CropDataset, collate
from hand_object_pose_training.shards import ShardedSamples, write_shard

SIZE = 96
CATALOGUE = dict(default_catalogue())


def random_scene(rng, name):
    """Noise as the image: nothing here depends on what it shows."""
    mesh = ManoLayer(default_hand())(rng.normal(0, 0.3, (1, 48)), translation=np.array([[0.0, 0.0, 0.6]]))
    pose = pose_matrix(Rotation.random(rng=rng).as_matrix(), mesh.joints[0, 9] + rng.normal(0, 0.02, 3))
    matrix = np.array([[250.0, 0, SIZE / 2], [0, 250.0, SIZE / 2], [0, 0, 1]])
    image = rng.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
    labels = rng.integers(0, 3, (SIZE, SIZE), dtype=np.uint8)
    truth = SceneTruth(mesh.vertices[0], mesh.joints[0], name, pose)
    return RenderedScene(image, np.zeros((SIZE, SIZE), np.float32), labels, Camera(matrix, SIZE, SIZE), truth)


def write_shards(directory: Path, samples: int, files: int = 1, seed: int = 0, objects: int | None = None) -> Path:
    """Random scenes of the first so many default objects in turn, all of them unless said, in so many shards."""
    rng, names = np.random.default_rng(seed), sorted(CATALOGUE)
    shown = names[:objects]
    scenes = [random_scene(rng, shown[index % len(shown)]) for index in range(samples)]
    for number in range(files):
        write_shard(directory / f"shard_{number}.safetensors", scenes[number::files], names, {})
    return directory


def losses_of(trainer, steps):
    batches = iter(trainer._loader())
    return [trainer._timed_step(batches)["total"].item() for _ in range(steps)]


def batch_of(shards, augmentation, size=128):
    samples = ShardedSamples(shards)
    dataset = CropDataset(samples, CATALOGUE, size, augmentation)
    return collate([dataset[0, index] for index in range(len(dataset))]), samples


def perfect_prediction(objective, batch, geometry):
    """What a network without error would return, each symmetric object in some equivalent pose."""
    lift = Lift(batch.camera_matrices, batch.wrists[:, 2], geometry)
    poses = batch.object_poses @ objective.equivalents[batch.object_indices, 7]
    batch = replace(batch, object_poses=poses)
    count = len(poses)
    guess = NetworkPrediction(
        **{name: torch.zeros(count, 778, 3) for name in ("rough_hand", "hand_sigma", "refined_hand")},
        **{name: torch.zeros(count, 1000, 3) for name in ("rough_object", "object_sigma")},
        votes=torch.zeros(len(poses), 1000, 7),
        quaternion=torch.tensor([1.0, 0, 0, 0]).repeat(len(poses), 1),
        translation=torch.zeros(len(poses), 3),
    )
    truth = Objective.object_truth(_only_identity(objective), guess, batch, lift)
    hand, joints = lift.lixels(batch.hand_vertices), lift.lixels(batch.joints)
    mask = (2 * batch.silhouettes - 1).float() * 50
    return replace(
        guess,
        rough_hand=hand,
        rough_object=lift.lixels(truth.vertices),
        refined_hand=hand,
        quaternion=truth.quaternion,
        translation=lift.lixels(poses[:, None, :3, 3])[:, 0] if geometry.origin_in_lixels else truth.translation,
        joints=joints,
        mask_logits=mask,
    )


def _only_identity(objective):
    copy = Objective(objective.geometry, default_hand(), CATALOGUE)
    copy.equivalents = copy.equivalents[:, :1]
    return copy
