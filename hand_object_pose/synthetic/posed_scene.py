"""A scene in front of the camera: what a ray hits, and what light comes back along it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.synthetic.appearance import Appearance
from hand_object_pose.synthetic.arm_mesh import HAND, ArmBuilder
from hand_object_pose.synthetic.colour import linear_of_bytes
from hand_object_pose.synthetic.ray_casting import RayMesh
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.shading import shade
from hand_object_pose.synthetic.surface import Surface, concatenate_surfaces
from hand_object_pose.synthetic.textured_mesh import TexturedMesh

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.integer]

BACKGROUND_LABEL, OBJECT_LABEL, HAND_LABEL, SLEEVE_LABEL = 0, 1, 2, 3

_SURFACE_OFFSET = np.float32(0.0012)
_AMBIENT_REACH = 0.035
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

    @property
    def vertices(self) -> FloatArray:
        """(V, 3) all vertices in the camera frame, metres."""
        return np.concatenate([self._arm.vertices, self._object.vertices @ self._rotation.T + self._translation])

    def trace(self, directions: FloatArray) -> Traced:
        """The nearest hits along directions (N, 3)."""
        origins = np.zeros_like(directions)
        arm = self._arm_rays.cast(origins, directions)
        thing = self._object.rays.cast(self._points_to_object(origins), self._directions_to_object(directions))
        is_object = thing.distance < arm.distance
        label = np.where(arm.face >= 0, self._arm_labels[arm.face], np.uint8(BACKGROUND_LABEL))
        return Traced(
            label=np.where(is_object, np.uint8(OBJECT_LABEL), label),
            depth=np.where(is_object, thing.distance, arm.distance),
            face=np.where(is_object, thing.face, arm.face),
            barycentric=np.where(is_object[:, None], thing.barycentric, arm.barycentric),
        )

    def light(self, directions: FloatArray, traced: Traced, focal_length: float) -> FloatArray:
        """Linear RGB (M, 3) from those of the rays that hit something, in order.

        Args:
            directions: (N, 3); traced: their hits.
            focal_length: pixels, which decides how finely textures are sampled.
        """
        hit = np.flatnonzero(traced.label != BACKGROUND_LABEL)
        order = np.argsort(traced.label[hit] != OBJECT_LABEL, kind="stable")
        hit = hit[order]
        ray, depth = directions[hit], traced.depth[hit]
        surface = self._surface(hit, traced, focal_length)
        towards_camera = -ray / np.linalg.norm(ray, axis=1, keepdims=True)
        points = ray * depth[:, None] + surface.normals * _SURFACE_OFFSET
        colours = shade(
            surface,
            towards_camera,
            self._look.lights,
            self._look.ambient,
            lit=self._lit(points, surface.normals),
            openness=self._openness(points, surface.normals),
        )
        restored = np.empty_like(colours)
        restored[order] = colours
        return restored

    def _surface(self, hit: IntArray, traced: Traced, focal_length: float) -> Surface:
        """The object's points first, then the arm's."""
        on_object = traced.label[hit] == OBJECT_LABEL
        mine, others = hit[on_object], hit[~on_object]
        thing = self._object_surface(mine, traced, focal_length)
        arm = self._arms.surface(self._arm, traced.face[others], traced.barycentric[others], self._look)
        return concatenate_surfaces(thing, arm)

    def _object_surface(self, hit: IntArray, traced: Traced, focal_length: float) -> Surface:
        face, barycentric = traced.face[hit], traced.barycentric[hit]
        look, count = self._look.object, len(hit)
        nearest = float(traced.depth[hit].min(initial=np.inf))
        scale = focal_length / nearest if np.isfinite(nearest) else 1.0
        albedo = linear_of_bytes(self._object.colours(face, barycentric, scale))
        grey = albedo @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
        albedo = grey[:, None] + np.float32(look.saturation) * (albedo - grey[:, None])
        albedo = np.clip(albedo * look.gain.astype(np.float32), 0, 1)
        normals = np.einsum("nk,nkc->nc", barycentric, self._object.corner_normals[face]) @ self._rotation.T
        return Surface(
            normals=normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), np.float32(1e-6)),
            albedo=albedo,
            specular=np.full(count, look.specular, dtype=np.float32),
            shininess=np.full(count, look.shininess, dtype=np.float32),
            wrap=np.zeros((count, 3), dtype=np.float32),
        )

    def _lit(self, points: FloatArray, normals: FloatArray) -> FloatArray:
        """How much (N,) of the main light arrives. Near the terminator facets would shade themselves: faded out."""
        if self._quality.shadow_rays == 0:
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

    def _openness(self, points: FloatArray, normals: FloatArray) -> FloatArray:
        """Share (N,) of the near surroundings that is free, with a floor for light that bounces between surfaces."""
        count = self._quality.ambient_rays
        if count == 0:
            return np.ones(len(points), dtype=np.float32)
        blocked = np.zeros(len(points), dtype=np.float32)
        for offset in _around(np.array([0.3, -0.5, 0.8], dtype=np.float32), count):
            towards = normals + np.float32(0.85) * offset
            blocked += self._is_blocked(points, towards, reach=_AMBIENT_REACH)
        return 1 - np.float32(0.65 / count) * blocked

    def _is_blocked(self, points: FloatArray, directions: FloatArray, reach: float) -> NDArray[np.bool_]:
        blocked = self._arm_rays.is_blocked(points, directions, reach)
        free = np.flatnonzero(~blocked)
        origins = self._points_to_object(points[free])
        blocked[free] = self._object.rays.is_blocked(origins, self._directions_to_object(directions[free]), reach)
        return blocked

    def _points_to_object(self, points: FloatArray) -> FloatArray:
        return (points - self._translation) @ self._rotation

    def _directions_to_object(self, directions: FloatArray) -> FloatArray:
        return directions @ self._rotation


def _around(direction: FloatArray, count: int) -> FloatArray:
    """Unit vectors (count, 3) evenly spread around a direction (3,), orthogonal to it."""
    direction = direction / np.linalg.norm(direction)
    helper = np.eye(3, dtype=np.float32)[np.argmin(np.abs(direction))]
    first = np.cross(direction, helper)
    first /= np.linalg.norm(first)
    second = np.cross(direction, first)
    angles = (np.arange(count) + 0.25) * (2 * np.pi / count)
    return (np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second).astype(np.float32)
