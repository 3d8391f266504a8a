"""Export to ONNX, for inference without torch."""

import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from hand_object_pose.estimation.attention import TO_HAND, TO_OBJECT
from hand_object_pose.estimation.onnx_backend import (
    ATTENTION_KEY,
    INPUT_NAMES,
    OUTPUT_NAMES,
    SOURCE_HASH_KEY,
    onnx_path_of,
)
from hand_object_pose.estimation.weights_file import file_hash
from hand_object_pose.hand.hand_model import NUM_HAND_VERTICES
from hand_object_pose.network.checkpoint import load_network
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.objects.object_model import NUM_OBJECT_VERTICES

_OPSET = 18
# The exporter notes of each node from which module it comes.
_SCOPES, _FIRST_LAYER = "pkg.torch.onnx.name_scopes", "'network.refinement.attention.0'"


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
    with warnings.catch_warnings():
        # Both are about PyTorch's own parts, and nothing that who exports could change.
        warnings.filterwarnings("ignore", message="`isinstance.treespec, LeafSpec")
        warnings.filterwarnings("ignore", message="# The axis name: batch will not be used")
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
    properties = {SOURCE_HASH_KEY: file_hash(weights), ATTENTION_KEY: attention_names(model)}
    onnx.helper.set_model_props(model, properties)
    onnx.save(model, str(target))
    return target


def attention_names(model: onnx.ModelProto) -> str:
    """What the first layer's attention maps are called in a graph, for ``ATTENTION_KEY``; empty: it has none.

    They stay values within the graph: as outputs, they would have to be kept and copied at every evaluation.
    """
    sizes = {
        value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in model.graph.value_info
    }
    wanted = {(NUM_HAND_VERTICES, NUM_OBJECT_VERTICES): TO_HAND, (NUM_OBJECT_VERTICES, NUM_HAND_VERTICES): TO_OBJECT}
    found = {}
    for node in model.graph.node:
        scopes = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "")
        key = wanted.get(tuple(sizes.get(node.output[0], [])[1:]))
        if node.op_type == "Softmax" and key and _FIRST_LAYER in scopes:
            found[key] = node.output[0]
    return " ".join(f"{key}={name}" for key, name in found.items())
