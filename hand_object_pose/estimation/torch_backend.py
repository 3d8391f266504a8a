"""The network on PyTorch, the alternative to ONNX Runtime. Needs torch."""

import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.attention import TO_HAND, TO_OBJECT, AttentionMaps, attention_maps
from hand_object_pose.estimation.backend import SINGLE, NetworkOutput, WeightsInfo
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
        precision: one of ``backend.PRECISIONS``, by PyTorch's autocast.

    Raises:
        UserError: the file is missing or damaged, the device is not there, or has no such precision.
    """

    def __init__(self, path: Path, device: str = "cpu", precision: str = SINGLE) -> None:
        self._weights = load_weights_info(path)
        network = load_network(path, self._weights.hand)
        try:
            self._network = network.to(device)
        except (RuntimeError, AssertionError) as error:
            raise UserError(f"device '{device}': PyTorch cannot use it ({error}); choose 'cpu'") from error
        self._device = torch.device(device)
        self._precision = precision
        self._require_precision()
        self._inputs = ObjectInputs(self._weights)

    @property
    def weights(self) -> WeightsInfo:
        """What was loaded."""
        return self._weights

    @property
    def device(self) -> str:
        """Where it runs, in words."""
        threads = f", {torch.get_num_threads()} threads" if self._device.type == "cpu" else ""
        precision = "" if self._precision == SINGLE else f", {self._precision}"
        return f"{self._device} (PyTorch{threads}{precision})"

    def run(self, images: FloatArray, objects: list[ObjectModel]) -> NetworkOutput:
        """Evaluate the network on crops (B, 3, S, S), RGB in [0, 1], and B objects of ``weights.objects``."""
        predicted = self._predict(images, objects)
        return NetworkOutput(
            hand_lixels=_array(predicted.refined_hand),
            hand_sigma=_array(predicted.hand_sigma),
            object_lixels=_array(predicted.rough_object),
            quaternion=_array(predicted.quaternion),
            translation=_array(predicted.translation),
            votes=_array(predicted.votes),
        )

    def attention(self, images: FloatArray, objects: list[ObjectModel]) -> list[AttentionMaps]:
        """See ``AttendingBackend``."""
        predicted = self._predict(images, objects, return_attention=True)
        maps = {TO_HAND: predicted.attention_to_hand, TO_OBJECT: predicted.attention_to_object}
        return attention_maps({key: None if found is None else _array(found) for key, found in maps.items()})

    def _predict(
        self, images: FloatArray, objects: list[ObjectModel], return_attention: bool = False
    ) -> NetworkPrediction:
        size = self._weights.lixels.image_size
        check_shape("images", images, (len(objects), 3, size, size))
        image = np.ascontiguousarray(images, dtype=np.float32)
        inputs = (torch.as_tensor(array, device=self._device) for array in (image, *self._inputs(objects)))
        with torch.inference_mode(), self._autocast():
            predicted: NetworkPrediction = self._network(*inputs, return_attention=return_attention)
        return predicted

    def _autocast(self) -> AbstractContextManager:
        if self._precision == SINGLE:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self._precision))

    def _require_precision(self) -> None:
        """Where a device lacks it, autocast raises, or warns and computes in single precision."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                self._autocast()
        except (RuntimeError, UserWarning) as error:
            raise UserError(
                f"precision '{self._precision}': PyTorch does not have it on the device '{self._device}' ({error}); "
                f"choose the precision '{SINGLE}'"
            ) from error


def _array(tensor: torch.Tensor) -> FloatArray:
    """float32, whatever the precision was."""
    return tensor.float().cpu().numpy()
