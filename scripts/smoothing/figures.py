"""Numbers that say how well a filter does."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from hand_object_pose.arrays import FloatArray
from smoothing.courses import Track

_SETTLING = 1.0
_DELAYS = np.arange(-0.05, 0.2501, 0.005)
_LEAST_SPEED, _LEAST_TURN_RATE = 0.1, 0.5


def jitter(tracks: list[Track]) -> FloatArray:
    """Of scenes that stand still: RMS distance from the mean, of all scenes alike; the first second is left out.

    (5,): position mm, rotation degrees, joints mm; of the twist, whose mean is zero: mm/s and degrees/s.
    """
    found = []
    for track in tracks:
        late = track.stamps > track.course_stamps[0] + _SETTLING
        if late.sum() < 2:
            continue
        places, joints, twists = track.poses[late, :3, 3], track.joints[late], track.twists[late]
        turns = Rotation.from_matrix(track.poses[late, :3, :3])
        around_means = [
            places - places.mean(axis=0),
            (turns * turns.mean().inv()).as_rotvec(),
            joints - joints.mean(axis=0),
        ]
        found.append([_rms(vectors) for vectors in (*around_means, twists[:, :3], twists[:, 3:])])
    return np.sqrt(np.square(found).mean(axis=0)) * [1e3, 180 / np.pi, 1e3, 1e3, 180 / np.pi]


def lag(tracks: list[Track]) -> tuple[float, float]:
    """Of position and rotation, ms: the delay of the truth at which the estimates on the way scatter least around it.

    On the way: at more than 0.1 m/s or 0.5 rad/s. A constant offset of a course is not counted.
    """
    positions, rotations = [], []
    for delay in _DELAYS:
        places, turns = zip(*(_residuals(track, delay) for track in tracks), strict=True)
        positions.append(np.mean(np.concatenate(places)))
        rotations.append(np.mean(np.concatenate(turns)))
    return 1e3 * _DELAYS[np.argmin(positions)], 1e3 * _DELAYS[np.argmin(rotations)]


def shared_error(tracks: list[Track]) -> tuple[float, float]:
    """Of position and rotation: the share of the squared error that successive images have in common, mean of tracks.

    Half the mean square of what the error changes by is what they do not share.
    """
    shares = []
    for track in tracks:
        places = track.poses[:, :3, 3] - track.true_at[:, :3, 3]
        # In the object's own frame: there an error stays the same while the object turns.
        turns = Rotation.from_matrix(np.swapaxes(track.true_at[:, :3, :3], 1, 2) @ track.poses[:, :3, :3]).as_rotvec()
        shares.append([1 - _rms(np.diff(errors, axis=0)) ** 2 / (2 * _rms(errors) ** 2) for errors in (places, turns)])
    position, rotation = np.mean(shares, axis=0)
    return float(position), float(rotation)


def overshoot(reach: Track) -> tuple[float, float]:
    """How far a filter gets beyond the end of a reach, mm and degrees: along its way, and about its axis."""
    start, end = reach.true_poses[0], reach.true_poses[-1]
    way, turn = end[:3, 3] - start[:3, 3], _turns(end[None], start[None])[0]
    beyond = (reach.poses[:, :3, 3] - end[:3, 3]) @ way / np.linalg.norm(way)
    turned = _turns(reach.poses, end[None]) @ turn / np.linalg.norm(turn)
    return 1e3 * max(0.0, beyond.max()), np.rad2deg(max(0.0, turned.max()))


def prediction_errors(tracks: list[Track], ahead: float) -> tuple[float, float, float, float]:
    """Median distance from the truth some seconds later, of what moves: as filtered, and moved on by the twist.

    mm as filtered, mm predicted, degrees as filtered, degrees predicted.
    """
    held: list[tuple[FloatArray, FloatArray]] = []
    predicted: list[tuple[FloatArray, FloatArray]] = []
    for track in tracks:
        inside = track.stamps + ahead <= track.course_stamps[-1]
        fast, turning = (inside & moving for moving in _moving(track))
        truth = _true_at(track, np.minimum(track.stamps + ahead, track.course_stamps[-1]))
        for poses, errors in ((track.poses, held), (track.predicted(ahead), predicted)):
            places, turns = poses[:, :3, 3] - truth[:, :3, 3], _turns(poses, truth)
            errors.append((np.linalg.norm(places[fast], axis=1), np.linalg.norm(turns[turning], axis=1)))
    medians = [[np.median(np.concatenate(part)) for part in zip(*errors, strict=True)] for errors in (held, predicted)]
    (held_place, held_turn), (place, turn) = medians
    return 1e3 * held_place, 1e3 * place, np.rad2deg(held_turn), np.rad2deg(turn)


def _residuals(track: Track, delay: float) -> tuple[FloatArray, FloatArray]:
    inside = (track.stamps - delay >= track.course_stamps[0]) & (track.stamps - delay <= track.course_stamps[-1])
    fast, turning = (inside & moving for moving in _moving(track))
    places = track.poses[fast, :3, 3] - _true_at(track, track.stamps[fast] - delay)[:, :3, 3]
    truth = _true_at(track, track.stamps[turning] - delay)
    # In the object's own frame, where a wrong estimate of its orientation stays the same while it turns.
    turns = Rotation.from_matrix(np.swapaxes(truth[:, :3, :3], 1, 2) @ track.poses[turning, :3, :3]).as_rotvec()
    return _scatter(places), np.minimum(_scatter(turns), np.deg2rad(30))


def _scatter(residuals: FloatArray) -> FloatArray:
    if not len(residuals):
        return np.zeros(0)
    return np.linalg.norm(residuals - np.median(residuals, axis=0), axis=1)


def _moving(track: Track) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N,) whether the object moves faster than 0.1 m/s, and whether it turns faster than 0.5 rad/s."""
    linear = np.gradient(track.true_poses[:, :3, 3], track.course_stamps, axis=0)
    angular = _turns(track.true_poses[1:], track.true_poses[:-1]) / np.diff(track.course_stamps)[:, None]
    at = np.searchsorted(track.course_stamps, track.stamps)
    speeds, rates = (
        np.linalg.norm(linear[at], axis=1),
        np.linalg.norm(angular[np.minimum(at, len(angular) - 1)], axis=1),
    )
    return speeds > _LEAST_SPEED, rates > _LEAST_TURN_RATE


def _true_at(track: Track, stamps: FloatArray) -> FloatArray:
    poses = np.tile(np.eye(4), (len(stamps), 1, 1))
    if len(stamps):
        poses[:, :3, :3] = Slerp(track.course_stamps, Rotation.from_matrix(track.true_poses[:, :3, :3]))(
            stamps
        ).as_matrix()
        for axis in range(3):
            poses[:, axis, 3] = np.interp(stamps, track.course_stamps, track.true_poses[:, axis, 3])
    return poses


def _turns(poses: FloatArray, references: FloatArray) -> FloatArray:
    return Rotation.from_matrix(poses[:, :3, :3] @ np.swapaxes(references[:, :3, :3], 1, 2)).as_rotvec()


def _rms(vectors: FloatArray) -> float:
    return float(np.sqrt(np.square(vectors).sum(axis=-1).mean()))
