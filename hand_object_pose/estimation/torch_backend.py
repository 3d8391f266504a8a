"""The network on PyTorch, the alternative to ONNX Runtime. Needs torch."""

from pathlib import Path

import numpy as np
import torch

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.attention import TO_HAND, TO_OBJECT, AttentionMaps, attention_maps
from hand_object_pose.estimation.backend import NetworkOutput, WeightsInfo
from hand_object_pose.estimation.network_inputs import ObjectInputs
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.network.checkpoint import load_network
from hand_object_pose.network.model import NetworkPrediction
from hand_object_pose.objects.object_model import ObjectModel


class TorchBackend:
    """Runs a .safetensors file.

    Args:
        path: the weights.
        device: as PyTorch names it, such as "cpu" or "cuda:0".

    Raises:
        UserError: the file is missing or damaged, or the device is not there.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        self._weights = load_weights_info(path)
        network = load_network(path, self._weights.hand)
        try:
            self._network = network.to(device)
        except (RuntimeError, AssertionError) as error:
            raise UserError(f"device '{device}': PyTorch cannot use it ({error}); choose 'cpu'") from error
        self._device = torch.device(device)
        self._inputs = ObjectInputs(self._weights)

    @property
    def weights(self) -> WeightsInfo:
        """What was loaded."""
        return self._weights

    @property
    def device(self) -> str:
        """Where it runs, in words."""
        threads = f", {torch.get_num_threads()} threads" if self._device.type == "cpu" else ""
        return f"{self._device} (PyTorch{threads})"

    def run(self, images: FloatArray, objects: list[ObjectModel]) -> NetworkOutput:
        """Evaluate the network on crops (B, 3, S, S), RGB in [0, 1], and B objects of ``weights.objects``."""
        predicted = self._predict(images, objects)
        return NetworkOutput(
            hand_lixels=predicted.refined_hand.cpu().numpy(),
            hand_sigma=predicted.hand_sigma.cpu().numpy(),
            object_lixels=predicted.rough_object.cpu().numpy(),
            quaternion=predicted.quaternion.cpu().numpy(),
            translation=predicted.translation.cpu().numpy(),
            votes=predicted.votes.cpu().numpy(),
        )

    def attention(self, images: FloatArray, objects: list[ObjectModel]) -> list[AttentionMaps]:
        """See ``AttendingBackend``."""
        predicted = self._predict(images, objects, return_attention=True)
        maps = {TO_HAND: predicted.attention_to_hand, TO_OBJECT: predicted.attention_to_object}
        return attention_maps({key: None if found is None else found.cpu().numpy() for key, found in maps.items()})

    def _predict(
        self, images: FloatArray, objects: list[ObjectModel], return_attention: bool = False
    ) -> NetworkPrediction:
        size = self._weights.lixels.image_size
        check_shape("images", images, (len(objects), 3, size, size))
        image = np.ascontiguousarray(images, dtype=np.float32)
        inputs = (torch.as_tensor(array, device=self._device) for array in (image, *self._inputs(objects)))
        with torch.inference_mode():
            predicted: NetworkPrediction = self._network(*inputs, return_attention=return_attention)
        return predicted
