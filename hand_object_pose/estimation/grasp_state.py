"""Whether a hand holds an object: by which fingers touch it, and steady in time.

A hand is APART from an object that no part of it touches. It HOLDS the object when the thumb or the palm and at least
one other finger touch it. Anything between is TOUCHING.

Estimates err by more than a contact is wide. A part counts as touching within ``distance``, which is larger than what
is published as a contact; it goes on touching until it is ``release`` times as far away; and another state must last
for ``settle`` seconds before it replaces the one that was said. The first state of a track is said at once.
``scripts/measure_grasp_state.py`` shows how often the state is right.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

from hand_object_pose.arrays import BoolArray, FloatArray
from hand_object_pose.checks import check_shape

NUM_PARTS = 6
"""Palm, thumb, index, middle, ring and little finger: a finger's label plus one."""
_OPPOSING = [0, 1]
_OTHERS = [2, 3, 4, 5]


class GraspState(IntEnum):
    """The numbers of ``HandObjectEstimate.msg``."""

    UNKNOWN = 0
    APART = 1
    TOUCHING = 2
    HELD = 3


@dataclass(frozen=True)
class GraspSettings:
    """Of ``GraspTracker``.

    Attributes:
        distance: metres; what is nearer to the object's surface touches.
        release: what touched goes on touching within so many times that distance.
        settle: seconds that another state must last.
        forget_after: seconds without an observation after which a track begins anew.
    """

    distance: float = 0.01
    release: float = 1.5
    settle: float = 0.1
    forget_after: float = 0.5


def grasp_of(touching: BoolArray) -> GraspState:
    """The state of one moment; ``touching`` (6,): palm, thumb, index, middle, ring, little finger."""
    check_shape("touching", touching, (NUM_PARTS,))
    if touching[_OPPOSING].any() and touching[_OTHERS].any():
        return GraspState.HELD
    return GraspState.TOUCHING if touching.any() else GraspState.APART


class GraspTracker:
    """Follows the states of several tracks."""

    def __init__(self, settings: GraspSettings | None = None) -> None:
        """See ``GraspSettings``."""
        self.settings = settings or GraspSettings()
        self._tracks: dict[int, _Track] = {}

    def reset(self) -> None:
        """Forget all tracks."""
        self._tracks.clear()

    def update(self, track_id: int, stamp: float, distances: FloatArray) -> GraspState:
        """The state of a track at a moment.

        Args:
            track_id: which track.
            stamp: seconds; one before the track's last begins it anew.
            distances: (6,) smallest signed distance to the object of palm, thumb ... little finger, metres.
        """
        check_shape("distances", distances, (NUM_PARTS,))
        settings = self.settings
        self._tracks = {
            number: track for number, track in self._tracks.items() if 0 <= stamp - track.last <= settings.forget_after
        }
        strict = grasp_of(distances < settings.distance)
        loose = grasp_of(distances < settings.distance * settings.release)
        track = self._tracks.setdefault(track_id, _Track(strict, stamp))
        return track.update(stamp, min(max(track.state, strict), loose), settings.settle)


@dataclass
class _Track:
    """``wanted`` is another state that has been seen since ``since``; ``state`` itself where there is none."""

    state: GraspState
    last: float
    wanted: GraspState = GraspState.UNKNOWN
    since: float = math.nan

    def update(self, stamp: float, seen: GraspState, settle: float) -> GraspState:
        self.last = stamp
        if seen != self.wanted:
            self.wanted, self.since = seen, stamp
        if seen == self.state or stamp - self.since >= settle:
            self.state = seen
        return self.state
