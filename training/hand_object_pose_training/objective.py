"""What is compared with what: from a prediction and a batch to the terms of equation 25."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hand_object_pose.estimation.backend import LixelGeometry
from hand_object_pose.estimation.lift import Lift, object_from_camera
from hand_object_pose.geometry.meshes import unique_edges
from hand_object_pose.geometry.neighbours import neighbour_table, stack_tables
from hand_object_pose.geometry.se3 import wxyz_from_rotation
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.network.model import NetworkPrediction, RoughHand, RoughPrediction
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.symmetry import symmetry_transforms
from hand_object_pose_training.finger_loss import FingerRendering
from hand_object_pose_training.losses import (
    edge_loss,
    joint_loss,
    mesh_loss,
    normal_loss,
    rotation_loss,
    silhouette_loss,
    translation_loss,
)
from hand_object_pose_training.samples import Batch

# Equivalent poses are told apart by every tenth vertex; the terms themselves use all.
_CHOICE_STRIDE = 10
_POSE_WEIGHT_IN_CHOICE = 10.0


@dataclass(frozen=True)
class ObjectTruth:
    """The object's ground truth in the pose chosen among the equivalent ones.

    Attributes:
        vertices: (B, 1000, 3) metres, camera frame.
        quaternion: (B, 4) and translation (B, 3), in the virtual camera's frame, relative to the wrist.
    """

    vertices: Tensor
    quaternion: Tensor
    translation: Tensor


class Objective(nn.Module):
    """The objective for one hand model and one catalogue; holds their meshes as buffers."""

    hand_faces: Tensor
    hand_edges: Tensor
    regressor: Tensor
    templates: Tensor
    neighbours: Tensor
    object_faces: Tensor
    object_edges: Tensor
    equivalents: Tensor

    def __init__(
        self,
        geometry: LixelGeometry,
        hand: HandModel,
        catalogue: Mapping[str, ObjectModel],
        finger: FingerRendering | None = None,
    ) -> None:
        """Hold what the terms need; equation 24 is left out, and costs nothing, unless ``finger`` is given."""
        super().__init__()
        self.geometry = geometry
        self.finger = finger
        models = [catalogue[name] for name in sorted(catalogue)]
        self._integers("hand_faces", hand.faces)
        self._integers("hand_edges", unique_edges(hand.faces))
        self._floats("regressor", hand.joint_regressor21)
        self._floats("templates", np.stack([model.vertices for model in models]))
        self._integers("neighbours", stack_tables([neighbour_table(m.faces, len(m.vertices)) for m in models]))
        self._integers("object_faces", _padded([model.faces for model in models]))
        self._integers("object_edges", _padded([unique_edges(model.faces) for model in models]))
        self._floats("equivalents", _repeated([symmetry_transforms(model.symmetries) for model in models]))

    def _integers(self, name: str, array: np.ndarray) -> None:
        self.register_buffer(name, torch.as_tensor(np.asarray(array, dtype=np.int64)), persistent=False)

    def _floats(self, name: str, array: np.ndarray) -> None:
        self.register_buffer(name, torch.as_tensor(np.asarray(array, dtype=np.float32)), persistent=False)

    def forward(self, prediction: RoughHand, batch: Batch) -> dict[str, Tensor]:
        """The terms of equation 25 before weighting, each (B,): those of what the prediction holds."""
        lift = Lift(batch.camera_matrices, batch.wrists[:, 2], self.geometry)
        if not isinstance(prediction, RoughPrediction):
            return self._rough_hand_terms(prediction, batch, lift)
        truth = self.object_truth(prediction, batch, lift)
        terms = self._first_stage_terms(prediction, batch, truth, lift)
        if isinstance(prediction, NetworkPrediction):
            refined = self._hand_terms(prediction.refined_hand, batch, lift)
            terms = {name: term + refined[name] if name in refined else term for name, term in terms.items()}
            terms["rotation"] = rotation_loss(prediction.quaternion, truth.quaternion)
            terms["translation"] = translation_loss(_translation(prediction, batch, lift), truth.translation)
            if self.finger is not None:
                points = lift.points(prediction.refined_hand)
                terms["finger"] = self.finger(points, batch.hand_vertices, batch.camera_matrices)
        return terms

    def _first_stage_terms(
        self, prediction: RoughPrediction, batch: Batch, truth: ObjectTruth, lift: Lift
    ) -> dict[str, Tensor]:
        """What the encoders and their heads are supervised with."""
        hand = self._rough_hand_terms(prediction, batch, lift)
        points, edges = lift.points(prediction.rough_object), self.object_edges[batch.object_indices]
        faces = self.object_faces[batch.object_indices]
        terms = {
            **hand,
            "mesh": hand["mesh"] + mesh_loss(prediction.rough_object, lift.lixels(truth.vertices)),
            "edge": hand["edge"] + edge_loss(points, truth.vertices, edges),
            "normal": hand["normal"] + normal_loss(points, truth.vertices, faces),
        }
        if prediction.mask_logits is not None:
            terms["silhouette"] = silhouette_loss(prediction.mask_logits, batch.silhouettes)
        return terms

    def _rough_hand_terms(self, prediction: RoughHand, batch: Batch, lift: Lift) -> dict[str, Tensor]:
        """What the hand's encoder and its heads are supervised with."""
        hand = self._hand_terms(prediction.rough_hand, batch, lift)
        if prediction.joints is None:
            return hand
        return {**hand, "joint": hand["joint"] + joint_loss(prediction.joints, lift.lixels(batch.joints))}

    def _hand_terms(self, lixels: Tensor, batch: Batch, lift: Lift) -> dict[str, Tensor]:
        """The hand's share of equations 18, 19, 20 and 22, for a rough or refined mesh (B, 778, 3) in lixels."""
        points, joints = lift.points(lixels), lift.lixels(lift.joints(lixels, self.regressor))
        true_lixels, true_joints = lift.lixels(batch.hand_vertices), lift.lixels(batch.joints)
        return {
            "mesh": mesh_loss(lixels, true_lixels),
            "depth": mesh_loss(lixels[..., 2:], true_lixels[..., 2:]),
            "edge": edge_loss(points, batch.hand_vertices, self.hand_edges),
            "normal": normal_loss(points, batch.hand_vertices, self.hand_faces),
            "joint": joint_loss(joints, true_joints),
            "wrist": joint_loss(joints[:, :1], true_joints[:, :1]),
        }

    @torch.no_grad()
    def object_truth(self, prediction: RoughPrediction, batch: Batch, lift: Lift) -> ObjectTruth:
        """Among the equivalent poses of a symmetric object, the one nearest to the prediction.

        The same one then serves equations 18 to 21.
        """
        poses = batch.object_poses[:, None] @ self.equivalents[batch.object_indices]
        rotation, translation = object_from_camera(
            poses[..., :3, :3], poses[..., :3, 3], batch.wrists[:, None], batch.viewing_rotations[:, None]
        )
        quaternion = torch.as_tensor(wxyz_from_rotation(rotation.cpu().numpy()), dtype=rotation.dtype).to(rotation)
        cost = self._choice_cost(prediction, batch, lift, poses)
        if isinstance(prediction, NetworkPrediction):
            turned = rotation_loss(prediction.quaternion[:, None], quaternion)
            moved = translation_loss(_translation(prediction, batch, lift)[:, None], translation)
            cost = cost + _POSE_WEIGHT_IN_CHOICE * (turned + moved)
        rows, best = torch.arange(len(poses), device=poses.device), cost.argmin(dim=1)
        chosen = poses[rows, best]
        vertices = self.templates[batch.object_indices] @ chosen[:, :3, :3].mT + chosen[:, None, :3, 3]
        return ObjectTruth(vertices, quaternion[rows, best], translation[rows, best])

    def _choice_cost(self, prediction: RoughPrediction, batch: Batch, lift: Lift, poses: Tensor) -> Tensor:
        """Equation 18's object term (B, E) for poses (B, E, 4, 4), on a part of the vertices."""
        template = self.templates[batch.object_indices, ::_CHOICE_STRIDE]
        points = template[:, None] @ poses[..., :3, :3].mT + poses[..., None, :3, 3]
        lixels = lift.lixels(points.flatten(1, 2)).unflatten(1, points.shape[1:3])
        return mesh_loss(prediction.rough_object[:, None, ::_CHOICE_STRIDE], lixels)


def _translation(prediction: NetworkPrediction, batch: Batch, lift: Lift) -> Tensor:
    """t_v (B, 3) in metres, relative to the true wrist, so that the hand's errors are not learned as the object's."""
    return lift.translation(prediction.translation[:, None], batch.wrists, batch.viewing_rotations)[:, 0]


def _padded(arrays: list[np.ndarray]) -> np.ndarray:
    """Index arrays (N_i, C) as one (B, max N, C), padded with zeros."""
    longest = max(map(len, arrays))
    return np.stack([np.pad(array, ((0, longest - len(array)), (0, 0))) for array in arrays])


def _repeated(arrays: list[np.ndarray]) -> np.ndarray:
    """Pose arrays (N_i, 4, 4), identity first, as one (B, max N, 4, 4), padded with the identity."""
    longest = max(map(len, arrays))
    padding = [np.broadcast_to(np.eye(4), (longest - len(array), 4, 4)) for array in arrays]
    return np.stack([np.concatenate(pair) for pair in zip(arrays, padding, strict=True)])
