"""Small exported trees, made once a process, and hand-made files in the datasets' formats."""

import atexit
import pickle
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from hand_object_pose_training.datasets.export import ExportDatasetConfig, export_dataset

K = np.array([[600.0, 0, 320], [0, 610.0, 240], [0, 0, 1]])


@cache
def exported(kind: str) -> Path:
    """An exported tree; copy it before changing anything."""
    root = Path(tempfile.mkdtemp(prefix="hand_object_pose_tree_"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    frames = {"ho3d": 12, "dexycb": 32}[kind]
    export_dataset(ExportDatasetConfig(root / kind, kind, frames, seed=3))  # type: ignore[arg-type]
    return root / kind


def distances_to_triangles(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(N,) by trimesh, each of points (N, 3) against every triangle (F, 3, 3)."""
    nearest = [trimesh.triangles.closest_point(triangles, np.tile(point, (len(triangles), 1))) for point in points]
    return np.array([np.linalg.norm(near - point, axis=1).min() for near, point in zip(nearest, points, strict=True)])


def ho3d_annotation(**changes: Any) -> dict[str, Any]:
    """A complete annotation of HO3D's training split."""
    return {
        "handPose": np.zeros(48),
        "handTrans": np.array([0.0, 0.0, -0.6]),
        "handBeta": np.zeros(10),
        "handJoints3D": np.arange(63.0).reshape(21, 3) / 1000 + [0, 0, -0.6],
        "objRot": np.array([[0.3], [0.2], [0.1]]),
        "objTrans": np.array([0.05, 0.1, -0.5]),
        "objCorners3DRest": np.zeros((8, 3)),
        "objCorners3D": np.zeros((8, 3)),
        "objName": "025_mug",
        "objLabel": 14,
        "camMat": K,
        "camIDList": ["0"],
        **changes,
    }


def write_ho3d(root: Path, annotations: dict[str, dict[str, Any]], split: str = "train", protocol: int = 2) -> Path:
    """Annotations by key as an HO3D tree without images."""
    for key, annotation in annotations.items():
        sequence, number = key.split("/")
        path = root / split / sequence / "meta" / f"{number}.pkl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(annotation, protocol=protocol))
    # Line endings of Windows and a blank line, as downloaded copies have them.
    (root / f"{split}.txt").write_bytes("\r\n".join([*annotations, ""]).encode() + b"\r\n")
    return root
