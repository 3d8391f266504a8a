"""An estimate as files that other programs read: JSON with all numbers, GLB with the meshes."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.drawing.overlay import HAND_COLOUR, OBJECT_COLOUR
from hand_object_pose.geometry.se3 import pose_matrix, quaternion_wxyz_to_xyzw, wxyz_from_rotation
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.visual import load_visual_mesh

FORMAT = "hand_object_pose estimate 1"
CONVENTION = (
    "metres; camera optical frame: x right, y down, z forward; quaternion x, y, z, w; "
    "boxes in pixels, (0, 0) is the centre of the top-left pixel"
)
# glTF has y up and looks along -z.
_CAMERA_TO_GLTF = pose_matrix(np.diag([1.0, -1.0, -1.0]), np.zeros(3))


def estimate_as_dict(pair: HandObjectEstimate, weights: WeightsInfo) -> dict[str, Any]:
    """Everything of an estimate as plain numbers, lists and texts; NaN becomes None."""
    plain = _plain(pair)
    if pair.object is not None:
        quaternion = quaternion_wxyz_to_xyzw(wxyz_from_rotation(pair.object.pose[:3, :3]))
        plain["object"] |= {"position": pair.object.pose[:3, 3].tolist(), "quaternion_xyzw": quaternion.tolist()}
    origin = {"weights": weights.name, "weights_hash": weights.hash, "preset": weights.preset}
    hand = {"hand_model": weights.hand.name, "hand_model_hash": weights.hand.hash}
    return {"format": FORMAT, "convention": CONVENTION, **origin, **hand, "estimate": plain}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Strict JSON (no NaN)."""
    path.write_text(json.dumps(content, allow_nan=False, indent=1) + "\n", encoding="utf-8")


def write_glb(path: Path, pair: HandObjectEstimate, weights: WeightsInfo) -> None:
    """The meshes as nodes "hand" and "object" of a node "camera", which is the optical frame in glTF's axes.

    Raises:
        ValueError: the estimate holds neither hand nor object.
    """
    if pair.hand is None and pair.object is None:
        raise ValueError("write_glb: the estimate holds neither hand nor object")
    scene = trimesh.Scene(base_frame="world")
    scene.graph.update(frame_to="camera", frame_from="world", matrix=_CAMERA_TO_GLTF)
    if pair.hand is not None:
        hand = _coloured(pair.hand.vertices, weights.hand.faces_of(pair.hand.side), HAND_COLOUR)
        scene.add_geometry(hand, node_name="hand", geom_name="hand", parent_node_name="camera")
    if pair.object is not None:
        mesh = _object_mesh(weights.objects[pair.object.name])
        name, pose = pair.object.name, pair.object.pose
        scene.add_geometry(mesh, node_name="object", geom_name=name, parent_node_name="camera", transform=pose)
    path.write_bytes(scene.export(file_type="glb"))


def _object_mesh(model: ObjectModel) -> trimesh.Trimesh:
    """The CAD file with its texture, else the mesh that the network knows."""
    try:
        return load_visual_mesh(model)
    except UserError:
        return _coloured(model.vertices, model.faces, OBJECT_COLOUR)


def _coloured(vertices: NDArray, faces: NDArray, colour: tuple[int, int, int]) -> trimesh.Trimesh:
    colours = np.tile([*colour, 255], (len(vertices), 1)).astype(np.uint8)
    return trimesh.Trimesh(vertices, faces, vertex_colors=colours, process=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(entry) for name, entry in vars(value).items()}
    return value
