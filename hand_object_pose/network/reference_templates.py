"""Object templates in the vertex order that the authors' weights know.

Their object networks predict vertices in the order of the released loader: not the file's order, but that of the
face corners' tokens (such as "12/40/7") sorted as strings. Another order gives no error, only wrong results.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.objects.object_model import NUM_OBJECT_VERTICES, ObjectModel

TEMPLATE_FILE = "textured_simple_2000.obj"


def load_reference_objects(directory: Path) -> dict[str, ObjectModel]:
    """The authors' templates, by folder name: ``directory/<name>/textured_simple_2000.obj``.

    Raises:
        UserError: there are none, or one cannot be used.
    """
    files = sorted(directory.glob(f"*/{TEMPLATE_FILE}"))
    if not files:
        raise UserError(
            f"{directory}: expected the authors' own templates as <object>/{TEMPLATE_FILE}, found none. Their vertex "
            "order is in the weights, so that meshes resampled here cannot take their place; get them with the snapshot"
        )
    meshes = {file.parent.name: load_reference_template(file, directory) for file in files}
    return {name: ObjectModel(name, mesh.vertices, mesh.faces) for name, mesh in meshes.items()}


def load_reference_template(path: Path, root: Path) -> TriangleMesh:
    """One template as the released code loads it.

    Token order, unless that does not give 1000 vertices (texture seams split some) or ``root`` contains
    "meshlab": then the file's order.

    Raises:
        UserError: the file cannot be read, or neither order has 1000 vertices.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        mesh = file_order(text) if "meshlab" in str(root) else token_order(text)
        if len(mesh.vertices) != NUM_OBJECT_VERTICES:
            mesh = file_order(text)
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{path}: expected a Wavefront OBJ with vertices and faces ({error})") from error
    if len(mesh.vertices) != NUM_OBJECT_VERTICES:
        raise UserError(
            f"{path}: expected {NUM_OBJECT_VERTICES} vertices, found {len(mesh.vertices)}; the weights need the "
            "authors' own file, not a mesh resampled here"
        )
    return mesh


def token_order(text: str) -> TriangleMesh:
    """Vertices by sorted face-corner tokens; unused ones vanish, and seams split them."""
    positions, corners = _parse(text)
    tokens = sorted({token for corner in corners for token in corner})
    number = {token: index for index, token in enumerate(tokens)}
    used = np.array([_position(token) for token in tokens], dtype=np.int64)
    return TriangleMesh(positions[used], _triangles([[number[token] for token in corner] for corner in corners]))


def file_order(text: str) -> TriangleMesh:
    """Vertices in the order of the file's ``v`` lines."""
    positions, corners = _parse(text)
    return TriangleMesh(positions, _triangles([[_position(token) for token in corner] for corner in corners]))


def _parse(text: str) -> tuple[np.ndarray, list[list[str]]]:
    """Positions (V, 3) and the tokens of each face."""
    lines = [line.split() for line in text.splitlines()]
    positions = [[float(value) for value in line[1:4]] for line in lines if line[:1] == ["v"]]
    corners = [line[1:] for line in lines if line[:1] == ["f"]]
    if not positions or not corners:
        raise ValueError("no vertices or no faces")
    return np.array(positions), corners


def _position(token: str) -> int:
    """Zero-based position index of a token."""
    index = int(token.split("/")[0])
    if index < 1:
        raise ValueError(f"face index {index}: expected positive ones")
    return index - 1


def _triangles(faces: Sequence[Sequence[int]]) -> np.ndarray:
    """Triangles (F, 3); a quad becomes two, in place."""
    triangles: list[Sequence[int]] = []
    for face in faces:
        if len(face) not in (3, 4):
            raise ValueError(f"a face of {len(face)} corners: expected 3 or 4")
        triangles.append(face[:3])
        if len(face) == 4:
            triangles.append((face[2], face[3], face[0]))
    return np.array(triangles, dtype=np.int64)
