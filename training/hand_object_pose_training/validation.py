"""Errors on held-out samples, with the true wrist depth given."""

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.utils.data import DataLoader

from hand_object_pose.estimation.lift import Lift, object_to_camera
from hand_object_pose.geometry.se3 import rotation_from_wxyz
from hand_object_pose_training.samples import Batch, CropDataset, collate
from hand_object_pose_training.supervised import SupervisedNetwork

_CENTIMETRES = 100.0


@torch.no_grad()
def validate(supervised: SupervisedNetwork, dataset: CropDataset, batch_size: int = 32) -> dict[str, float]:
    """Mean errors in cm: joints and vertices with both wrists at the origin; ADD-S (truth to prediction)."""
    supervised.eval()
    device = supervised.objective.templates.device
    keys = [
        [(0, index) for index in range(start, min(start + batch_size, len(dataset)))]
        for start in range(0, len(dataset), batch_size)
    ]
    errors: dict[str, list[float]] = {}
    for batch in DataLoader(dataset, batch_sampler=keys, collate_fn=collate):
        for name, values in _batch_errors(supervised, batch.to(device)).items():
            errors.setdefault(name, []).extend(values.tolist())
    return {name: float(np.mean(values)) for name, values in errors.items()}


def _batch_errors(supervised: SupervisedNetwork, batch: Batch) -> dict[str, np.ndarray]:
    prediction = supervised.predict(batch)
    lift = Lift(batch.camera_matrices, batch.wrists[:, 2], supervised.objective.geometry)
    hands = {"": prediction.refined_hand, "rough_": prediction.rough_hand}
    errors = {}
    for prefix, lixels in hands.items():
        joints = lift.joints(lixels.float(), supervised.objective.regressor)
        errors[f"{prefix}mje_cm"] = _relative_error(joints, joints[:, :1], batch.joints, batch.wrists[:, None])
    rotation, translation = _object_pose(prediction.quaternion, prediction.translation, batch)
    template = supervised.objective.templates[batch.object_indices].cpu().numpy()
    true_pose = batch.object_poses.cpu().numpy()
    posed = template @ rotation.swapaxes(-1, -2) + translation[:, None]
    truth = template @ true_pose[:, :3, :3].swapaxes(-1, -2) + true_pose[:, None, :3, 3]
    nearest = [cKDTree(estimate).query(points)[0].mean() for estimate, points in zip(posed, truth, strict=True)]
    errors["add_s_cm"] = np.array(nearest) * _CENTIMETRES
    errors["add_cm"] = np.linalg.norm(posed - truth, axis=-1).mean(axis=-1) * _CENTIMETRES
    rough = lift.points(prediction.rough_object.float()).cpu().numpy()
    errors["rough_object_cm"] = np.linalg.norm(rough - truth, axis=-1).mean(axis=-1) * _CENTIMETRES
    return errors


def _relative_error(points: Tensor, origin: Tensor, truth: Tensor, true_origin: Tensor) -> np.ndarray:
    distance = ((points - origin) - (truth - true_origin)).norm(dim=-1).mean(dim=-1)
    return distance.cpu().numpy() * _CENTIMETRES


def _object_pose(quaternion: Tensor, translation: Tensor, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    rotation = rotation_from_wxyz(quaternion.float().cpu().numpy())
    wrist, viewing = batch.wrists.cpu().numpy(), batch.viewing_rotations.cpu().numpy()
    return object_to_camera(rotation, translation.float().cpu().numpy(), wrist, viewing)
