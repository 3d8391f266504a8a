"""The closed surface of a scan, from which the 1000 vertices are resampled; a lighter mesh to draw where it is huge."""

import numpy as np
import trimesh
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh, unique_edges
from hand_object_pose.geometry.resampling import is_closed, merge_by_position
from hand_object_pose.synthetic.surface_colours import SurfaceColours, has_colours

MOST_FACES = 100_000
# Smaller parts than that, by area, are a scanner's debris.
_DEBRIS_SHARE = 0.01


def solid_of(mesh: trimesh.Trimesh) -> tuple[TriangleMesh, tuple[str, ...]]:
    """The surface without texture seams, debris, needless triangles and holes, as far as they can be closed.

    Args:
        mesh: in the object's frame, metres.

    Returns:
        the surface, closed where possible with faces outward, and sentences on what was found and done.
    """
    surface = merge_by_position(TriangleMesh(np.asarray(mesh.vertices), np.asarray(mesh.faces)))
    surface, debris = _without_debris(surface)
    surface, simplified = _simplified(surface)
    surface, closed = _closed(surface)
    return surface, tuple(finding for finding in (debris, simplified, closed) if finding)


def drawable(mesh: trimesh.Trimesh) -> tuple[trimesh.Trimesh, str]:
    """The mesh with its texture; where it has too many faces, a lighter one with the texture's colours at its corners.

    Returns:
        the mesh, and a sentence; empty where nothing was done.
    """
    if len(mesh.faces) <= MOST_FACES:
        return mesh, ""
    light = decimated(merge_by_position(TriangleMesh(np.asarray(mesh.vertices), np.asarray(mesh.faces))), MOST_FACES)
    colours = SurfaceColours(mesh)(np.asarray(light.vertices, dtype=np.float64)) if has_colours(mesh) else None
    result = trimesh.Trimesh(light.vertices, light.faces, vertex_colors=colours, process=False)
    return result, f"picture: {len(mesh.faces)} faces, drawn with {len(light.faces)}, its corners in the scan's colours"


def decimated(surface: TriangleMesh, faces: int) -> TriangleMesh:
    """A surface of at most about ``faces`` triangles (quadric error metric, VTK)."""
    try:
        import pyvista
    except ImportError as error:
        raise UserError(
            "simplifying a mesh needs the package pyvista; install the synthesis part: "
            "pip install 'hand_object_pose[synthesis]'"
        ) from error
    corners = np.asarray(surface.faces, dtype=int)
    found = pyvista.PolyData.from_regular_faces(np.asarray(surface.vertices, dtype=np.float64), corners)
    light = found.decimate(1 - faces / len(surface.faces), volume_preservation=True)
    return merge_by_position(TriangleMesh(np.asarray(light.points, dtype=np.float64), np.asarray(light.regular_faces)))


def _without_debris(surface: TriangleMesh) -> tuple[TriangleMesh, str]:
    edges = unique_edges(surface.faces)
    count = len(surface.vertices)
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    parts, part_of = connected_components(graph, directed=False)
    if parts == 1:
        return surface, ""
    of_face = part_of[surface.faces[:, 0]]
    areas = trimesh.triangles.area(np.asarray(surface.vertices)[surface.faces])
    shares = np.bincount(of_face, weights=areas, minlength=parts) / areas.sum()
    kept = shares >= _DEBRIS_SHARE
    finding = f"parts: {parts} that do not touch, {int(kept.sum())} of them kept"
    finding += f"; the others have less than {_DEBRIS_SHARE:.0%} of the surface each" if not kept.all() else ""
    return merge_by_position(TriangleMesh(surface.vertices, surface.faces[kept[of_face]])), finding


def _simplified(surface: TriangleMesh) -> tuple[TriangleMesh, str]:
    if len(surface.faces) <= MOST_FACES:
        return surface, ""
    light = decimated(surface, MOST_FACES)
    return light, f"faces: {len(surface.faces)}, simplified to {len(light.faces)} before resampling"


def _closed(surface: TriangleMesh) -> tuple[TriangleMesh, str]:
    if is_closed(surface):
        return surface, "watertight: yes"
    mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
    trimesh.repair.fix_normals(mesh, multibody=True)
    oriented = TriangleMesh(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    if is_closed(oriented):
        return oriented, "watertight: yes, after faces that pointed inward were turned"
    filled, holes, widest = _filled(oriented)
    if is_closed(filled):
        return filled, f"watertight: no, {holes} holes (the widest {widest * 100:.1f} cm) were closed"
    return oriented, (
        f"watertight: no, and its {holes} holes could not be closed; it is used as it is, and whether a point lies "
        "inside is a guess: contacts, penetration and generated grasps suffer. Better close it in a mesh editor"
    )


def _filled(surface: TriangleMesh) -> tuple[TriangleMesh, int, float]:
    """Every loop of open edges closed by a fan around its middle, how many there were, and the largest's width."""
    loops = _open_loops(surface.faces)
    vertices, faces = [np.asarray(surface.vertices)], [surface.faces]
    widest = 0.0
    for number, loop in enumerate(loops):
        points = np.asarray(surface.vertices)[loop]
        vertices.append(points.mean(axis=0, keepdims=True))
        middle = np.full(len(loop), len(surface.vertices) + number)
        faces.append(np.stack([np.roll(loop, -1), loop, middle], axis=1))
        widest = max(widest, float(np.linalg.norm(np.ptp(points, axis=0))))
    return merge_by_position(TriangleMesh(np.concatenate(vertices), np.concatenate(faces))), len(loops), widest


def _open_loops(faces: np.ndarray) -> list[np.ndarray]:
    """Open edges as loops of vertices, in the direction of their faces; those that branch are left out."""
    directed = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    _, number, counts = np.unique(np.sort(directed, axis=1), axis=0, return_inverse=True, return_counts=True)
    following = dict(directed[counts[np.ravel(number)] == 1].tolist())
    loops = []
    while following:
        start = next(iter(following))
        loop, vertex = [start], following.pop(start)
        while vertex in following:
            loop.append(vertex)
            vertex = following.pop(vertex)
        if vertex == start and len(loop) > 2:
            loops.append(np.array(loop))
    return loops
