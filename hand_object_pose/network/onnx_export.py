"""Export to ONNX, for inference without torch."""

from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from hand_object_pose.estimation.onnx_backend import INPUT_NAMES, OUTPUT_NAMES, SOURCE_HASH_KEY, onnx_path_of
from hand_object_pose.estimation.weights_file import file_hash
from hand_object_pose.network.checkpoint import load_network
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.objects.object_model import NUM_OBJECT_VERTICES

_OPSET = 18


class _Exported(nn.Module):
    """The network as ONNX sees it: a tuple, in the order of ``OUTPUT_NAMES``."""

    def __init__(self, network: HandObjectNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, template: Tensor, neighbours: Tensor) -> tuple[Tensor, ...]:
        predicted = self.network(image, template, neighbours)
        hand = (predicted.refined_hand, predicted.hand_sigma)
        return (*hand, predicted.rough_object, predicted.quaternion, predicted.translation, predicted.votes)


def export_onnx(weights: Path, out: Path | None = None) -> Path:
    """Write the network of ``weights`` (.safetensors) as ONNX and return the file's path.

    The batch and the number of neighbour columns stay free. The SHA-256 of ``weights`` goes into the file, so
    that ONNX Runtime never runs beside weights it was not made from.

    Args:
        weights: a weights file.
        out: where to; beside ``weights``, with the ending .onnx, unless given.
    """
    network = load_network(weights)
    size, target = network.config.image_size, out or onnx_path_of(weights)
    example = (
        torch.rand(2, 3, size, size),
        torch.rand(2, NUM_OBJECT_VERTICES, 3),
        torch.randint(0, NUM_OBJECT_VERTICES + 1, (2, NUM_OBJECT_VERTICES, 9)),
    )
    batch, columns = torch.export.Dim("batch"), torch.export.Dim("columns")
    program = torch.onnx.export(
        _Exported(network).eval(),
        example,
        input_names=list(INPUT_NAMES),
        output_names=list(OUTPUT_NAMES),
        dynamic_shapes=({0: batch}, {0: batch}, {0: batch, 2: columns}),
        opset_version=_OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, {SOURCE_HASH_KEY: file_hash(weights)})
    onnx.save(model, str(target))
    return target
