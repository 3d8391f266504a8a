"""Isotropic remeshing (Botsch and Kobbelt 2004) to exactly 778 vertices with 16 at the wrist's boundary.

A closed hand of 779 vertices from which one of degree 16 is removed has 1554 - 16 = 1538 faces; remeshing the open
hand with a boundary of 16 edges gives the same counts without searching for such a vertex.
"""

from collections.abc import Set

import igl
import numpy as np
import trimesh
from scipy.spatial import cKDTree

from default_hand.edge_mesh import EdgeMesh
from hand_object_pose.arrays import FloatArray, IntArray

NUM_VERTICES = 778
NUM_BOUNDARY = 16
_ROUNDS = 14
_FINAL_ROUNDS = 8


def cut_wrist(vertices: FloatArray, faces: IntArray, x: float) -> tuple[FloatArray, IntArray]:
    """The part of the hand on the fingers' side of a plane across the forearm, open there."""
    cut, kept, _ = trimesh.intersections.slice_faces_plane(vertices, faces, [-1.0, 0, 0], [x, 0, 0])
    mesh = trimesh.Trimesh(cut, kept, process=True)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def remesh(
    vertices: FloatArray,
    faces: IntArray,
    surface: tuple[FloatArray, IntArray],
    sizes: FloatArray,
    pins: FloatArray,
) -> tuple[FloatArray, IntArray]:
    """Remesh an open hand.

    Args:
        vertices, faces: the hand cut at the wrist.
        surface: dense vertices (V, 3) and faces that new vertices are put on.
        sizes: (V,) relative edge length wanted at each dense vertex.
        pins: (P, 3) points of the surface that get a vertex each: the fingertips.
    """
    mesh = EdgeMesh(vertices, faces)
    fixed = _even_boundary(mesh)
    tree = cKDTree(surface[0])
    scale = np.sqrt(_area(vertices, faces) * 4 / np.sqrt(3) / (2 * NUM_VERTICES)) / np.average(sizes)
    for _ in range(_ROUNDS):
        _refine(mesh, fixed, tree, sizes * scale)
        _flip_and_relax(mesh, fixed, surface)
        scale *= np.clip(len(mesh.around) / (NUM_VERTICES + 12), 0.7, 1.4) ** 0.5
    _reach_count(mesh, fixed, tree, sizes)
    pinned = _pin(mesh, pins)
    for _ in range(_FINAL_ROUNDS):
        _flip_and_relax(mesh, fixed, surface, pinned)
    return mesh.arrays()


def _area(vertices: FloatArray, faces: IntArray) -> float:
    return float(igl.doublearea(vertices, faces.astype(np.int64)).sum() / 2)


def _even_boundary(mesh: EdgeMesh) -> set[int]:
    """Collapse boundary edges until 16 are left, then space them evenly; returns the boundary's vertices."""
    perimeter = np.array([mesh.points[vertex] for vertex in _loop(mesh)])
    while len(loop := _loop(mesh)) > NUM_BOUNDARY:
        edges = sorted(zip(loop, loop[1:] + loop[:1], strict=True), key=lambda edge: mesh.length(*edge))
        if not any(mesh.collapse(u, v, (mesh.points[u] + mesh.points[v]) / 2) for u, v in edges):
            raise RuntimeError("the wrist's boundary cannot be reduced to 16 edges")
    for vertex, place in zip(loop, _even_places(perimeter, mesh.points[loop[0]]), strict=True):
        mesh.points[vertex] = place
    return set(loop)


def _loop(mesh: EdgeMesh) -> list[int]:
    directed = [edge for a, b, c in mesh.faces.values() for edge in ((a, b), (b, c), (c, a))]
    following = {u: v for u, v in directed if len(mesh.shared(u, v)) == 1}
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    return loop


def _even_places(loop: FloatArray, start: FloatArray) -> FloatArray:
    """16 points at equal distances along a closed polyline, the first nearest to ``start``."""
    loop = np.roll(loop, -int(np.argmin(np.linalg.norm(loop - start, axis=1))), axis=0)
    closed = np.vstack([loop, loop[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    wanted = np.arange(NUM_BOUNDARY) * along[-1] / NUM_BOUNDARY
    return np.stack([np.interp(wanted, along, closed[:, axis]) for axis in range(3)], axis=1)


def _relative_length(mesh: EdgeMesh, edge: tuple[int, int], tree: cKDTree, sizes: FloatArray) -> float:
    middle = (mesh.points[edge[0]] + mesh.points[edge[1]]) / 2
    return mesh.length(*edge) / float(sizes[tree.query(middle)[1]])


def _pin(mesh: EdgeMesh, pins: FloatArray) -> set[int]:
    """Move the vertex nearest to each point onto it; returns those vertices."""
    used = sorted(mesh.around)
    _, nearest = cKDTree(np.array([mesh.points[vertex] for vertex in used])).query(pins)
    for vertex, point in zip(nearest, pins, strict=True):
        mesh.points[used[vertex]] = point
    return {used[vertex] for vertex in nearest}


def _refine(mesh: EdgeMesh, fixed: set[int], tree: cKDTree, sizes: FloatArray) -> None:
    """Split edges longer than 4/3 and collapse those shorter than 4/5 of the wanted length."""
    for u, v in mesh.edges():
        if not (u in fixed and v in fixed) and _relative_length(mesh, (u, v), tree, sizes) > 4 / 3:
            mesh.split(u, v)
    for u, v in mesh.edges():
        exists = u in mesh.around and v in mesh.around and mesh.shared(u, v)
        if exists and _relative_length(mesh, (u, v), tree, sizes) < 4 / 5:
            _collapse_free(mesh, u, v, fixed)


def _collapse_free(mesh: EdgeMesh, u: int, v: int, fixed: set[int]) -> bool:
    if u in fixed and v in fixed:
        return False
    if v in fixed:
        u, v = v, u
    return mesh.collapse(u, v, mesh.points[u] if u in fixed else (mesh.points[u] + mesh.points[v]) / 2)


def _reach_count(mesh: EdgeMesh, fixed: set[int], tree: cKDTree, sizes: FloatArray) -> None:
    while len(mesh.around) != NUM_VERTICES:
        missing = len(mesh.around) < NUM_VERTICES
        free = [edge for edge in mesh.edges() if not (edge[0] in fixed and edge[1] in fixed)]
        free.sort(key=lambda edge: _relative_length(mesh, edge, tree, sizes), reverse=missing)
        if missing:
            mesh.split(*free[0])
        elif not any(_collapse_free(mesh, u, v, fixed) for u, v in free):
            raise RuntimeError(f"remeshing stopped at {len(mesh.around)} vertices")


def _flip_and_relax(
    mesh: EdgeMesh, fixed: set[int], surface: tuple[FloatArray, IntArray], pinned: Set[int] = frozenset()
) -> None:
    for u, v in mesh.edges():
        faces = mesh.shared(u, v)
        if len(faces) == 2:
            _flip_if_better(mesh, u, v, fixed)
    _relax(mesh, fixed | pinned, surface)


def _flip_if_better(mesh: EdgeMesh, u: int, v: int, fixed: set[int]) -> None:
    corners = [next(iter(set(mesh.faces[face]) - {u, v})) for face in mesh.shared(u, v)]
    wanted = [4 if vertex in fixed else 6 for vertex in (u, v, *corners)]
    degrees = np.array([len(mesh.neighbours(vertex)) for vertex in (u, v, *corners)])
    before = np.sum((degrees - wanted) ** 2)
    after = np.sum((degrees + np.array([-1, -1, 1, 1]) - wanted) ** 2)
    if after < before and degrees[0] > 3 and degrees[1] > 3:
        mesh.flip(u, v)


def _relax(mesh: EdgeMesh, fixed: set[int], surface: tuple[FloatArray, IntArray]) -> None:
    """Move vertices to the middle of their neighbours within the tangent plane, then back onto the surface."""
    vertices = sorted(set(mesh.around) - fixed)
    goals = np.array([_tangential_goal(mesh, vertex) for vertex in vertices])
    _, _, closest = igl.point_mesh_squared_distance(goals, surface[0], surface[1].astype(np.int64))
    for vertex, place in zip(vertices, closest, strict=True):
        mesh.points[vertex] = place


def _tangential_goal(mesh: EdgeMesh, vertex: int) -> FloatArray:
    point = mesh.points[vertex]
    centre, total, normal = np.zeros(3), 0.0, np.zeros(3)
    for face in mesh.around[vertex]:
        a, b, c = (mesh.points[corner] for corner in mesh.faces[face])
        cross = np.cross(b - a, c - a)
        area = float(np.linalg.norm(cross)) ** 0.5
        normal += cross
        centre += area * (a + b + c) / 3
        total += area
    normal /= np.linalg.norm(normal)
    step = centre / total - point
    return point + 0.7 * (step - (step @ normal) * normal)
