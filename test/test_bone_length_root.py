"""The wrist's depth from bone lengths: exact where everything is known, and honest where it is not."""

import numpy as np
import pytest
from scipy.optimize import brentq

from hand_object_pose.estimation.bone_length_root import BoneLengthRootDepth, KnownBones
from hand_object_pose.estimation.bone_lengths import BONE_NAMES, RelativeBones, bone_lengths, resting_bone_lengths
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.root_depth import RelativeMeshes
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_layer import ManoLayer

CAMERA = Camera(np.array([[600.0, 0, 310.0], [0, 590.0, 250.0], [0, 0, 1]]), 640, 480)
HAND = default_hand()
REGRESSOR = HAND.joint_regressor21
EMPTY = np.zeros((0, 3), dtype=np.int64)


def posed(wrist: tuple[float, float, float], turn: tuple[float, float, float], size: float = 1.0) -> np.ndarray:
    """(778, 3) a half-closed hand, its wrist there."""
    pose = np.concatenate([turn, np.random.default_rng(5).normal(0.2, 0.2, 45)])[None]
    vertices = size * ManoLayer(HAND)(pose).vertices[0]
    return vertices - (REGRESSOR @ vertices)[0] + np.array(wrist)


def seen(vertices: np.ndarray, rng: np.random.Generator | None = None) -> RelativeMeshes:
    """What a network sees of it; with noise that neighbouring vertices share, as networks err."""
    points = np.concatenate([CAMERA.project(vertices), vertices[:, 2:] - (REGRESSOR @ vertices)[0, 2]], axis=1)
    if rng is not None:
        fingers = HAND.finger_labels + 1
        points[:, :2] += rng.normal(0, 2.0, (6, 2))[fingers]
        points[:, 2] += rng.normal(0, 0.008, 6)[fingers]
    return RelativeMeshes(points, HAND.faces, points[:1], EMPTY)


def root_depth(
    lengths: np.ndarray, size_spread: float = 0.0, bias: float = 0.0, depth_spread: float = 0.0
) -> BoneLengthRootDepth:
    return BoneLengthRootDepth(REGRESSOR, KnownBones(lengths, size_spread, bias, depth_spread))


FRAME = Frame(np.zeros((480, 640, 3), np.uint8), CAMERA)
PLACES = [
    ((0.0, 0.0, 0.3), (0.4, 0.2, 0.1)),
    ((0.2, -0.1, 0.62), (1.5, -0.4, 0.3)),
    ((-0.3, 0.2, 1.4), (0.0, 2.0, 1.0)),
]


@pytest.mark.parametrize(("wrist", "turn"), PLACES)
def test_a_known_hand_is_exactly_where_it_is(wrist: tuple, turn: tuple) -> None:
    vertices = posed(wrist, turn)
    found = root_depth(bone_lengths(REGRESSOR @ vertices)).estimate(FRAME, seen(vertices))
    assert (found.source, found.reason) == ("bone_length", "")
    assert found.depth == pytest.approx(wrist[2], rel=1e-7)
    # Every single bone says so too, unless it points at the camera.
    relative = seen(vertices).hand
    directions = CAMERA.unproject(relative[:, :2], np.ones(len(relative)))
    alone = RelativeBones.of(directions, relative[:, 2], REGRESSOR).depths(bone_lengths(REGRESSOR @ vertices))
    assert np.isclose(alone, wrist[2], rtol=1e-6).sum() >= 15


def test_the_quadratic_has_the_root_that_a_search_finds() -> None:
    vertices = posed(*PLACES[1])
    relative = seen(vertices, np.random.default_rng(1)).hand
    bones = RelativeBones.of(CAMERA.unproject(relative[:, :2], np.ones(778)), relative[:, 2], REGRESSOR)
    lengths = 1.1 * resting_bone_lengths(HAND)
    checked = 0
    for number, depth in enumerate(bones.depths(lengths)):

        def excess(at: float, bone: int = number) -> float:
            return float(np.linalg.norm(bones.vectors(at)[bone]) - lengths[bone])

        if excess(0.05) < 0 < excess(5.0):
            assert depth == pytest.approx(brentq(excess, 0.05, 5.0), rel=1e-6)
            checked += 1
    assert checked >= 15


def test_sigma_covers_the_error_of_noisy_joints() -> None:
    vertices = posed((0.05, -0.05, 0.6), (0.5, 0.3, 0.1))
    way, rng = root_depth(bone_lengths(REGRESSOR @ vertices)), np.random.default_rng(0)
    found = [way.estimate(FRAME, seen(vertices, rng)) for _ in range(300)]
    scores = np.array([(each.depth - 0.6) / each.sigma for each in found])
    assert 0.6 < (np.abs(scores) < 1).mean() < 0.95
    assert (np.abs(scores) < 3).mean() > 0.97
    assert np.std([each.depth for each in found]) < 0.06


def test_a_hand_of_another_size_is_as_far_off_as_the_size_spread_says() -> None:
    """A hand one spread larger than thought is found one sigma too near: nothing else is wrong here."""
    vertices = posed((0.0, 0.1, 0.7), (0.8, -0.3, 0.1), size=1.06)
    believed = bone_lengths(REGRESSOR @ vertices) / 1.06
    found = root_depth(believed, size_spread=0.06).estimate(FRAME, seen(vertices))
    known = root_depth(believed * 1.06).estimate(FRAME, seen(vertices))
    assert known.depth == pytest.approx(0.7, abs=1e-6)
    assert found.depth < 0.68
    size_sigma = np.sqrt(found.sigma**2 - root_depth(believed).estimate(FRAME, seen(vertices)).sigma ** 2)
    assert (0.7 - found.depth) / size_sigma == pytest.approx(1.0, abs=0.15)


def test_a_known_bias_is_taken_away() -> None:
    vertices = posed((0.0, 0.1, 0.7), (0.8, -0.3, 0.1))
    lengths = bone_lengths(REGRESSOR @ vertices)
    found = root_depth(lengths, bias=0.25).estimate(FRAME, seen(vertices))
    assert found.depth == pytest.approx(0.7 / 1.25, rel=1e-6)


def test_what_networks_see_wrong_is_in_sigma() -> None:
    vertices = posed((0.0, 0.1, 0.7), (0.8, -0.3, 0.1))
    lengths = bone_lengths(REGRESSOR @ vertices)
    without, found = (root_depth(lengths, depth_spread=spread).estimate(FRAME, seen(vertices)) for spread in (0, 0.1))
    assert found.sigma == pytest.approx(np.hypot(without.sigma, 0.1 * 0.7), rel=1e-6)


@pytest.mark.parametrize("finger", range(5))
def test_a_finger_that_is_misread_moves_little(finger: int) -> None:
    """It is drawn twice as long; by plain least squares the hand would be 5 to 15 cm too near."""
    vertices = posed((0.0, 0.1, 0.7), (0.8, -0.3, 0.1))
    lengths, meshes = bone_lengths(REGRESSOR @ vertices), seen(vertices)
    drawn = HAND.finger_labels == finger
    base = CAMERA.project(REGRESSOR @ vertices)[1 + 4 * finger]
    meshes.hand[drawn, :2] = base + 2 * (meshes.hand[drawn, :2] - base)
    assert root_depth(lengths).estimate(FRAME, meshes).depth == pytest.approx(0.7, abs=0.025)


def test_what_is_no_hand_is_refused() -> None:
    vertices = posed((0.0, 0.0, 0.6), (0.5, 0.3, 0.1))
    scrambled = vertices[np.random.default_rng(3).permutation(778)]
    assert "differ from a hand's" in root_depth(resting_bone_lengths(HAND)).estimate(FRAME, seen(scrambled)).reason
    point = np.tile(vertices[:1], (778, 1))
    assert "bones" in root_depth(resting_bone_lengths(HAND)).estimate(FRAME, seen(point)).reason


def test_bones_are_named_by_their_ends() -> None:
    assert len(BONE_NAMES) == len(set(BONE_NAMES)) == len(resting_bone_lengths(HAND)) == 20
    assert (BONE_NAMES[0], BONE_NAMES[5]) == ("wrist to thumb_1", "index_1 to index_2")
    longest = BONE_NAMES[int(np.argmax(resting_bone_lengths(HAND)))]
    assert longest.startswith("wrist to")
