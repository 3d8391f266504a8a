"""The file beside weights that says how large their errors are: arrays, and a header in JSON."""

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.hand_features import HAND_FEATURES
from hand_object_pose.estimation.pose_features import FEATURES
from hand_object_pose.estimation.uncertainty_model import (
    CovarianceModel,
    HandSigmaModel,
    Inputs,
    LevelModel,
    UncertaintyModel,
)
from hand_object_pose.npz_files import UNREADABLE, write_npz

FORMAT = "hand_object_pose uncertainty 4"
_HEADER, _COLOURS = "header", "colours."
_REGIMES = ("measured", "voted")

Arrays = dict[str, NDArray[Any]]


def uncertainty_path(weights: Path) -> Path:
    """Where the file of weights lies."""
    return weights.with_suffix(".uncertainty.npz")


def write_uncertainty(path: Path, model: UncertaintyModel, made_with: dict[str, Any]) -> None:
    """Write a model; ``made_with`` says how it was made, for people."""
    header = {
        "format": FORMAT,
        "weights": model.weights_hash,
        "objects": model.objects,
        "features": model.features,
        "hand_features": model.hand_features,
        "bones": {"bias": model.bone_bias, "spread": model.bone_spread},
        "made_with": made_with,
    }
    arrays: Arrays = {_HEADER: np.array(json.dumps(header))}
    arrays |= {_COLOURS + name: colours for name, colours in model.colours.items()}
    for name in _REGIMES:
        covariances: CovarianceModel = getattr(model, name)
        hand: HandSigmaModel = getattr(model, f"{name}_hand")
        parts: dict[str, Inputs | LevelModel | CovarianceModel | HandSigmaModel]
        parts = {"inputs": covariances.inputs, "level": covariances.level, "covariances": covariances}
        parts |= {"hand_inputs": hand.inputs, "hand": hand}
        for prefix, part in parts.items():
            for field in fields(part):
                value = getattr(part, field.name)
                if isinstance(value, np.ndarray | float):
                    small = np.int32 if np.asarray(value).dtype.kind == "i" else np.float32
                    arrays[f"{name}.{prefix}.{field.name}"] = np.asarray(value, dtype=small)
    write_npz(path, **arrays)


def read_uncertainty(path: Path, weights_hash: str) -> UncertaintyModel | None:
    """The model in a file; None where there is none, or it is about other weights.

    Raises:
        UserError: it is damaged, or of another version.
    """
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays[_HEADER]))
        _check_version(path, header)
        return _model(header, arrays) if header["weights"] == weights_hash else None
    except (*UNREADABLE, TypeError) as error:
        raise UserError(
            f"{path}: expected how large the weights' errors are, found a damaged file ({error})"
        ) from error


def _check_version(path: Path, header: dict[str, Any]) -> None:
    wanted = {"format": [FORMAT], "features": FEATURES, "hand_features": HAND_FEATURES}
    for name, expected in wanted.items():
        found = [header[name]] if name == "format" else header[name]
        if list(found) != list(expected):
            raise UserError(
                f"{path}: {name}: expected {_apart(expected, found)}, found {_apart(found, expected)}; "
                "delete it, and measure anew with scripts/calibrate_uncertainty.py"
            )


def _apart(these: Sequence[str], others: Sequence[str]) -> str:
    return ", ".join(f"'{each}'" for each in these if each not in others) or "none but the other's, in another order"


def _model(header: dict[str, Any], arrays: Arrays) -> UncertaintyModel:
    return UncertaintyModel(
        header["weights"],
        tuple(header["objects"]),
        {name.removeprefix(_COLOURS): array for name, array in arrays.items() if name.startswith(_COLOURS)},
        tuple(header["features"]),
        tuple(header["hand_features"]),
        _covariances("measured", arrays),
        _covariances("voted", arrays),
        _hand("measured", arrays),
        _hand("voted", arrays),
        float(header["bones"]["bias"]),
        float(header["bones"]["spread"]),
    )


def _covariances(name: str, arrays: Arrays) -> CovarianceModel:
    inputs, level = Inputs(**_part(f"{name}.inputs.", arrays)), LevelModel(**_part(f"{name}.level.", arrays))
    return CovarianceModel(inputs, level, **_part(f"{name}.covariances.", arrays))


def _hand(name: str, arrays: Arrays) -> HandSigmaModel:
    return HandSigmaModel(Inputs(**_part(f"{name}.hand_inputs.", arrays)), **_part(f"{name}.hand.", arrays))


def _part(start: str, arrays: Arrays) -> dict[str, Any]:
    found = {key.removeprefix(start): value for key, value in arrays.items() if key.startswith(start)}
    return {key: _read(value) for key, value in found.items()}


def _read(value: NDArray[Any]) -> NDArray[Any] | float:
    if value.dtype.kind == "i":
        return value
    return value.astype(np.float64) if value.ndim else float(value)
