"""Resampling to a fixed number of vertices by ACVD (Valette and Chassery, 2004), as graph networks need it."""

import warnings
from typing import Any

import igl
import numpy as np
import trimesh

from hand_object_pose.arrays import IntArray
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh

# ACVD wants several input vertices a cluster to place its borders well.
_VERTICES_PER_CLUSTER = 15
_ATTEMPTS = 12
_MAX_SPURIOUS_VERTICES = 20


def resample(mesh: TriangleMesh, num_vertices: int = 1000) -> TriangleMesh:
    """A mesh of the same surface with exactly ``num_vertices``, evenly spread, faces outward.

    The same input gives the same output. A closed input gives a closed manifold; corners with equal positions
    (texture seams) count as one vertex.

    Raises:
        UserError: pyacvd is not installed, or no mesh with this number of vertices could be found.
    """
    clean = merge_by_position(mesh)
    closed = is_closed(clean)
    for seed in range(_ATTEMPTS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pyacvd's own use of deprecated parts of PyVista
            candidate = _cluster(_shuffled(clean, seed), num_vertices)
        if len(candidate.vertices) == num_vertices and (not closed or is_closed(candidate)):
            return candidate
    kind = "a closed mesh" if closed else "a mesh"
    raise UserError(
        f"resampling: expected {kind} of {num_vertices} vertices from one of {len(clean.vertices)} vertices and "
        f"{len(clean.faces)} faces, but ACVD found none in {_ATTEMPTS} attempts; "
        "repair the mesh (self-intersections, loose parts) or simplify it"
    )


def merge_by_position(mesh: TriangleMesh) -> TriangleMesh:
    """The mesh with equal positions merged, empty faces and unused vertices gone; a closed one turned outward."""
    merged = trimesh.Trimesh(np.asarray(mesh.vertices, dtype=np.float64), mesh.faces, process=False)
    merged.merge_vertices(merge_tex=True, merge_norm=True)
    merged.update_faces(merged.nondegenerate_faces() & merged.unique_faces())
    merged.remove_unreferenced_vertices()
    faces = np.asarray(merged.faces)
    if merged.is_watertight and merged.is_winding_consistent and merged.volume < 0:
        faces = faces[:, ::-1]
    return TriangleMesh(np.asarray(merged.vertices), np.ascontiguousarray(faces))


def is_closed(mesh: TriangleMesh) -> bool:
    """Whether every edge has two faces, wound consistently, and each vertex one fan of them: a closed manifold."""
    surface = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    faces = np.ascontiguousarray(mesh.faces, dtype=np.int64)
    fans = len(faces) > 0 and bool(np.all(igl.is_vertex_manifold(faces)))
    return bool(surface.is_watertight and surface.is_winding_consistent and fans)


def _shuffled(mesh: TriangleMesh, seed: int) -> TriangleMesh:
    """The same mesh with vertices and faces in another order, from which ACVD starts differently."""
    if seed == 0:
        return mesh
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(mesh.vertices))
    faces = np.argsort(order)[mesh.faces]
    return TriangleMesh(mesh.vertices[order], faces[rng.permutation(len(faces))])


def _cluster(mesh: TriangleMesh, num_vertices: int) -> TriangleMesh:
    """ACVD, asking for more clusters while a few of them come out empty or unused."""
    acvd, pyvista = _import_acvd()
    clustering = acvd.Clustering(pyvista.PolyData.from_regular_faces(mesh.vertices, mesh.faces))
    wanted = _VERTICES_PER_CLUSTER * num_vertices
    while clustering.mesh.n_points < wanted:
        clustering.subdivide(1)
    result, clusters = mesh, num_vertices
    faces = np.ascontiguousarray(mesh.faces, dtype=np.int64)
    for _ in range(4):
        clustering.cluster(clusters)
        # pyacvd's own way of moving cluster centres to the surface lands on the far side of thin walls.
        found = clustering.create_mesh(moveclus=False)
        centres = np.asarray(found.points, dtype=np.float64)
        _, _, on_surface = igl.point_mesh_squared_distance(centres, mesh.vertices, faces)
        result = _oriented(TriangleMesh(on_surface, found.regular_faces))
        missing = num_vertices - len(result.vertices)
        if missing == 0 or abs(missing) > _MAX_SPURIOUS_VERTICES:
            break
        clusters += missing
    return result


def _oriented(mesh: TriangleMesh) -> TriangleMesh:
    """Consistent winding in each component: the side on which most of its faces were already."""
    faces = np.ascontiguousarray(mesh.faces, dtype=np.int64)
    turned, component = igl.bfs_orient(faces)
    # A cyclic shift keeps a face's winding, so compare by the place of its smallest corner.
    agrees = np.where(np.all(_rolled(turned) == _rolled(faces), axis=1), 1, -1)
    votes = np.bincount(component, weights=agrees)
    flip = votes[component] < 0
    turned[flip] = turned[flip][:, ::-1]
    surface = trimesh.Trimesh(mesh.vertices, turned, process=False)
    if surface.is_watertight and surface.volume < 0:
        turned = turned[:, ::-1]
    return TriangleMesh(mesh.vertices, np.ascontiguousarray(turned))


def _rolled(faces: IntArray) -> IntArray:
    """Faces (F, 3) shifted so that the smallest corner comes first."""
    shift = (np.argmin(faces, axis=1)[:, None] + np.arange(3)) % 3
    return np.take_along_axis(faces, shift, axis=1)


def _import_acvd() -> tuple[Any, Any]:
    try:
        import pyacvd
        import pyvista
    except ImportError as error:
        raise UserError(
            "resampling a mesh needs the package pyacvd, which is not installed; "
            "install the synthesis part: pip install 'hand_object_pose[synthesis]'"
        ) from error
    return pyacvd, pyvista
