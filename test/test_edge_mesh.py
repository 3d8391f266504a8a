"""The default hand's remesher edits edge by edge: whatever is asked of it, the surface stays a closed manifold."""

import sys
from pathlib import Path

import numpy as np
import trimesh

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from default_hand.edge_mesh import EdgeMesh


def random_edits(seed: int, rounds: int) -> tuple[EdgeMesh, dict[str, int]]:
    sphere = trimesh.creation.icosphere(subdivisions=2)
    mesh, rng = EdgeMesh(np.asarray(sphere.vertices), np.asarray(sphere.faces)), np.random.default_rng(seed)
    done = {"collapse": 0, "split": 0, "flip": 0}
    for _ in range(rounds):
        edges = mesh.edges()
        u, v = edges[rng.integers(len(edges))]
        kind = ("collapse", "split", "flip")[rng.integers(3)]
        if kind == "split":
            mesh.split(u, v)
            done[kind] += 1
        elif kind == "flip":
            done[kind] += mesh.flip(u, v)
        else:
            done[kind] += mesh.collapse(u, v, (mesh.points[u] + mesh.points[v]) / 2)
    return mesh, done


def test_random_edits_keep_a_closed_oriented_sphere() -> None:
    mesh, done = random_edits(seed=1, rounds=300)
    vertices, faces = mesh.arrays()
    assert min(done.values()) > 20, "every kind of edit must have been exercised"
    assert len(vertices) == 162 + done["split"] - done["collapse"]
    result = trimesh.Trimesh(vertices, faces, process=False)
    assert result.is_watertight
    assert result.is_winding_consistent
    assert result.euler_number == 2
    assert 0.7 * 4 / 3 * np.pi < result.volume < 4 / 3 * np.pi


def test_refuses_to_pinch_a_tetrahedron() -> None:
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    mesh = EdgeMesh(corners, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]))
    assert not mesh.flip(0, 1)
    assert not mesh.collapse(0, 1, corners[0])
    assert len(mesh.faces) == 4
