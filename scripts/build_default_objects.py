"""Build the default objects from nothing but formulas: shapes, paint, texture atlas, resampled mesh.

    pip install -e '.[synthesis,assets]'
    python scripts/build_default_objects.py hand_object_pose/assets/objects

Deterministic. Weights are trained on the vertex order of the result: build into another directory to try a change.
"""

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pyacvd
import pyvista
import trimesh
import tyro
from default_objects_paint import PAINT, Paint
from default_objects_shapes import SHAPES, Shape
from numpy.typing import NDArray
from PIL import Image
from run_script import run_script

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh, vertex_normals
from hand_object_pose.geometry.resampling import is_closed, merge_by_position
from hand_object_pose.objects.preprocessing import resampled_file, save_resampled

Array = NDArray[np.float64]

GRID_SPACING = 0.0012
VISUAL_VERTICES = 3500
TEXTURE_SIZE = 512
SUPERSAMPLING = 2


def surface(shape: Shape) -> TriangleMesh:
    """A closed, evenly triangulated mesh of the solid's surface, centred on its nominal bounding box."""
    low, high = np.array(shape.low) - 0.004, np.array(shape.high) + 0.004
    counts = np.ceil((high - low) / GRID_SPACING).astype(int) + 1
    axes = [low[i] + GRID_SPACING * np.arange(counts[i]) for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    grid = pyvista.ImageData(dimensions=tuple(counts), spacing=(GRID_SPACING,) * 3, origin=tuple(low))
    grid["distance"] = shape.distance(points).ravel(order="F")
    even = evenly_triangulated(grid.contour([0.0], scalars="distance"))
    centre = (np.array(shape.low) + shape.high) / 2
    result = TriangleMesh(on_surface(shape, even.vertices.astype(np.float64)) - centre, even.faces)
    if not is_closed(result):
        raise RuntimeError("the surface is not closed: change VISUAL_VERTICES or GRID_SPACING")
    return result


def evenly_triangulated(contour: pyvista.PolyData) -> TriangleMesh:
    """The contour with ``VISUAL_VERTICES`` vertices, faces outward; they are moved onto the exact surface later."""
    merged = merge_by_position(
        TriangleMesh(np.asarray(contour.points, dtype=np.float64), np.asarray(contour.regular_faces, dtype=np.int64))
    )
    vertices, faces = merged.vertices.astype(np.float64), merged.faces.astype(int)
    clustering = pyacvd.Clustering(pyvista.PolyData.from_regular_faces(vertices, faces))
    while clustering.mesh.n_points < 15 * VISUAL_VERTICES:
        clustering.subdivide(1)
    clustering.cluster(VISUAL_VERTICES)
    mesh = clustering.create_mesh()
    result = trimesh.Trimesh(np.asarray(mesh.points, dtype=np.float64), mesh.regular_faces, process=False)
    trimesh.repair.fix_normals(result)
    return TriangleMesh(np.asarray(result.vertices), np.asarray(result.faces))


def on_surface(shape: Shape, points: Array, steps: int = 3) -> Array:
    """Points moved onto the surface by Newton steps along the gradient (central differences)."""
    offsets = 1e-5 * np.eye(3)
    for _ in range(steps):
        gradient = np.stack([shape.distance(points + o) - shape.distance(points - o) for o in offsets], -1) / 2e-5
        squared = np.maximum((gradient**2).sum(axis=-1), 0.25)
        points = points - (shape.distance(points) / squared)[:, None] * gradient
    return points


def unwrap(mesh: TriangleMesh) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Source vertex of each atlas vertex (A,), faces (F, 3) of the atlas, texture coordinates (A, 2)."""
    import xatlas

    atlas = xatlas.Atlas()
    atlas.add_mesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32))
    packing = xatlas.PackOptions()
    packing.resolution, packing.padding = TEXTURE_SIZE, 3
    atlas.generate(pack_options=packing)
    source, faces, coordinates = atlas[0]
    return source.astype(np.int64), faces.astype(np.int64), coordinates.astype(np.float64)


def bake(vertices: Array, normals: Array, faces: NDArray[np.int64], uv: Array, paint: Paint) -> Image.Image:
    """Texture in which each texel has the paint of the surface point that it covers; gaps filled by the nearest."""
    size = TEXTURE_SIZE * SUPERSAMPLING
    texels = np.column_stack([uv[:, 0], 1 - uv[:, 1]]) * size - 0.5
    picture, covered = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), bool)
    for face in faces:
        rows, columns, weights = covered_texels(texels[face], size)
        if len(rows):
            normal = weights @ normals[face]
            normal /= np.linalg.norm(normal, axis=1, keepdims=True)
            picture[rows, columns] = np.clip(paint(weights @ vertices[face], normal), 0, 255)
            covered[rows, columns] = True
    _, nearest = cv2.distanceTransformWithLabels(
        (~covered).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((nearest.max() + 1, 3), np.uint8)
    colours[nearest[covered]] = picture[covered]
    small = cv2.resize(colours[nearest], (TEXTURE_SIZE, TEXTURE_SIZE), interpolation=cv2.INTER_AREA)
    return Image.fromarray(small)


def covered_texels(corners: Array, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Rows, columns and barycentric weights of texels in (or within a texel of) a triangle (3, 2) of the atlas."""
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, size - 1)
    columns, rows = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
    edges = (corners[1:] - corners[0]).T
    if abs(np.linalg.det(edges)) < 1e-9:
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros((0, 3))
    points = np.stack([columns.ravel(), rows.ravel()]) - corners[0][:, None]
    second = np.linalg.solve(edges, points)
    weights = np.stack([1 - second.sum(axis=0), second[0], second[1]], axis=1)
    inside = np.all(weights >= -1e-6, axis=1)
    return rows.ravel()[inside], columns.ravel()[inside], weights[inside]


def textured(name: str, shape: Shape, paint: Paint) -> trimesh.Trimesh:
    """The painted surface of a solid, metres, z up.

    Raises:
        UserError: the package that cuts texture atlases is missing.
    """
    if find_spec("xatlas") is None:
        raise UserError("painting needs the package xatlas, found none: pip install -e '.[synthesis,assets]'")
    mesh = surface(shape)
    source, faces, uv = unwrap(mesh)
    vertices = mesh.vertices.astype(np.float64)
    normals = vertex_normals(vertices, mesh.faces).astype(np.float64)
    image = bake(vertices[source], normals[source], faces, uv, paint)
    material = trimesh.visual.material.PBRMaterial(
        name=name,
        baseColorTexture=image.quantize(128, dither=Image.Dither.NONE),
        metallicFactor=0.0,
        roughnessFactor=0.7,
    )
    visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    return trimesh.Trimesh(mesh.vertices[source], faces, vertex_normals=normals[source], visual=visual, process=False)


def build(directory: tyro.conf.Positional[Path], names: tyro.conf.Positional[tuple[str, ...]] = ()) -> None:
    """Write ``<name>/<name>.glb`` and its resampled mesh for each object.

    Args:
        directory: of the objects; made if it is missing.
        names: which of them; all if none is given.
    """
    unknown = sorted(set(names) - set(SHAPES))
    if unknown:
        raise UserError(f"expected objects among {', '.join(sorted(SHAPES))}, found {', '.join(unknown)}")
    for name in names or sorted(SHAPES):
        _build(name, directory)


def _build(name: str, directory: Path) -> None:
    mesh = textured(name, SHAPES[name], PAINT[name])
    path = directory / name / f"{name}.glb"
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(path)
    save_resampled(resampled_file(path), path)
    print(f"{name}: {path.stat().st_size / 1000:.0f} kB, {len(mesh.vertices)} corners, size {np.ptp(mesh.vertices, 0)}")


if __name__ == "__main__":
    run_script(lambda: tyro.cli(build))
