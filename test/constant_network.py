"""Weights whose network answers the same whatever it is shown: hand and object in the middle of the crop.

The object has its mean pose. The hand is the one at rest, placed like the mean hand: a mean of many attitudes is a
shrunken hand, which the estimator rightly doubts.

For tests of everything around the network, without torch and without trained weights.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hand_object_pose.estimation.onnx_backend import INPUT_NAMES, OUTPUT_NAMES, SOURCE_HASH_KEY, onnx_path_of
from hand_object_pose.estimation.weights_file import file_hash, save_weights_file
from hand_object_pose.evaluation.baseline import Baseline
from hand_object_pose.geometry.se3 import kabsch, transform_points, wxyz_from_rotation
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.network.config import preset_config
from hand_object_pose.objects.catalogue import default_catalogue

# How much of the crop's side a metre takes, about right for hands 0.7 m away.
_CROP_METRES = 0.35
_OPSET = 18


def write_constant_weights(path: Path, object_name: str, baseline: Baseline) -> Path:
    """Write ``path`` (.safetensors) and the .onnx file beside it, for one object."""
    config = preset_config("compact")
    catalogue = default_catalogue()
    objects = {object_name: catalogue[object_name]}
    save_weights_file(path, {"unused": np.zeros(1, np.float32)}, config, default_hand(), objects, {"data": "none"})
    outputs = _answers(baseline, object_name, config.lixels.bins, config.lixels.depth_radius)
    size = config.image_size
    shapes: dict[str, tuple[int, list[str | int]]] = {
        "image": (TensorProto.FLOAT, ["b", 3, size, size]),
        "template": (TensorProto.FLOAT, ["b", 1000, 3]),
        "neighbours": (TensorProto.INT64, ["b", 1000, "k"]),
    }
    inputs = [helper.make_tensor_value_info(name, shapes[name][0], shapes[name][1]) for name in INPUT_NAMES]
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(outputs[name], name)) for name in outputs
    ]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, outputs[name].shape) for name in OUTPUT_NAMES]
    graph = helper.make_graph(nodes, "constant", inputs, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)
    helper.set_model_props(model, {SOURCE_HASH_KEY: file_hash(path)})
    onnx.save(model, str(onnx_path_of(path)))
    return path


def _answers(baseline: Baseline, name: str, bins: int, radius: float) -> dict[str, np.ndarray]:
    pose = baseline.object_poses[name]
    quaternion = wxyz_from_rotation(pose[:3, :3])
    vertices = transform_points(pose, default_catalogue()[name].vertices)
    rest = default_hand().v_template
    hand = transform_points(kabsch(rest, baseline.vertices), rest)
    middle = np.concatenate([hand, vertices]).mean(axis=0)

    def lixels(points: np.ndarray) -> np.ndarray:
        across = 0.5 + (points[:, :2] - middle[:2]) / _CROP_METRES
        along = (points[:, 2:] / radius + 1) / 2
        return np.concatenate([across, along], axis=1) * bins

    origin = lixels(pose[None, :3, 3])[0]
    votes = np.tile(np.concatenate([quaternion, origin]), (1000, 1))
    answers = {
        "hand_lixels": lixels(hand),
        "hand_sigma": np.full((778, 3), 0.5),
        "object_lixels": lixels(vertices),
        "quaternion": quaternion,
        "translation": origin,
        "votes": votes,
    }
    return {key: value[None].astype(np.float32) for key, value in answers.items()}
