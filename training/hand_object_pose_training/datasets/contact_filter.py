"""Which frames count as contact: the two distances that published subsets of DexYCB may mean by "closer than 1 cm"."""

from dataclasses import dataclass
from typing import Literal

import igl
import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.metrics.contact_subset import NEAR, joint_to_object_distance
from hand_object_pose.geometry.se3 import inverse_pose, transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.datasets.problems import LeftOutError

FilterName = Literal["none", "joints_to_vertices", "mesh_to_mesh"]


@dataclass(frozen=True)
class ContactFilter:
    """A rule and its threshold; both are recorded with every index, because published frame counts depend on them.

    Attributes:
        rule: "joints_to_vertices" is the paper's: the 21 joints to the object's 1000 vertices. "mesh_to_mesh" measures
            between the surfaces of both meshes. "none" keeps every frame.
        near: metres. At this distance a frame is still kept.
        inside: whether all of the joints and the object's vertices have to lie inside the image, as the paper's do.
    """

    rule: FilterName = "none"
    near: float = NEAR
    inside: bool = True

    @property
    def name(self) -> str:
        """For the record."""
        if self.rule == "none":
            return "none"
        return f"{self.rule} {self.near * 1000:g} mm{', all inside the image' if self.inside else ''}"

    def check(self, frame: AnnotatedFrame, model: ObjectModel) -> None:
        """Raise ``LeftOutError`` unless a frame (with ``hand_vertices`` for "mesh_to_mesh") passes."""
        if self.rule == "none":
            return
        object_vertices = transform_points(frame.object_pose, model.vertices)
        if self.rule == "joints_to_vertices":
            distance = joint_to_object_distance(frame.joints, object_vertices)
        else:
            distance = _mesh_distance(frame, model)
        if not distance <= self.near:
            raise LeftOutError(f"farther than {self.near * 1000:g} mm ({self.rule})")
        if self.inside and not _all_inside(frame, object_vertices):
            raise LeftOutError("joints or object partly outside the image")


def _mesh_distance(frame: AnnotatedFrame, model: ObjectModel) -> float:
    if frame.hand_vertices is None:
        raise LeftOutError("no hand mesh annotated")
    return float(surface_distances(transform_points(inverse_pose(frame.object_pose), frame.hand_vertices), model).min())


def surface_distances(points: FloatArray, model: ObjectModel) -> FloatArray:
    """Exact unsigned distances (N,) of points (N, 3), object frame, to the triangles of an object, metres."""
    faces = np.asarray(model.faces, dtype=np.int64)
    squared = igl.point_mesh_squared_distance(np.ascontiguousarray(points, dtype=np.float64), model.vertices, faces)[0]
    return np.sqrt(squared)


def _all_inside(frame: AnnotatedFrame, object_vertices: FloatArray) -> bool:
    """The published rule takes 0 and the image's width and height themselves as inside."""
    points = np.concatenate([frame.joints, object_vertices])
    if not (points[:, 2] > 0).all():
        return False
    pixels = frame.camera.project(points)
    return bool((pixels >= 0).all() and (pixels <= (frame.camera.width, frame.camera.height)).all())
