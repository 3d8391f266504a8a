"""Import of the authors' snapshots (``snapshot_*.pth.tar``) without executing what they hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hand_object_pose.errors import ForeignDataError, UserError
from hand_object_pose.hand.hand_model import NUM_HAND_VERTICES, HandModel
from hand_object_pose.hand.joints import MANO_PARENTS
from hand_object_pose.network.checkpoint import save_checkpoint
from hand_object_pose.network.config import preset_config
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.network.pickle_names import foreign_names
from hand_object_pose.network.reference_keys import DEAD_BLOCKS, HAND_PREFIX, UNUSED, our_name, their_name
from hand_object_pose.network.reference_templates import load_reference_objects

# The release regresses the middle fingertip from vertex 445, although its own list says 444.
REFERENCE_FINGERTIPS = (745, 317, 445, 556, 673)

_HAND_BUFFERS = {"faces": (1538, 3), "J_regressor": (16, NUM_HAND_VERTICES)}
_OPTIONAL_HAND_BUFFERS = {"v_template": (1, NUM_HAND_VERTICES, 3), "weights": (NUM_HAND_VERTICES, 16)}


@dataclass(frozen=True)
class ImportReport:
    """What an import found.

    Attributes:
        used: tensors that the network took.
        unused: known ones without influence on the result.
        extra: unknown ones, left out.
        missing: tensors of the hand layer that would have been welcome: rest pose, skinning.
        dead_blocks_untrained: whether the residual graph blocks' BatchNorms never left their initial values, as
            they must if training dropped those blocks' results, too; None where there are none to look at.
        objects: names of the templates.
    """

    used: list[str]
    unused: list[str]
    extra: list[str]
    missing: list[str]
    dead_blocks_untrained: bool | None
    objects: list[str]


def import_snapshot(snapshot: Path, objects_directory: Path, out: Path) -> ImportReport:
    """Write a snapshot as weights of the ``reference`` preset.

    Args:
        snapshot: ``snapshot_ho3d.pth.tar``, ``snapshot_dexycb.pth.tar``.
        objects_directory: holds ``<object>/textured_simple_2000.obj``, the authors' own files.
        out: the .safetensors file to write.

    Raises:
        ForeignDataError: the snapshot asks for more than reading tensors.
        UserError: a file is missing, or does not fit.
    """
    objects = load_reference_objects(objects_directory)
    tensors = read_snapshot(snapshot)
    hand, missing = _hand(snapshot, tensors)
    config = preset_config("reference")
    network = HandObjectNetwork(config, hand)
    used = _load(snapshot, network, tensors)
    rest = [name for name in tensors if name not in used]
    report = ImportReport(
        used=sorted(used),
        unused=sorted(name for name in rest if name.startswith(UNUSED)),
        extra=sorted(name for name in rest if not name.startswith(UNUSED)),
        missing=missing,
        dead_blocks_untrained=_dead_blocks_untrained(tensors),
        objects=sorted(objects),
    )
    provenance = {"source": snapshot.name, "imported": "a snapshot of the authors' release, trained by them"}
    save_checkpoint(out, network, config, hand, objects, provenance)
    return report


def read_snapshot(path: Path) -> dict[str, Tensor]:
    """The tensors of ``path``'s entry 'network', without the prefix 'module.'.

    Raises:
        ForeignDataError: it names a class or function that tensors do not need; nothing was executed.
        UserError: it cannot be read, or has no such entry.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such snapshot; give the path of a snapshot_*.pth.tar")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and PyTorch each have their own for a damaged file
        raise _unreadable(path, error) from error
    network = content.get("network") if isinstance(content, Mapping) else None
    if not isinstance(network, Mapping) or not all(isinstance(value, Tensor) for value in network.values()):
        raise UserError(f"{path}: expected a snapshot of the authors' release with an entry 'network', found none")
    return {name.removeprefix("module."): value for name, value in network.items()}


def _unreadable(path: Path, error: Exception) -> UserError:
    """Why a file could not be read: something in it that reading tensors does not need, or damage."""
    told = re.search(r"GLOBAL ([\w.]+)", str(error))
    named = told.group(1) if told else next(iter(foreign_names(path)), None)
    if named is None:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return UserError(f"{path}: expected a PyTorch snapshot, but it cannot be read ({reason})")
    return ForeignDataError(
        f"{path}: refused, because it asks for '{named}', which reading tensors does not need. Nothing was executed. "
        "Get the snapshot again from its official source"
    )


def _load(path: Path, network: HandObjectNetwork, tensors: dict[str, Tensor]) -> set[str]:
    """Fill the network and return the names that went into it."""
    expected = network.state_dict()
    named = {name: our_name(name) for name in tensors}
    renamed = {ours: name for name, ours in named.items() if ours in expected}
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing = sorted(set(expected) - set(renamed) - counters)
    if missing:
        listed = ", ".join(their_name(name) for name in missing)
        raise UserError(f"{path}: {len(missing)} tensors of the released network are missing: {listed}")
    state = {ours: _fitting(path, name, tensors[name], expected[ours]) for ours, name in renamed.items()}
    network.load_state_dict(state, strict=False)
    return set(renamed.values())


def _fitting(path: Path, name: str, tensor: Tensor, expected: Tensor) -> Tensor:
    shaped = tensor.squeeze(-1) if tensor.ndim == expected.ndim + 1 and tensor.shape[-1] == 1 else tensor
    if shaped.shape != expected.shape:
        raise UserError(
            f"{path}: '{name}' does not fit: expected shape {tuple(expected.shape)}, found {tuple(tensor.shape)}; "
            "is it a snapshot of the released ResNet-50 network?"
        )
    return shaped.to(expected.dtype)


def _hand(path: Path, tensors: dict[str, Tensor]) -> tuple[HandModel, list[str]]:
    """The hand model from the snapshot's own MANO layer, and which of its optional buffers are missing."""
    found = {}
    missing = []
    for name, shape in {**_HAND_BUFFERS, **_OPTIONAL_HAND_BUFFERS}.items():
        key = f"{HAND_PREFIX}th_{name}"
        if key in tensors:
            if tuple(tensors[key].shape) != shape:
                raise UserError(f"{path}: '{key}': expected shape {shape}, found {tuple(tensors[key].shape)}")
            found[name] = tensors[key].numpy()
        elif name in _HAND_BUFFERS:
            raise UserError(f"{path}: '{key}' is missing, without which hand joints cannot be computed")
        else:
            missing.append(key)
            found[name] = np.zeros(shape)
    return _hand_model(found), missing


def _hand_model(buffers: dict[str, Any]) -> HandModel:
    return HandModel(
        name="mano_right",
        side="right",
        v_template=buffers["v_template"][0],
        shapedirs=np.zeros((NUM_HAND_VERTICES, 3, 10)),
        posedirs=np.zeros((NUM_HAND_VERTICES, 3, 135)),
        joint_regressor=buffers["J_regressor"],
        weights=buffers["weights"],
        parents=np.array(MANO_PARENTS),
        faces=buffers["faces"],
        hands_components=np.eye(45),
        hands_mean=np.zeros(45),
        fingertips=np.array(REFERENCE_FINGERTIPS),
    )


def _dead_blocks_untrained(tensors: dict[str, Tensor]) -> bool | None:
    norms = {name: value for name, value in tensors.items() if name.startswith(DEAD_BLOCKS) and ".bn" in name}
    initial = {".weight": 1.0, ".bias": 0.0}
    judged = [
        bool((value == start).all())
        for name, value in norms.items()
        for end, start in initial.items()
        if name.endswith(end)
    ]
    return all(judged) if judged else None
