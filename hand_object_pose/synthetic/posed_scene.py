"""A scene in front of the camera: what a ray hits, and what light comes back along it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import IntArray
from hand_object_pose.synthetic.appearance import Appearance
from hand_object_pose.synthetic.arm_mesh import HAND, ArmBuilder, interpolate
from hand_object_pose.synthetic.colour import linear_of_bytes
from hand_object_pose.synthetic.ray_casting import RayMesh
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.shading import shade
from hand_object_pose.synthetic.surface import Surface, concatenate_surfaces
from hand_object_pose.synthetic.textured_mesh import TexturedMesh

FloatArray = NDArray[np.float32]
BlockTest = Callable[[FloatArray, FloatArray, float], NDArray[np.bool_]]

BACKGROUND_LABEL, OBJECT_LABEL, HAND_LABEL, SLEEVE_LABEL = 0, 1, 2, 3

_SURFACE_OFFSET = np.float32(0.0012)
_AMBIENT_REACH = 0.035
_AMBIENT_SPREAD = np.float32(0.85)
_AMBIENT_LOSS = 0.65
_NEAREST = 0.02
_LIGHT_SPREAD = 0.035


@dataclass(frozen=True)
class RenderQuality:
    """How many secondary rays a point gets: towards the main light, and into its surroundings (ambient occlusion)."""

    shadow_rays: int = 2
    ambient_rays: int = 4


@dataclass(frozen=True)
class Traced:
    """What N rays hit.

    Attributes:
        label: (N,); depth: (N,) metres along z, infinite where nothing was hit.
        face: (N,) of the mesh the label says; barycentric: (N, 3).
    """

    label: NDArray[np.uint8]
    depth: FloatArray
    face: IntArray
    barycentric: FloatArray


class PosedScene:
    """Arm and object of one scene; all rays start at the camera's centre, with directions of z = 1."""

    def __init__(
        self,
        arms: ArmBuilder,
        object_mesh: TexturedMesh,
        truth: SceneTruth,
        look: Appearance,
        quality: RenderQuality,
    ) -> None:
        """Pose arm and object as ``truth`` says."""
        self._arms, self._object, self._look, self._quality = arms, object_mesh, look, quality
        self._arm = arms.build(truth.hand_vertices, look)
        self._arm_rays = RayMesh(self._arm.vertices, self._arm.faces)
        self._arm_labels = np.where(self._arm.part == HAND, HAND_LABEL, SLEEVE_LABEL).astype(np.uint8)
        # Rays are moved into the object's frame, so that its search tree is built once and for all.
        self._rotation = truth.object_pose[:3, :3].astype(np.float32)
        self._translation = truth.object_pose[:3, 3].astype(np.float32)
        self._object_vertices = object_mesh.vertices @ self._rotation.T + self._translation
        self._hand_box = _box(truth.hand_vertices, _AMBIENT_REACH)
        self._arm_openness = self._openness(self._arm.vertices, self._arm.normals, self._is_blocked)[:, None]

    @property
    def vertices(self) -> FloatArray:
        """(V, 3) all vertices in the camera frame, metres."""
        return np.concatenate([self._arm.vertices, self._object_vertices])

    def trace(self, directions: FloatArray) -> Traced:
        """The nearest hits along directions (N, 3)."""
        arm = self._arm_rays.cast(np.zeros_like(directions), directions)
        traced = Traced(
            label=np.where(arm.face >= 0, self._arm_labels[arm.face], np.uint8(BACKGROUND_LABEL)),
            depth=arm.distance,
            face=arm.face,
            barycentric=arm.barycentric,
        )
        asked = np.flatnonzero(_may_see(directions, self._object_vertices))
        origin = np.broadcast_to(self._points_to_object(np.zeros((1, 3), dtype=np.float32)), (len(asked), 3))
        thing = self._object.rays.cast(origin, self._directions_to_object(directions[asked]))
        nearer = thing.distance < traced.depth[asked]
        seen = asked[nearer]
        traced.label[seen] = OBJECT_LABEL
        traced.depth[seen] = thing.distance[nearer]
        traced.face[seen] = thing.face[nearer]
        traced.barycentric[seen] = thing.barycentric[nearer]
        return traced

    def light(self, directions: FloatArray, traced: Traced, focal_length: float) -> FloatArray:
        """Linear RGB (M, 3) from those of the rays that hit something, in order.

        Args:
            directions: (N, 3); traced: their hits.
            focal_length: pixels, which decides how finely textures are sampled.
        """
        hit = np.flatnonzero(traced.label != BACKGROUND_LABEL)
        on_object = traced.label[hit] == OBJECT_LABEL
        order = np.concatenate([np.flatnonzero(on_object), np.flatnonzero(~on_object)])
        hit, split = hit[order], int(on_object.sum())
        surface = self._surface(hit[:split], hit[split:], traced, focal_length)
        ray = directions[hit]
        points = ray * traced.depth[hit, None] + surface.normals * _SURFACE_OFFSET
        colours = shade(
            surface,
            -ray / np.sqrt(np.einsum("nc,nc->n", ray, ray))[:, None],
            self._look.lights,
            self._look.ambient,
            lit=self._lit(points, surface.normals),
            openness=np.concatenate(
                [
                    self._object_openness(points[:split], surface.normals[:split]),
                    self._interpolated_openness(hit[split:], traced),
                ]
            ),
        )
        restored = np.empty_like(colours)
        restored[order] = colours
        return restored

    def _surface(self, on_object: IntArray, on_arm: IntArray, traced: Traced, focal_length: float) -> Surface:
        """The object's points first, then the arm's."""
        thing = self._object_surface(on_object, traced, focal_length)
        arm = self._arms.surface(self._arm, traced.face[on_arm], traced.barycentric[on_arm], self._look)
        return concatenate_surfaces(thing, arm)

    def _object_surface(self, hit: IntArray, traced: Traced, focal_length: float) -> Surface:
        face, barycentric = traced.face[hit], traced.barycentric[hit]
        look, count = self._look.object, len(hit)
        # The object's distance, not that of its visible part: a crop must look like its part of the full image.
        scale = focal_length / max(float(self._object_vertices[:, 2].min()), _NEAREST)
        albedo = linear_of_bytes(self._object.colours(face, barycentric, scale))
        grey = albedo @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
        albedo = grey[:, None] + np.float32(look.saturation) * (albedo - grey[:, None])
        albedo = np.clip(albedo * look.gain.astype(np.float32), 0, 1)
        normals = np.einsum("nk,nkc->nc", barycentric, self._object.corner_normals[face]) @ self._rotation.T
        return Surface(
            normals=normals / np.sqrt(np.einsum("nc,nc->n", normals, normals) + np.float32(1e-12))[:, None],
            albedo=albedo,
            specular=np.full(count, look.specular, dtype=np.float32),
            shininess=np.full(count, look.shininess, dtype=np.float32),
            wrap=np.zeros((count, 3), dtype=np.float32),
        )

    def _lit(self, points: FloatArray, normals: FloatArray) -> FloatArray:
        """How much (N,) of the main light arrives. Near the terminator facets would shade themselves: faded out."""
        if self._quality.shadow_rays == 0 or not self._look.lights:
            return np.ones(len(points), dtype=np.float32)
        direction = self._look.lights[0].direction.astype(np.float32)
        facing = normals @ direction
        asked = np.flatnonzero(facing > 0)
        blocked = np.zeros(len(asked), dtype=np.float32)
        for offset in _around(direction, self._quality.shadow_rays) * np.float32(_LIGHT_SPREAD):
            towards = np.broadcast_to(direction + offset, (len(asked), 3))
            blocked += self._is_blocked(points[asked], towards, reach=1.0)
        lit = np.ones(len(points), dtype=np.float32)
        lit[asked] -= blocked / self._quality.shadow_rays * np.minimum(facing[asked] * 5, 1)
        return lit

    def _object_openness(self, points: FloatArray, normals: FloatArray) -> FloatArray:
        """Openness (N,) of the object's points, of which only those near the hand need rays."""
        openness = np.ones(len(points), dtype=np.float32)
        low, high = self._hand_box
        near = np.flatnonzero(
            np.logical_and.reduce([(c > a) & (c < b) for c, a, b in zip(points.T, low, high, strict=True)])
        )
        openness[near] = self._openness(points[near], normals[near], self._arm_rays.is_blocked)
        return openness

    def _interpolated_openness(self, hit: IntArray, traced: Traced) -> FloatArray:
        corners = self._arm.faces[traced.face[hit]]
        return interpolate(self._arm_openness, corners, traced.barycentric[hit])[:, 0]

    def _openness(self, points: FloatArray, normals: FloatArray, is_blocked: BlockTest) -> FloatArray:
        """Share (N,) of the near surroundings that is free, with a floor for light that bounces between surfaces."""
        count = self._quality.ambient_rays
        blocked = np.zeros(len(points), dtype=np.float32)
        for offset in _around(np.array([0.3, -0.5, 0.8], dtype=np.float32), count):
            blocked += is_blocked(
                points + normals * _SURFACE_OFFSET, normals + _AMBIENT_SPREAD * offset, _AMBIENT_REACH
            )
        share = np.float32(_AMBIENT_LOSS / max(count, 1))
        return np.asarray(1 - share * blocked, dtype=np.float32)

    def _is_blocked(self, points: FloatArray, directions: FloatArray, reach: float) -> NDArray[np.bool_]:
        blocked = self._arm_rays.is_blocked(points, directions, reach)
        free = np.flatnonzero(~blocked)
        origins = self._points_to_object(points[free])
        blocked[free] = self._object.rays.is_blocked(origins, self._directions_to_object(directions[free]), reach)
        return blocked

    def _points_to_object(self, points: FloatArray) -> FloatArray:
        return np.asarray((points - self._translation) @ self._rotation)

    def _directions_to_object(self, directions: FloatArray) -> FloatArray:
        return directions @ self._rotation


def _around(direction: FloatArray, count: int) -> FloatArray:
    """Unit vectors (count, 3) evenly spread around a direction (3,), orthogonal to it."""
    direction = direction / np.linalg.norm(direction)
    helper = np.eye(3, dtype=np.float32)[np.argmin(np.abs(direction))]
    first = np.cross(direction, helper)
    first /= np.linalg.norm(first)
    second = np.cross(direction, first)
    angles = (np.arange(count) + 0.25) * (2 * np.pi / max(count, 1))
    return (np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second).astype(np.float32)


def _box(points: NDArray[np.floating], margin: float) -> FloatArray:
    """(2, 3) lowest and highest corner."""
    return np.stack([points.min(axis=0) - margin, points.max(axis=0) + margin]).astype(np.float32)


def _may_see(directions: FloatArray, vertices: FloatArray) -> NDArray[np.bool_]:
    """Which rays (N,) run through the bounding rectangle of vertices (V, 3); all, if some lie beside the camera."""
    if vertices[:, 2].min() < _NEAREST:
        return np.ones(len(directions), dtype=bool)
    seen = vertices[:, :2] / vertices[:, 2:]
    low, high = seen.min(axis=0) - 1e-4, seen.max(axis=0) + 1e-4
    x, y = directions[:, 0], directions[:, 1]
    return (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
