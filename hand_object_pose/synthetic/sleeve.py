"""The forearm and its sleeve: tubes that continue the hand from its open wrist.

The first ring of the forearm is the wrist's boundary itself, so that no gap shows.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UserError
from hand_object_pose.synthetic.appearance import SleeveLook

# Long enough to leave most images: an upper arm stretched out behind the forearm.
ARM_LENGTH = 0.85
_BEND_LENGTH = 0.05
_FOREARM_RINGS = np.array([0.0, 0.008, 0.02, 0.035, 0.055, 0.08, 0.11, 0.15, 0.2, 0.27, 0.4, ARM_LENGTH])
_CLOTH_GAP = 0.004


@dataclass(frozen=True)
class Tube:
    """A surface around the arm.

    Attributes:
        vertices: (V, 3) metres; faces: (F, 3), outward.
        along: (V,) metres from the wrist's edge along the arm; around: (V,) angle in [0, 2 pi].
        column: (V,) which vertex of the wrist's boundary each belongs to.
        weld: (V,) the first vertex at the same place.
    """

    vertices: FloatArray
    faces: IntArray
    along: FloatArray
    around: FloatArray
    column: IntArray
    weld: IntArray


def boundary_loop(faces: IntArray) -> IntArray:
    """Vertices (K,) along the one open boundary of a mesh, in the direction of its faces' edges.

    Raises:
        UserError: unless the boundary is exactly one closed loop.
    """
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    known = {(int(a), int(b)) for a, b in edges}
    following = {a: b for a, b in known if (b, a) not in known}
    if not following:
        raise UserError("hand mesh: expected one open loop at the wrist, found a closed mesh")
    loop = [min(following)]
    while following.get(loop[-1], loop[0]) != loop[0] and len(loop) <= len(following):
        loop.append(following[loop[-1]])
    if len(loop) != len(following):
        raise UserError(
            f"hand mesh: expected one open loop at the wrist, found {len(following)} loose edges in several"
        )
    return np.asarray(loop)


def widest_pair(loop: FloatArray) -> tuple[int, int]:
    """The two entries of a loop (K, 3) that are farthest apart."""
    distances = np.linalg.norm(loop[:, None] - loop, axis=-1)
    first, second = np.unravel_index(np.argmax(distances), distances.shape)
    return int(first), int(second)


class ArmAxis:
    """The arm's centre line: it leaves the wrist along its axis and bends within a few centimetres."""

    def __init__(
        self, loop: FloatArray, palm_centre: FloatArray, bend: FloatArray, wide: tuple[int, int] = (0, 8)
    ) -> None:
        """Fit the wrist's axis.

        Args:
            loop: (K, 3) the posed wrist boundary, metres; palm_centre: (3,) any point inside the palm.
            bend: (2,) radians about the wrist's wide axis (flexion), and about the one across (deviation).
            wide: two entries of the loop, between which the wrist is widest.
        """
        check_shape("loop", loop, ("K", 3))
        self.loop = loop
        self.centre = loop.mean(axis=0)
        area = np.cross(loop - self.centre, np.roll(loop, -1, axis=0) - self.centre).sum(axis=0)
        axis = area / np.linalg.norm(area)
        self.axis = axis if axis @ (self.centre - palm_centre) > 0 else -axis
        across = np.cross(self.axis, np.cross(loop[wide[0]] - loop[wide[1]], self.axis))
        flexion = across / np.linalg.norm(across)
        self.turn = Rotation.from_rotvec(bend[0] * flexion + bend[1] * np.cross(self.axis, flexion))

    def rings(self, along: FloatArray, scale: FloatArray) -> FloatArray:
        """Rings (R, K, 3) at distances ``along`` (R,), the wrist's loop scaled by ``scale`` (R,) or (R, K)."""
        share = np.clip(along / _BEND_LENGTH, 0.0, 1.0)
        turns = Rotation.from_rotvec((share**2 * (3 - 2 * share))[:, None] * self.turn.as_rotvec())
        offsets = np.broadcast_to(self.loop - self.centre, (len(along), *self.loop.shape))
        radial = offsets * np.reshape(scale, (len(along), -1, 1))
        turned = np.einsum("rij,rkj->rki", turns.as_matrix(), radial)
        return self._centres(along)[:, None] + turned

    def _centres(self, along: FloatArray) -> FloatArray:
        samples = np.linspace(0.0, _BEND_LENGTH, 9)
        share = samples / _BEND_LENGTH
        turns = Rotation.from_rotvec((share**2 * (3 - 2 * share))[:, None] * self.turn.as_rotvec())
        directions = turns.apply(self.axis)
        steps = 0.5 * (directions[1:] + directions[:-1]) * np.diff(samples)[:, None]
        curve = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
        inside = np.clip(along, 0.0, _BEND_LENGTH)
        bent = np.stack([np.interp(inside, samples, curve[:, axis]) for axis in range(3)], axis=1)
        before, behind = np.minimum(along, 0.0)[:, None], np.maximum(along - _BEND_LENGTH, 0.0)[:, None]
        return self.centre + bent + before * self.axis + behind * directions[-1]


def forearm_tube(axis: ArmAxis) -> Tube:
    """The bare forearm, growing from the wrist to the elbow and closed at its end."""
    along = _FOREARM_RINGS
    return _tube(axis.rings(along, _forearm_scale(along)), along)


def sleeve_tube(axis: ArmAxis, look: SleeveLook) -> Tube:
    """A cloth tube with folds and a hem that is turned inwards."""
    outer = np.concatenate([np.linspace(look.start, 0.36, 18), np.linspace(0.36, ARM_LENGTH + 0.01, 5)[1:]])
    along = np.concatenate([[look.start + 0.02, look.start], outer])
    radius = np.linalg.norm(axis.loop - axis.centre, axis=1).mean()
    around = np.arange(len(axis.loop)) * (2 * np.pi / len(axis.loop))
    folds = _folds(along, around, look.wrinkle_seed) * np.clip((along - look.start) / 0.03, 0.15, 1.0)[:, None]
    gap = np.where(np.arange(len(along)) < 2, 0.4, 1.0) * _CLOTH_GAP
    scale = _forearm_scale(along)[:, None] * look.looseness + (gap[:, None] + folds) / radius
    return _tube(axis.rings(along, scale), along)


def _forearm_scale(along: FloatArray) -> FloatArray:
    share = np.clip(along / 0.24, 0.0, 1.0)
    return 1.0 + 0.7 * share**2 * (3 - 2 * share)


def _folds(along: FloatArray, around: FloatArray, seed: int) -> FloatArray:
    """Outward displacements (R, K) of a few oblique waves, metres."""
    rng = np.random.default_rng(seed)
    waves = np.zeros((len(along), len(around)))
    for _ in range(5):
        phase = rng.uniform(40, 220) * along[:, None] + rng.integers(-3, 4) * around + rng.uniform(0, 2 * np.pi)
        waves += rng.uniform(0.0003, 0.0014) * np.sin(phase)
    return np.maximum(waves, -0.5 * _CLOTH_GAP)


def _tube(rings: FloatArray, along: FloatArray) -> Tube:
    """Rings (R, K, 3) joined and closed at the end; their first column is repeated, where ``around`` jumps."""
    count, size = rings.shape[:2]
    columns = np.arange(size + 1) % size
    index = np.arange(count * (size + 1)).reshape(count, size + 1)
    here, here_next, after, after_next = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    # The loop runs along the boundary's faces: these triangles continue their orientation outwards.
    quads = [np.stack([here_next, here, after], axis=-1), np.stack([here_next, after, after_next], axis=-1)]
    end = np.full(size, index.size)
    fan = np.stack([index[-1, 1:], index[-1, :-1], end], axis=-1)
    return Tube(
        vertices=np.concatenate([rings[:, columns].reshape(-1, 3), rings[-1].mean(axis=0, keepdims=True)]),
        faces=np.concatenate([*(quad.reshape(-1, 3) for quad in quads), fan]),
        along=np.append(np.repeat(along, size + 1), along[-1]),
        around=np.append(np.tile(np.arange(size + 1) * (2 * np.pi / size), count), 0.0),
        column=np.append(np.tile(columns, count), 0),
        weld=np.append((index[:, :1] + columns).ravel(), index.size),
    )
