"""Held-out samples with what the network makes of them, as a picture to look at while it trains."""

import numpy as np
import torch
from numpy.typing import NDArray

from hand_object_pose.estimation.lift import Lift
from hand_object_pose.evaluation.drawing.overlay import HAND_COLOUR, OBJECT_COLOUR, draw_meshes
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.samples import Batch, CropDataset, collate
from hand_object_pose_training.supervised import SupervisedNetwork
from hand_object_pose_training.validation import object_poses

Picture = NDArray[np.uint8]


def drawn_samples(supervised: SupervisedNetwork, dataset: CropDataset, count: int = 6) -> Picture:
    """One row a sample, (count * S, 3 * S, 3) RGB: the image, the true meshes over it, and the predicted ones.

    The samples are spread over the dataset and the same at each call. The hand is the refined one, the object the CAD
    model in its predicted pose, hung on the predicted wrist as in ``validation``.
    """
    supervised.eval()
    indices = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int)
    batch = collate([dataset[0, index] for index in indices.tolist()])
    hands, poses = _predicted(supervised, batch.to(supervised.objective.templates.device))
    true_hands, true_poses = batch.hand_vertices.numpy(), batch.object_poses.numpy()
    models = [dataset.catalogue[name] for name in sorted(dataset.catalogue)]
    faces = supervised.objective.hand_faces.cpu().numpy()
    rows = []
    for row, image in enumerate(np.round(255 * batch.images.numpy().transpose(0, 2, 3, 1)).astype(np.uint8)):
        camera = Camera(batch.camera_matrices[row].double().numpy(), image.shape[1], image.shape[0])
        model = models[int(batch.object_indices[row])]
        scenes = (true_hands[row], true_poses[row]), (hands[row], poses[row])
        rows.append(np.hstack([image, *(_drawn(image, camera, hand, faces, pose, model) for hand, pose in scenes)]))
    return np.vstack(rows)


@torch.no_grad()
def _predicted(supervised: SupervisedNetwork, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Hand vertices (B, 778, 3) and object poses (B, 4, 4), camera frame."""
    prediction = supervised.predict(batch)
    lift = Lift(batch.camera_matrices, batch.wrists[:, 2], supervised.objective.geometry)
    refined = prediction.refined_hand.float()
    wrists = lift.joints(refined, supervised.objective.regressor)[:, 0].double().cpu().numpy()
    return lift.points(refined).double().cpu().numpy(), object_poses(prediction, wrists, batch, lift)


def _drawn(
    image: Picture, camera: Camera, hand: np.ndarray, faces: np.ndarray, pose: np.ndarray, model: ObjectModel
) -> Picture:
    painted = image.copy()
    thing = transform_points(pose, model.vertices)
    draw_meshes(painted, camera, [(thing, model.faces, OBJECT_COLOUR), (hand, faces, HAND_COLOUR)])
    return painted
