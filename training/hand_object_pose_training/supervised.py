"""The network together with its objective: one module whose forward pass is what gradients are taken of."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from hand_object_pose.network.model import HandObjectNetwork, NetworkPrediction, RoughHand, RoughPrediction
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.samples import Batch

TrainedPart = Literal["hand", "first_stage", "all"]


class SupervisedNetwork(nn.Module):
    """Takes and returns plain tensors, so that wrappers for several devices can handle them.

    Mixed precision is switched on around the network alone. Fabric's own would round the ground truth to bfloat16.
    With ``freeze_batch_norm``, BatchNorm normalises by its running statistics in training, too, and leaves them.
    """

    def __init__(
        self,
        network: HandObjectNetwork,
        objective: Objective,
        mixed_precision: bool,
        freeze_batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.mixed_precision = mixed_precision
        self.freeze_batch_norm = freeze_batch_norm

    def train(self, mode: bool = True) -> "SupervisedNetwork":
        """See ``nn.Module.train``."""
        super().train(mode)
        if self.freeze_batch_norm:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def forward(self, part: TrainedPart = "all", **fields: Tensor) -> dict[str, Tensor]:
        """The terms of equation 25 before weighting, each (B,), for the fields of a ``Batch``.

        ``part`` is what of the network runs: "hand" its rough mesh alone, "first_stage" both rough meshes, or "all",
        which is both rough meshes where the network has no second stage.
        """
        batch = Batch(**fields)
        everything = self.predict_rough if self.network.refinement is None else self.predict
        run = {"hand": self.predict_rough_hand, "first_stage": self.predict_rough, "all": everything}[part]
        terms: dict[str, Tensor] = self.objective(run(batch), batch)
        return terms

    def predict(self, batch: Batch) -> NetworkPrediction:
        """Run the network on a batch."""
        objects = batch.object_indices
        templates, neighbours = self.objective.templates[objects], self.objective.neighbours[objects]
        with self._autocast(batch):
            prediction: NetworkPrediction = self.network(batch.images, templates, neighbours)
        return prediction

    def predict_rough(self, batch: Batch) -> RoughPrediction:
        """Run the first stage on a batch."""
        with self._autocast(batch):
            return self.network.first_stage(batch.images, self.objective.templates[batch.object_indices]).rough

    def predict_rough_hand(self, batch: Batch) -> RoughHand:
        """Run the hand's branch on a batch."""
        with self._autocast(batch):
            return self.network.rough_hand(batch.images)

    def _autocast(self, batch: Batch) -> torch.autocast:
        return torch.autocast(batch.images.device.type, dtype=torch.bfloat16, enabled=self.mixed_precision)
