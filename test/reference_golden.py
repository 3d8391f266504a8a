"""Golden inputs and outputs of the authors' released network (directory from HOP_REFERENCE_GOLDEN), and its weights.

A set holds golden_inputs.npz and golden_outputs.npz; whatever else is needed lies in test/data/reference.
"""

import json
import os
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).parent / "data" / "reference"
DIRECTORY = Path(os.environ.get("HOP_REFERENCE_GOLDEN", DATA))
FINAL = ("obj_verts_refine", "hand_verts_out", "hand_joints_out")
_COARSE_HEADS = tuple(f"{net}mesh_net.conv_{axis}" for net in ("", "obj_") for axis in "xy")


@dataclass(frozen=True)
class Case:
    name: str
    image_bgr: np.ndarray
    templates: np.ndarray
    faces: list[np.ndarray]
    root: np.ndarray
    matrix: np.ndarray
    expected: dict[str, np.ndarray]


@cache
def arrays(directory: Path, file: str) -> dict[str, np.ndarray]:
    with np.load(directory / file) as data:
        return dict(data)


def case_names(directory: Path) -> list[str]:
    return sorted(key.removesuffix("_img") for key in arrays(directory, "golden_inputs.npz") if key.endswith("_img"))


def load_case(directory: Path, name: str) -> Case:
    inputs, outputs = (arrays(directory, f"golden_{kind}.npz") for kind in ("inputs", "outputs"))
    image = inputs[f"{name}_img"]
    matrix = np.tile(np.eye(3), (len(image), 1, 1))
    matrix[:, [0, 1], [0, 1]] = inputs[f"{name}_focal"]
    matrix[:, :2, 2] = inputs[f"{name}_principal_point"]
    return Case(
        name=name,
        image_bgr=image,
        templates=inputs[f"{name}_obj_verts_template"],
        faces=[inputs[f"{name}_obj_faces_{sample}"] for sample in range(len(image))],
        root=inputs[f"{name}_root_joint"].astype(np.float64),
        matrix=matrix,
        expected={key[len(name) + 1 :]: value for key, value in outputs.items() if key.startswith(f"{name}_")},
    )


def shapes() -> dict[str, tuple[int, ...]]:
    """Every tensor of a snapshot, without "module."."""
    keys = json.loads((DATA / "checkpoint_keys.json").read_text())
    return {name.removeprefix("module."): tuple(shape) for name, (shape, _) in keys.items()}


def filled_value(name: str, shape: tuple[int, ...], suffix: str) -> np.ndarray:
    """The rule that fills a tensor, documented with the golden data."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, dtype=np.int64)
    generator = np.random.Generator(np.random.PCG64(zlib.crc32((name + suffix).encode())))
    normal = generator.standard_normal(shape).astype(np.float32)
    tenth = np.float32(0.1)
    if name.endswith("running_var"):
        return 1 + tenth * abs(normal)
    if name.endswith((".running_mean", ".bias", ".eps")):
        return tenth * normal
    if len(shape) == 1:
        return 1 + tenth * normal
    fan = 4 * shape[0] if ".deconv." in name else int(np.prod(shape[1:]))
    return normal * np.float32(_gain(name) * np.sqrt(2 / fan))


def _gain(name: str) -> float:
    rules = (
        (name.endswith("conv3.weight"), 0.25),
        (".downsample." in name, 2**-0.5),
        (name.startswith(_COARSE_HEADS), 16.0),
        (name.startswith(("mesh_net.conv_z.3", "obj_mesh_net.conv_z.3")), 3.0),
        (name.startswith("gcn_a.") and name.endswith("nn.0.weight"), 0.2),
        (name == "gcn_a.tail_o.conv.nn.2.weight", 0.05),
        (name.startswith("gcn_a.a1."), 1.5),
    )
    return next((gain for fits, gain in rules if fits), 1.0)


def filled_tensors(suffix: str) -> dict[str, np.ndarray]:
    """All tensors that the rule fills: everything but the hand layer's."""
    names = {name: shape for name, shape in shapes().items() if not name.startswith("human_model_layer.")}
    return {name: filled_value(name, shape, suffix) for name, shape in names.items()}


def snapshot_tensors(directory: Path) -> dict[str, torch.Tensor]:
    """A snapshot's tensors for a set: filled ones, and the hand layer's faces and joint regressor."""
    inputs = arrays(directory, "golden_inputs.npz")
    tensors = filled_tensors(str(inputs["seed_suffix"]))
    tensors["human_model_layer.th_faces"] = inputs["hand_faces"].astype(np.int64)
    tensors["human_model_layer.th_J_regressor"] = inputs["J_regressor"]
    return {name: torch.from_numpy(np.asarray(array)) for name, array in tensors.items()}


def save_snapshot(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    torch.save({"epoch": 1, "network": {f"module.{name}": value for name, value in tensors.items()}}, path)


def token_numbers() -> np.ndarray:
    """(1000,) file line (from zero) of the vertices "1" ... "1000" sorted as strings."""
    return np.array(sorted(range(1, 1001), key=str)) - 1


def write_template(folder: Path, vertices: np.ndarray, faces: np.ndarray) -> None:
    """An OBJ file whose vertices get the order of ``vertices`` when sorted by token."""
    line_of = token_numbers()
    in_file = np.empty_like(vertices)
    in_file[line_of] = vertices
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in in_file]
    lines += [f"f {a} {b} {c}" for a, b, c in line_of[faces] + 1]
    folder.mkdir(parents=True)
    (folder / "textured_simple_2000.obj").write_text("\n".join(lines) + "\n")
