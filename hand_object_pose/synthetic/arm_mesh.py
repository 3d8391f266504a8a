"""Hand, forearm and sleeve as one mesh with what its surface looks like."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hand_object_pose.arrays import IntArray
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.synthetic.appearance import Appearance, SkinLook, SleeveLook
from hand_object_pose.synthetic.hand_texture import HandTextures
from hand_object_pose.synthetic.skin import SkinMap, nail_coverage, skin_detail, skin_vertex_colours
from hand_object_pose.synthetic.sleeve import ArmAxis, Tube, boundary_loop, forearm_tube, sleeve_tube, widest_pair
from hand_object_pose.synthetic.surface import Surface

FloatArray = NDArray[np.float32]

HAND, FOREARM, SLEEVE = 0, 1, 2

# Light enters skin and leaves it elsewhere, red the farthest: shading is softer there (wrapped Lambert).
_SKIN_WRAP = np.array([0.32, 0.16, 0.12], dtype=np.float32)
_CLOTH_WRAP = np.array([0.15, 0.15, 0.15], dtype=np.float32)


@dataclass(frozen=True)
class ArmMesh:
    """A posed arm in the camera frame, metres.

    Attributes:
        vertices, normals: (V, 3); faces: (F, 3); part: (F,) HAND, FOREARM or SLEEVE.
        colours: (V, 3) linear RGB; rest: (V, 3) the same points of the hand at rest.
        pattern: (V, 2) metres along the arm, angle around it.
    """

    vertices: FloatArray
    normals: FloatArray
    faces: IntArray
    part: IntArray
    colours: FloatArray
    rest: FloatArray
    pattern: FloatArray


class ArmBuilder:
    """Builds arms of one hand model."""

    def __init__(self, hand: HandModel, textures: HandTextures | None = None) -> None:
        """Prepare what depends on the model only; ``textures`` take the place of painted skin on the hand."""
        self._textures = textures
        self._faces: IntArray = np.asarray(hand.faces, dtype=np.int32)
        self._skin = SkinMap.of(hand)
        self._loop = boundary_loop(self._faces)
        self._wide = widest_pair(self._skin.rest[self._loop])
        rest_axis = ArmAxis(self._skin.rest[self._loop], self._skin.rest.mean(axis=0), np.zeros(2))
        self._rest_forearm = forearm_tube(rest_axis).vertices
        self._incidences: dict[int, csr_array] = {}
        # Of each vertex a face and which of its corners it is.
        _, first = np.unique(self._faces.ravel(), return_index=True)
        self._face_of_vertex, self._corner_of_vertex = np.divmod(first, 3)

    def build(self, hand_vertices: NDArray[np.floating], look: Appearance) -> ArmMesh:
        """The arm of a posed hand (778, 3), camera frame, metres."""
        axis = ArmAxis(hand_vertices[self._loop], hand_vertices.mean(axis=0), look.forearm_bend, self._wide)
        tubes = [forearm_tube(axis)]
        if look.sleeve is not None:
            tubes.append(sleeve_tube(axis, look.sleeve))
        vertices, faces, part = self._join(hand_vertices, tubes)
        return ArmMesh(
            vertices=vertices.astype(np.float32),
            normals=self._normals(vertices, faces, self._weld(len(hand_vertices), tubes)),
            faces=faces,
            part=part,
            colours=self._colours(tubes, look.skin).astype(np.float32),
            rest=self._padded([self._skin.rest, self._rest_forearm], len(vertices)),
            pattern=self._pattern(tubes, len(vertices)),
        )

    def surface(self, arm: ArmMesh, face: IntArray, barycentric: FloatArray, look: Appearance) -> Surface:
        """What the arm looks like at points of its faces (N,), with barycentric coordinates (N, 3)."""
        corners = arm.faces[face]
        part = arm.part[face]
        albedo = interpolate(arm.colours, corners, barycentric)
        specular = np.full(len(face), look.skin.specular, dtype=np.float32)
        wrap = np.where((part == SLEEVE)[:, None], _CLOTH_WRAP, _SKIN_WRAP)
        is_skin = np.flatnonzero(part != SLEEVE)
        rest = interpolate(arm.rest, corners[is_skin], barycentric[is_skin])
        nail = nail_coverage(rest, self._skin.nails) * (part[is_skin] == HAND)
        skin = skin_detail(rest, albedo[is_skin], look.skin)
        albedo[is_skin] = skin + nail[:, None] * (look.skin.nail.astype(np.float32) - skin)
        specular[is_skin] += 0.25 * nail
        if self._textures is not None:
            hand = np.flatnonzero(part == HAND)
            albedo[hand] = self._textures.colours(look.skin.blotch_seed, face[hand], barycentric[hand])
        if look.sleeve is not None:
            cloth = np.flatnonzero(part == SLEEVE)
            pattern = interpolate(arm.pattern, corners[cloth], barycentric[cloth])
            albedo[cloth], specular[cloth] = _cloth_colours(pattern, look.sleeve), 0.0
        normals = interpolate(arm.normals, corners, barycentric)
        return Surface(normals, albedo, specular, np.full(len(face), 24.0, dtype=np.float32), wrap)

    def _join(
        self, hand_vertices: NDArray[np.floating], tubes: list[Tube]
    ) -> tuple[NDArray[np.floating], IntArray, IntArray]:
        vertices, faces = [hand_vertices], [self._faces]
        part = [np.full(len(self._faces), HAND)]
        offset = len(hand_vertices)
        for kind, tube in zip((FOREARM, SLEEVE), tubes, strict=False):
            vertices.append(tube.vertices)
            faces.append(tube.faces + offset)
            part.append(np.full(len(tube.faces), kind))
            offset += len(tube.vertices)
        return np.concatenate(vertices), np.concatenate(faces).astype(np.int32), np.concatenate(part)

    def _weld(self, hand_count: int, tubes: list[Tube]) -> IntArray:
        """(V,) which vertices count as one in smooth shading: seams, and the forearm's first ring with the wrist."""
        parts: list[IntArray] = [np.arange(hand_count)]
        offset = hand_count
        for tube in tubes:
            parts.append(tube.weld + offset)
            offset += len(tube.vertices)
        first_ring = slice(0, len(self._loop) + 1)
        parts[1][first_ring] = self._loop[tubes[0].column[first_ring]]
        return np.concatenate(parts)

    def _normals(self, vertices: NDArray[np.floating], faces: IntArray, weld: IntArray) -> FloatArray:
        """Unit normals (V, 3), area weighted."""
        areas = _area_normals(vertices.astype(np.float32), faces)
        sums = self._incidence(len(vertices), weld[faces]) @ areas
        return (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))[weld]

    def _incidence(self, count: int, faces: IntArray) -> csr_array:
        """(V, F) which faces surround each vertex; only two topologies occur, with a sleeve and without."""
        if count not in self._incidences:
            columns = np.repeat(np.arange(len(faces)), 3)
            ones = np.ones(len(columns), dtype=np.float32)
            self._incidences[count] = csr_array((ones, (faces.ravel(), columns)), shape=(count, len(faces)))
        return self._incidences[count]

    def _colours(self, tubes: list[Tube], look: SkinLook) -> NDArray[np.floating]:
        hand = self._hand_colours(look)
        parts = [hand, hand[self._loop][tubes[0].column]]
        parts += [np.zeros((len(tube.vertices), 3)) for tube in tubes[1:]]
        return np.concatenate(parts)

    def _hand_colours(self, look: SkinLook) -> NDArray[np.floating]:
        """Linear RGB (778, 3) of the hand's vertices, which the forearm continues."""
        if self._textures is None:
            return skin_vertex_colours(self._skin, look)
        barycentric = np.eye(3, dtype=np.float32)[self._corner_of_vertex]
        return self._textures.colours(look.blotch_seed, self._face_of_vertex, barycentric)

    def _pattern(self, tubes: list[Tube], count: int) -> FloatArray:
        coordinates = [np.zeros((len(self._skin.rest), 2))]
        coordinates += [np.stack([tube.along, tube.around], axis=1) for tube in tubes]
        return self._padded(coordinates, count)

    @staticmethod
    def _padded(parts: Sequence[NDArray[np.floating]], count: int) -> FloatArray:
        joined = np.concatenate(parts).astype(np.float32)
        return np.concatenate([joined, np.zeros((count - len(joined), joined.shape[1]), dtype=np.float32)])


def interpolate(values: FloatArray, corners: IntArray, barycentric: FloatArray) -> FloatArray:
    """Values (N, C) between vertices' values (V, C), at barycentric coordinates (N, 3) of corners (N, 3)."""
    return (
        values[corners[:, 0]] * barycentric[:, :1]
        + values[corners[:, 1]] * barycentric[:, 1:2]
        + values[corners[:, 2]] * barycentric[:, 2:]
    )


def _cloth_colours(pattern: FloatArray, look: SleeveLook) -> FloatArray:
    """Linear RGB (N, 3) of cloth at (metres along, angle around) (N, 2)."""
    along = pattern[:, 0] * np.float32(2 * np.pi / look.period)
    columns = max(3, round(2 * np.pi * 0.035 / look.period))
    around = pattern[:, 1] * np.float32(columns)
    weave = {
        "plain": lambda: np.zeros_like(along),
        "rings": lambda: np.clip(3 * np.sin(along) + 0.5, 0, 1),
        "stripes": lambda: np.clip(3 * np.sin(around) + 0.5, 0, 1),
        "checks": lambda: 0.5 * np.clip(3 * np.sin(along) + 0.5, 0, 1) + 0.5 * np.clip(3 * np.sin(around) + 0.5, 0, 1),
        "melange": lambda: (
            0.5 + 0.5 * np.sin(7 * along + 3 * np.sin(5 * around)) * np.sin(5 * around + 2 * np.sin(along))
        ),
    }
    share = weave[look.pattern]()[:, None].astype(np.float32)
    first, second = look.colours.astype(np.float32)
    return (1 - share) * first + share * second


def _area_normals(vertices: FloatArray, faces: IntArray) -> FloatArray:
    corners = vertices[faces]
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
