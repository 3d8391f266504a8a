"""One known object, as the network and the metrics see it."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.meshes import mesh_hash

NUM_OBJECT_VERTICES = 1000


@dataclass(frozen=True)
class Symmetries:
    """Rotations about the object's origin frame that leave its look unchanged.

    Attributes:
        discrete: (N, 4, 4) poses, object frame to object frame, the identity first.
        axes: (A, 3) unit axes of continuous rotational symmetry.
        axis_points: (A, 3) a point on each axis, metres.
    """

    discrete: FloatArray = field(default_factory=lambda: np.eye(4)[None])
    axes: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    axis_points: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))

    @property
    def is_symmetric(self) -> bool:
        """Whether anything but the identity is among them."""
        return len(self.discrete) > 1 or len(self.axes) > 0


@dataclass(frozen=True)
class ObjectModel:
    """An object whose mesh was resampled to 1000 vertices (ACVD).

    Attributes:
        name: the object's id, such as "006_mustard_bottle".
        vertices: (1000, 3) metres, object frame; their order is part of what weights were trained on.
        faces: (F, 3).
        symmetries: see ``Symmetries``.
        colours: (1000, 3) uint8, sRGB, of the vertices; None where they are not known.
        visual_mesh: the CAD file with its texture, for rendering and markers; None where only the mesh is known.
    """

    name: str
    vertices: FloatArray
    faces: IntArray
    symmetries: Symmetries = field(default_factory=Symmetries)
    colours: NDArray[np.uint8] | None = None
    visual_mesh: Path | None = None

    def __post_init__(self) -> None:
        check_shape(f"{self.name}.vertices", self.vertices, (NUM_OBJECT_VERTICES, 3))
        check_shape(f"{self.name}.faces", self.faces, ("F", 3))
        if self.colours is not None:
            check_shape(f"{self.name}.colours", self.colours, (NUM_OBJECT_VERTICES, 3))

    @property
    def bounding_box(self) -> tuple[FloatArray, FloatArray]:
        """Centre (3,) and size (3,) of the smallest box along the object frame's axes, metres."""
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        return (low + high) / 2, high - low

    @property
    def hash(self) -> str:
        """SHA-256 of vertices and faces in order; the network never sees the colours."""
        return mesh_hash(self.vertices, self.faces)
