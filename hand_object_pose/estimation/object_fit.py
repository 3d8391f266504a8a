"""The object's pose fitted to the depth image, from several places to begin at.

The network tells well where in the image an object is, less well how far away, and how it is turned sometimes not at
all. Iterative closest points end at the nearest pose that fits, so that it matters where they begin: at the pose of the
frame before, at the voted pose, and at the CAD model's rigid fit to the rough object mesh (Kabsch), the last two moved
along the viewing ray to where the depth image shows a surface.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.estimation.depth_sampling import density_peaks, sample_depth
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.surface_fit import SurfaceFitSettings, fit_surface
from hand_object_pose.estimation.view import Lifted
from hand_object_pose.estimation.visibility import image_points, visible_points
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import kabsch, transform_points
from hand_object_pose.objects.object_model import ObjectModel


@dataclass(frozen=True)
class ObjectFitSettings:
    """Of ``ObjectFit``; lengths in metres.

    Attributes:
        good_cost: a fit that costs less is taken without trying the other beginnings.
        worst_cost: a fit that costs more is none.
        turn_cost: what a rough mesh that is turned otherwise costs, per share of the object's diameter: many shapes fit
            the surface in several ways, of which the image shows one.
        place_cost: per square metre, of a middle beside the viewing ray of the rough mesh's: sleeves fit, too.
        reach: farthest move along the viewing ray; ray_scale: standard deviation of the kernel that finds it.
        longest_gap: seconds after which the frame before is forgotten.
        surface: of each fit.
    """

    good_cost: float = 0.0035
    worst_cost: float = 0.02
    turn_cost: float = 0.01
    place_cost: float = 2.0
    reach: float = 0.3
    ray_scale: float = 0.015
    longest_gap: float = 0.5
    surface: SurfaceFitSettings = field(default_factory=SurfaceFitSettings)


@dataclass(frozen=True)
class FittedObject:
    """A pose (4, 4), object frame to camera frame, and ``SurfaceFit.residual`` in metres, infinite if not measured."""

    pose: FloatArray
    residual: float


@dataclass(frozen=True)
class _Remembered:
    """What was fitted when (seconds)."""

    name: str
    stamp: float
    pose: FloatArray


class ObjectFit:
    """Fits one object in each frame of a stream; ``keep`` tells it which fit is the frame's answer."""

    def __init__(self, settings: ObjectFitSettings | None = None) -> None:
        """See ``ObjectFitSettings``."""
        self._settings = settings or ObjectFitSettings()
        self._last: _Remembered | None = None

    def reset(self) -> None:
        """Forget the frame before."""
        self._last = None

    def fit(self, frame: Frame, lifted: Lifted, model: ObjectModel, hand_faces: IntArray) -> FittedObject:
        """The pose that fits the depth image best; the voted one where too little of the object is measured.

        Args:
            frame: the depth image.
            lifted: the answer.
            model: the object; hand_faces: (F, 3), the hand may hide parts of it.
        """
        hand = TriangleMesh(lifted.hand, hand_faces)
        best, least = FittedObject(lifted.object_pose, math.inf), self._settings.worst_cost
        for start in self._starts(frame, lifted, model, hand):
            mesh = TriangleMesh(transform_points(start, model.vertices), model.faces)
            found = fit_surface(frame, mesh, hand, self._settings.surface)
            if not math.isfinite(found.residual):
                continue
            fitted = FittedObject(found.motion @ start, found.residual)
            if (cost := self._cost(fitted, lifted.rough_object, model)) < least:
                best, least = fitted, cost
            if least < self._settings.good_cost:
                break
        return best

    def keep(self, stamp: float, model: ObjectModel, pose: FloatArray, residual: float) -> None:
        """Remember a fitted pose of that time in seconds; with an infinite residual there is none to remember."""
        self._last = _Remembered(model.name, stamp, pose) if math.isfinite(residual) else None

    def _cost(self, fitted: FittedObject, rough: FloatArray, model: ObjectModel) -> float:
        """How badly a fit explains depth image and rough mesh (1000, 3), in metres."""
        settings = self._settings
        turned = turned_apart(rough, fitted.pose, model)
        middle, expected = transform_points(fitted.pose, model.vertices).mean(axis=0), rough.mean(axis=0)
        beside = middle[:2] - expected[:2] * (middle[2] / expected[2])
        return fitted.residual + settings.turn_cost * turned + settings.place_cost * float(beside @ beside)

    def _starts(self, frame: Frame, lifted: Lifted, model: ObjectModel, hand: TriangleMesh) -> Iterator[FloatArray]:
        last = self._last
        if last and last.name == model.name and 0 <= frame.stamp - last.stamp <= self._settings.longest_gap:
            yield last.pose
        for pose in (lifted.object_pose, kabsch(model.vertices, lifted.rough_object)):
            yield self._along_ray(frame, pose, model, hand)

    def _along_ray(self, frame: Frame, pose: FloatArray, model: ObjectModel, hand: TriangleMesh) -> FloatArray:
        """The pose moved along the object's viewing ray to where most of its seen vertices meet the surface."""
        points, settings = transform_points(pose, model.vertices), self._settings
        if frame.depth is None or min(points[:, 2].min(), hand.vertices[:, 2].min()) <= 0:
            return pose
        placed, hiding = (image_points(frame.camera, vertices) for vertices in (points, hand.vertices))
        seen = placed[visible_points((placed, model.faces), (hiding, hand.faces))[0]]
        depth, smooth = sample_depth(frame, seen[:, :2], settings.surface.largest_step)
        gaps = (depth - seen[:, 2])[smooth]
        gaps = gaps[np.abs(gaps) < settings.reach]
        if len(gaps) < settings.surface.least_vertices:
            return pose
        places, heights = density_peaks(gaps, np.ones(len(gaps)), settings.ray_scale)
        middle, moved = points.mean(axis=0), pose.copy()
        moved[:3, 3] += middle * (places[np.argmax(heights)] / middle[2])
        return moved


def turned_apart(rough: FloatArray, pose: FloatArray, model: ObjectModel) -> float:
    """How differently a rough mesh (1000, 3) and the posed CAD model are turned and shaped.

    Root mean square distance of their vertices, both centred, as a share of the model's diameter.
    """
    posed = model.vertices @ pose[:3, :3].T
    apart = (rough - rough.mean(axis=0)) - (posed - posed.mean(axis=0))
    diameter = float(np.linalg.norm(np.ptp(model.vertices, axis=0)))
    return float(np.sqrt(np.square(apart).sum(axis=1).mean())) / diameter
