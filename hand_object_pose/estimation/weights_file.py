"""Our weights: one safetensors file that also holds what they were trained on. Reading one never executes code.

Its header carries JSON: the network's configuration, the hand model's and the objects' names and hashes, the
objects' symmetries, and the provenance. Meshes are tensors beside the network's own. Needs no torch.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.uncertainty_file import read_uncertainty, uncertainty_path
from hand_object_pose.hand.hand_model import NUM_HAND_VERTICES, HandModel
from hand_object_pose.network.config import NetworkConfig, config_from_dict, config_to_dict
from hand_object_pose.objects.object_model import ObjectModel, Symmetries
from hand_object_pose.tensor_files import write_tensors

Tensors = dict[str, NDArray[Any]]

FORMAT = "hand_object_pose weights"
VERSION = "1"
NETWORK_PREFIX = "network."
# What the network's output depends on and messages show; a hand's shape and pose space stay with its owner.
_HAND_ARRAYS = ("v_template", "joint_regressor", "weights", "parents", "faces", "fingertips")
_INTEGERS = ("parents", "faces", "fingertips")


def save_weights_file(
    path: Path,
    network: Tensors,
    config: NetworkConfig,
    hand: HandModel,
    objects: Mapping[str, ObjectModel],
    provenance: Mapping[str, str],
) -> None:
    """Write weights.

    Args:
        path: ends with .safetensors.
        network: the state dict, without a prefix.
        config: the network's configuration.
        hand: the hand model it was trained on; its shape and pose space are not stored.
        objects: the catalogue it was trained on, by name.
        provenance: free text fields.
    """
    tensors = {NETWORK_PREFIX + name: np.ascontiguousarray(array) for name, array in network.items()}
    for name in _HAND_ARRAYS:
        tensors[f"hand.{name}"] = _stored(getattr(hand, name), name in _INTEGERS)
    for model in objects.values():
        tensors[f"catalogue.{model.name}.vertices"] = _stored(model.vertices, integer=False)
        tensors[f"catalogue.{model.name}.faces"] = _stored(model.faces, integer=True)
    header = {
        "config": config_to_dict(config),
        "hand": {"name": hand.name, "side": hand.side, "hash": hand.hash},
        "catalogue": {model.name: _object_header(model) for model in objects.values()},
        "provenance": dict(provenance),
    }
    metadata = {"format": FORMAT, "version": VERSION, **{key: json.dumps(value) for key, value in header.items()}}
    write_tensors(path, tensors, metadata)


def load_weights_info(path: str | Path) -> WeightsInfo:
    """What weights say about themselves; the network's own tensors are not read.

    Raises:
        UserError: no such file, not one of ours, of a later version, or its parts do not fit each other.
    """
    path = Path(path)
    with _open(path) as file:
        header = _header(path, file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys() if not name.startswith(NETWORK_PREFIX)}  # noqa: SIM118
    config = _config(path, header["config"])
    try:
        hand = _hand(header["hand"], tensors)
        objects = {name: _object(name, entry, tensors) for name, entry in header["catalogue"].items()}
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: the weights are incomplete ({error}); export or download them again") from error
    _check_hashes(path, header, hand, objects)
    sha256 = file_hash(path)
    uncertainty = read_uncertainty(uncertainty_path(path), sha256)
    if uncertainty is not None:
        objects = {name: replace(model, colours=uncertainty.colours.get(name)) for name, model in objects.items()}
    return WeightsInfo(
        path.stem, sha256, config.preset, config.lixels, hand, objects, dict(header["provenance"]), uncertainty
    )


def load_network_tensors(path: str | Path) -> tuple[NetworkConfig, Tensors]:
    """The configuration and the network's state dict, without a prefix.

    Raises:
        UserError: as ``load_weights_info``.
    """
    path = Path(path)
    with _open(path) as file:
        config = _config(path, _header(path, file.metadata())["config"])
        names = [name for name in file.keys() if name.startswith(NETWORK_PREFIX)]  # noqa: SIM118
        return config, {name[len(NETWORK_PREFIX) :]: file.get_tensor(name) for name in names}


def file_hash(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _open(path: Path) -> Any:
    if not path.is_file():
        raise UserError(f"{path}: no such weights; give the path of a .safetensors file")
    try:
        return safe_open(str(path), framework="numpy")
    except SafetensorError as error:
        raise UserError(f"{path}: expected a safetensors file, but it cannot be read ({error})") from error


def _header(path: Path, metadata: dict[str, str] | None) -> dict[str, Any]:
    found = metadata or {}
    if found.get("format") != FORMAT:
        raise UserError(
            f"{path}: expected weights of hand_object_pose, found another safetensors file. A snapshot of the authors' "
            "release is imported with `hand-object-pose import-checkpoint`"
        )
    if found.get("version") != VERSION:
        raise UserError(
            f"{path}: expected weights of version {VERSION}, found {found.get('version')}; update this package"
        )
    try:
        return {key: json.loads(found[key]) for key in ("config", "hand", "catalogue", "provenance")}
    except (KeyError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: the weights' header is damaged ({error!r}); download them again") from error


def _config(path: Path, data: dict[str, Any]) -> NetworkConfig:
    try:
        return config_from_dict(data)
    except (TypeError, KeyError, ValueError) as error:
        raise UserError(
            f"{path}: the network's configuration is not understood ({error}); update this package"
        ) from error


def _stored(array: NDArray[Any], integer: bool) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=np.int32 if integer else np.float32)


def _object_header(model: ObjectModel) -> dict[str, Any]:
    symmetries = {name: np.asarray(value).tolist() for name, value in vars(model.symmetries).items()}
    return {"hash": model.hash, "symmetries": symmetries}


def _object(name: str, header: dict[str, Any], tensors: Tensors) -> ObjectModel:
    shapes = {"discrete": (-1, 4, 4), "axes": (-1, 3), "axis_points": (-1, 3)}
    stored = {key: np.reshape(header["symmetries"][key], shape) for key, shape in shapes.items()}
    vertices = tensors[f"catalogue.{name}.vertices"].astype(np.float64)
    return ObjectModel(name, vertices, tensors[f"catalogue.{name}.faces"], Symmetries(**stored))


def _hand(header: dict[str, Any], tensors: Tensors) -> HandModel:
    arrays = {name: tensors[f"hand.{name}"] for name in _HAND_ARRAYS}
    arrays = {name: array if name in _INTEGERS else array.astype(np.float64) for name, array in arrays.items()}
    return HandModel(
        name=header["name"],
        side=header["side"],
        shapedirs=np.zeros((NUM_HAND_VERTICES, 3, 10)),
        posedirs=np.zeros((NUM_HAND_VERTICES, 3, 135)),
        hands_components=np.eye(45),
        hands_mean=np.zeros(45),
        **arrays,
    )


def _check_hashes(path: Path, header: dict[str, Any], hand: HandModel, objects: dict[str, ObjectModel]) -> None:
    expected = {"hand": header["hand"]["hash"], **{name: entry["hash"] for name, entry in header["catalogue"].items()}}
    found = {"hand": hand.hash, **{name: model.hash for name, model in objects.items()}}
    wrong = [name for name, value in expected.items() if found[name] != value]
    if wrong:
        raise UserError(f"{path}: the meshes of {', '.join(wrong)} do not match their hashes; the file is damaged")
