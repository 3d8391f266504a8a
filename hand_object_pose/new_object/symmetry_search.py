"""Rotational symmetries of a surface, found by turning it onto itself; and which of them its colours share.

All axes of a body go through its centre of mass. Directions that are tried: the frame's axes, the normals of the
largest sides of its convex hull, its principal axes of inertia; those that nearly fit are refined by registering the
turned surface to itself (ICP).
"""

from dataclasses import dataclass

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.new_object.surface_samples import SurfaceSamples
from hand_object_pose.objects.symmetry_file import rotation_about

CONTINUOUS = 0
"""In place of a fold: any angle."""
FOLDS = (12, 10, 8, 6, 5, 4, 3, 2)
# Relative to the longest side: a cylinder of 32 sides is round, a scan's noise is none.
_TOLERANCE, _NEARLY = 0.01, 0.05
_ANGLES = (0.61, 1.31, 2.2, 2.9)
_SIDES = 8
_SAME_DIRECTION = np.radians(5.0)
_ICP_STEPS = 12


@dataclass(frozen=True)
class SymmetryAxis:
    """One axis of a surface.

    Attributes:
        direction: (3,) unit vector; point: (3,) on the axis, metres, object frame.
        fold: turns by 360 / fold degrees keep the shape; ``CONTINUOUS``: any turn does.
        look_fold: the same for shape and colours; 1: only a full turn does; None where the file has no colours.
    """

    direction: FloatArray
    point: FloatArray
    fold: int
    look_fold: int | None


def find_symmetries(surface: TriangleMesh, samples: SurfaceSamples) -> tuple[SymmetryAxis, ...]:
    """The axis of the most symmetry, then those perpendicular to it; a sphere has two axes, which stand for all.

    Axes at other angles, as of regular polyhedra other than the cube's own, are products of these or are left out.
    """
    search = _Search(surface, samples)
    return search.axes()


class _Search:
    def __init__(self, surface: TriangleMesh, samples: SurfaceSamples) -> None:
        self._samples, self._surface = samples, surface
        self._centre = samples.points.mean(axis=0)
        if (mesh := trimesh.Trimesh(surface.vertices, surface.faces, process=False)).is_volume:
            self._centre = np.asarray(mesh.center_mass)

    def axes(self) -> tuple[SymmetryAxis, ...]:
        found = [axis for direction in self._directions() if (axis := self._axis(direction)) is not None]
        if not found:
            return ()
        main = min(found, key=_rank)
        second = self._perpendicular(main, found)
        if second is None:
            return (main,)
        if main.fold == CONTINUOUS:
            return main, second
        third = self._checked(np.cross(main.direction, second.direction))
        return (main, second) if third is None else (main, second, third)

    def _perpendicular(self, main: SymmetryAxis, found: list[SymmetryAxis]) -> SymmetryAxis | None:
        """The best axis across the main one, made exactly perpendicular, so that the turns form a finite group."""
        directions = [axis.direction for axis in sorted(found, key=_rank)]
        if main.fold == CONTINUOUS:  # all directions across are alike
            directions.append(np.eye(3)[np.argmin(np.abs(main.direction))])
        across = [d - (d @ main.direction) * main.direction for d in directions]
        tilt = np.sin(_SAME_DIRECTION) if main.fold != CONTINUOUS else 1.0
        for direction, candidate in zip(directions, across, strict=True):
            length = float(np.linalg.norm(candidate))
            if abs(float(direction @ main.direction)) <= tilt and length > 0.1:
                axis = self._checked(candidate / length)
                if axis is not None:
                    return axis
        return None

    def _directions(self) -> list[FloatArray]:
        """Unit directions to try; of those that nearly coincide the first, which is the more exact one."""
        _, _, principal = np.linalg.svd(self._samples.points - self._centre, full_matrices=False)
        hull = trimesh.Trimesh(self._surface.vertices, self._surface.faces, process=False).convex_hull
        sides = np.asarray(hull.facets_normal)[np.argsort(-np.asarray(hull.facets_area))[:_SIDES]]
        kept: list[FloatArray] = []
        for direction in np.concatenate([np.eye(3), sides.reshape(-1, 3), principal]):
            if all(abs(direction @ other) < np.cos(_SAME_DIRECTION / 5) for other in kept):
                kept.append(direction)
        return kept

    def _axis(self, direction: FloatArray) -> SymmetryAxis | None:
        """The axis along or near a direction."""
        exact = self._checked(direction)
        if exact is not None:
            return exact
        for fold in FOLDS[::-1]:
            if self._error(direction, 2 * np.pi / fold) < _NEARLY:
                refined = self._refined(direction, 2 * np.pi / fold)
                if refined is not None and (axis := self._checked(refined)) is not None:
                    return axis
        return None

    def _checked(self, direction: FloatArray) -> SymmetryAxis | None:
        """The axis exactly along a direction."""
        folds = (CONTINUOUS, *FOLDS)
        fold = next((fold for fold in folds if self._keeps_shape(direction, fold)), None)
        return None if fold is None else SymmetryAxis(direction, self._centre, fold, self._look_fold(direction, fold))

    def _keeps_shape(self, direction: FloatArray, fold: int) -> bool:
        return all(self._error(direction, angle) < _TOLERANCE for angle in _angles(fold))

    def _look_fold(self, direction: FloatArray, fold: int) -> int | None:
        if not self._samples.has_colours:
            return None
        folds = [part for part in (CONTINUOUS, *FOLDS) if _is_part(part, fold)]
        return next((part for part in folds if self._keeps_look(direction, part)), 1)

    def _keeps_look(self, direction: FloatArray, fold: int) -> bool:
        return all(self._samples.looks_alike(self._turn(direction, angle)) for angle in _angles(fold))

    def _error(self, direction: FloatArray, angle: float) -> float:
        return self._samples.shape_error(self._turn(direction, angle))

    def _turn(self, direction: FloatArray, angle: float) -> FloatArray:
        return rotation_about(direction, self._centre, angle)

    def _refined(self, direction: FloatArray, angle: float) -> FloatArray | None:
        """The axis of the turn, near one by ``angle``, that takes the surface onto itself; None where it is another."""
        pose, points = self._turn(direction, angle), self._samples.points
        for _ in range(_ICP_STEPS):
            moved = points @ pose[:3, :3].T + pose[:3, 3]
            there = self._samples.nearest(moved)
            rotation, _ = Rotation.align_vectors(there - there.mean(axis=0), points - points.mean(axis=0))
            matrix = rotation.as_matrix()
            pose = pose_matrix(matrix, there.mean(axis=0) - matrix @ points.mean(axis=0))
        vector = Rotation.from_matrix(pose[:3, :3]).as_rotvec()
        length = float(np.linalg.norm(vector))
        axis = vector / max(length, 1e-9)
        return axis if abs(length - angle) < _SAME_DIRECTION and abs(axis @ direction) > 0.9 else None


def _angles(fold: int) -> tuple[float, ...]:
    """The turns that show a fold: all of them follow from the first; several angles show that any will do."""
    return _ANGLES if fold == CONTINUOUS else (2 * np.pi / fold,)


def _is_part(part: int, fold: int) -> bool:
    """Whether turns of ``part`` are among those of ``fold``."""
    return fold == CONTINUOUS or (part != CONTINUOUS and fold % part == 0)


def _rank(axis: SymmetryAxis) -> tuple[bool, int]:
    """Sorts continuous axes first, then those of many folds."""
    return axis.fold != CONTINUOUS, -axis.fold
