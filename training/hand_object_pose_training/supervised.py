"""The network together with its objective: one module whose forward pass is what gradients are taken of."""

import torch
from torch import Tensor, nn

from hand_object_pose.network.model import HandObjectNetwork, NetworkPrediction
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.samples import Batch


class SupervisedNetwork(nn.Module):
    """Returns plain tensors, so that wrappers for several devices and mixed precision can handle them."""

    def __init__(self, network: HandObjectNetwork, objective: Objective) -> None:
        super().__init__()
        self.network = network
        self.objective = objective

    def forward(self, **fields: Tensor) -> dict[str, Tensor]:
        """The terms of equation 25 before weighting, each (B,), for the fields of a ``Batch``."""
        batch = Batch(**fields)
        prediction = self.predict(batch)
        # Millimetres at arm's length are below bfloat16.
        with torch.autocast(batch.images.device.type, enabled=False):
            terms: dict[str, Tensor] = self.objective(prediction, batch)
        return terms

    def predict(self, batch: Batch) -> NetworkPrediction:
        """Run the network on a batch."""
        objects = batch.object_indices
        templates, neighbours = self.objective.templates[objects], self.objective.neighbours[objects]
        prediction: NetworkPrediction = self.network(batch.images, templates, neighbours)
        return prediction
