"""Errors on held-out samples, with the true box and the true wrist depth given.

As in the node, the object hangs on the wrist of the refined hand, not on the true one. A network without the second
stage is measured by its rough meshes (``rough_object``).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from hand_object_pose.estimation.lift import Lift, object_to_camera
from hand_object_pose.evaluation.frame_errors import hand_errors, interaction_values, object_errors
from hand_object_pose.geometry.se3 import pose_matrix, rotation_from_wxyz, transform_points
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.joints import WRIST
from hand_object_pose.network.model import NetworkPrediction
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose_training.augmentation import NO_AUGMENTATION
from hand_object_pose_training.datasets.training_data import open_samples
from hand_object_pose_training.rough_object import kabsch_pose, object_mesh_error, rough_object_errors
from hand_object_pose_training.samples import Batch, CropDataset, collate
from hand_object_pose_training.supervised import SupervisedNetwork


def held_out_crops(
    supervised: SupervisedNetwork, samples: Path, hand: HandModel, catalogue: dict[str, ObjectModel]
) -> CropDataset:
    """Held-out samples (shards or a prepared index) as inputs of a network, without augmentation."""
    size = supervised.network.config.image_size
    return CropDataset(open_samples(samples, size, hand, catalogue), catalogue, size, NO_AUGMENTATION)


def validate(
    supervised: SupervisedNetwork,
    dataset: CropDataset,
    batch_size: int = 32,
    interaction: bool = False,
    limit: int | None = None,
) -> dict[str, float]:
    """Means over a dataset, by the names of ``evaluation.frame_errors``; rough meshes under ``rough.``.

    ``interaction`` adds ``INTERACTION_VALUES``, which take some time. ``limit`` takes the first so many samples only.
    """
    return mean_errors([errors for _, errors in sample_errors(supervised, dataset, batch_size, interaction, limit)])


def mean_errors(errors: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each error over samples that all have the same ones."""
    return {name: float(np.mean([each[name] for each in errors])) for name in errors[0]}


@torch.no_grad()
def sample_errors(
    supervised: SupervisedNetwork,
    dataset: CropDataset,
    batch_size: int = 32,
    interaction: bool = False,
    limit: int | None = None,
) -> list[tuple[str, dict[str, float]]]:
    """The object and the errors of each sample of a dataset, in order; see ``validate``."""
    supervised.eval()
    device = supervised.objective.templates.device
    count = len(dataset) if limit is None else min(limit, len(dataset))
    starts = range(0, count, batch_size)
    keys = [[(0, index) for index in range(start, min(start + batch_size, count))] for start in starts]
    names = sorted(dataset.catalogue)
    found: list[tuple[str, dict[str, float]]] = []
    for batch in DataLoader(dataset, batch_sampler=keys, collate_fn=collate):
        errors = _batch_errors(supervised, batch.to(device), dataset, interaction)
        found.extend(zip([names[int(number)] for number in batch.object_indices], errors, strict=True))
    return found


def _batch_errors(
    supervised: SupervisedNetwork, batch: Batch, dataset: CropDataset, interaction: bool
) -> list[dict[str, float]]:
    prediction, regressor = supervised.predict(batch), supervised.objective.regressor
    lift = Lift(batch.camera_matrices, batch.wrists[:, 2], supervised.objective.geometry)
    refined, rough = prediction.refined_hand.float(), prediction.rough_hand.float()
    joints = _arrays(lift.joints(refined, regressor))
    hands = zip(_arrays(lift.points(refined)), joints, strict=True)
    rough_hands = zip(_arrays(lift.points(rough)), _arrays(lift.joints(rough, regressor)), strict=True)
    rough_objects = _arrays(lift.points(prediction.rough_object.float()))
    poses = object_poses(prediction, joints[:, WRIST], batch, lift)
    refines = supervised.network.refinement is not None
    models = [dataset.catalogue[name] for name in sorted(dataset.catalogue)]
    errors = []
    for row, (hand, *roughs, pose) in enumerate(zip(hands, rough_hands, rough_objects, poses, strict=True)):
        model = models[int(batch.object_indices[row])]
        tensors = batch.hand_vertices[row], batch.joints[row], batch.object_poses[row]
        true_vertices, true_joints, true_pose = map(_arrays, tensors)
        truth = SceneTruth(true_vertices, true_joints, model.name, true_pose)
        rough_errors = {**hand_errors(truth, *roughs[0]), **rough_object_errors(truth, roughs[1], model)}
        if refines:
            found = {**hand_errors(truth, *hand), **_posed_errors(truth, pose, model)}
        else:
            found, pose = rough_errors, kabsch_pose(model.vertices, roughs[1])
        if interaction:
            found = {**found, **interaction_values(hand[0], pose, model)}
        errors.append({**found, **{f"rough.{name}": value for name, value in rough_errors.items()}})
    return errors


def _posed_errors(truth: SceneTruth, pose: np.ndarray, model: ObjectModel) -> dict[str, float]:
    mesh_error = object_mesh_error(truth, transform_points(pose, model.vertices), model)
    return {**object_errors(truth, pose, model), **mesh_error}


def _arrays(tensor: Tensor) -> np.ndarray:
    return tensor.double().cpu().numpy()


def object_poses(prediction: NetworkPrediction, wrists: np.ndarray, batch: Batch, lift: Lift) -> np.ndarray:
    """Poses (B, 4, 4), object frame to camera frame, hung on wrists (B, 3) in metres, camera frame."""
    rotation, viewing = rotation_from_wxyz(_arrays(prediction.quaternion)), _arrays(batch.viewing_rotations)
    votes, roots = prediction.translation.float()[:, None], torch.as_tensor(wrists, dtype=torch.float32)
    translation = _arrays(lift.translation(votes, roots.to(votes.device), batch.viewing_rotations)[:, 0])
    return pose_matrix(*object_to_camera(rotation, translation, wrists, viewing))
