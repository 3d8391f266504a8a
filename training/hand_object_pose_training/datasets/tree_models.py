"""The objects' CAD files of an exported dataset, named and stored as the YCB objects are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.npz_files import write_npz
from hand_object_pose.objects.object_model import ObjectModel, Symmetries
from hand_object_pose.objects.preprocessing import content_hash, resampled_file
from hand_object_pose.objects.symmetry_file import FILE_NAME as SYMMETRIES
from hand_object_pose.objects.visual import load_visual_mesh, texture_image

STAND_INS = {
    "banana": "011_banana",
    "bottle": "006_mustard_bottle",
    "can": "005_tomato_soup_can",
    "carton": "004_sugar_box",
    "drill": "035_power_drill",
    "mug": "025_mug",
}
"""Under which YCB name each default object is exported: both datasets' tools know these names only."""

NOTE_FILE = "SYNTHETIC.txt"
NOTE = (
    "Synthetic. These files have the format of {dataset} and nothing else of it: rendered pictures of the\n"
    "default hand (not MANO) and of stand-ins for objects of the YCB names. Seed {seed}.\n"
    "Format errors found here are errors of the exporter.\n"
)


def write_models(directory: Path, catalogue: Mapping[str, ObjectModel]) -> None:
    """Write ``<name>/textured_simple.obj`` with material, texture and ``points.xyz`` for each object, in metres.

    The 1000 vertices of the catalogue are put beside, so that object and vertex order stay the same ones.
    """
    for name, model in catalogue.items():
        folder = directory / STAND_INS[name]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "textured_simple.obj"
        _write_obj(path, model)
        vertices, faces = model.vertices.astype(np.float32), model.faces.astype(np.int32)
        write_npz(resampled_file(path), vertices=vertices, faces=faces, source=content_hash(path))
    _write_symmetries(directory / SYMMETRIES, catalogue)


def _write_obj(path: Path, model: ObjectModel) -> None:
    mesh = load_visual_mesh(model)
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces) + 1
    uv = np.asarray(getattr(mesh.visual, "uv", np.zeros((len(vertices), 2))))
    texture = texture_image(mesh)
    lines = [f"mtllib {path.name}.mtl", "usemtl material_0"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in uv]
    lines += [f"f {a}/{a} {b}/{b} {c}/{c}" for a, b, c in faces]
    path.write_text("\n".join(lines) + "\n")
    path.with_name(f"{path.name}.mtl").write_text("newmtl material_0\nKd 1 1 1\nmap_Kd texture_map.png\n")
    picture = np.full((8, 8, 3), 160, np.uint8) if texture is None else texture
    cv2.imwrite(str(path.with_name("texture_map.png")), picture[..., ::-1])
    np.savetxt(path.with_name("points.xyz"), model.vertices, fmt="%.6f")


def _write_symmetries(path: Path, catalogue: Mapping[str, ObjectModel]) -> None:
    """The objects' symmetries in this package's own file, which the datasets do not have."""
    entries = {
        STAND_INS[name]: _symmetries(model.symmetries)
        for name, model in catalogue.items()
        if model.symmetries.is_symmetric
    }
    path.write_text(yaml.safe_dump(entries))


def _symmetries(symmetries: Symmetries) -> dict[str, list[dict[str, Any]]]:
    axes = zip(symmetries.axes, symmetries.axis_points, strict=True)
    return {
        "axes": [{"direction": axis.tolist(), "point": point.tolist()} for axis, point in axes],
        "rotations": [_rotation(pose) for pose in symmetries.discrete[1:]],
    }


def _rotation(pose: FloatArray) -> dict[str, Any]:
    """Direction, angle and a point of the axis of a rotation (4, 4)."""
    turn = Rotation.from_matrix(pose[:3, :3]).as_rotvec()
    angle = float(np.linalg.norm(turn))
    point = np.linalg.lstsq(np.eye(3) - pose[:3, :3], pose[:3, 3], rcond=None)[0]
    return {"direction": (turn / angle).tolist(), "degrees": float(np.degrees(angle)), "point": point.tolist()}
