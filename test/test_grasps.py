from dataclasses import replace

import numpy as np
import pytest

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid, exact_signed_distance
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.joints import FINGERTIPS
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.synthetic.finger_closing import (
    FLEXION_LIMITS,
    Attempts,
    ClosingConfig,
    PosedHand,
    close_fingers,
    relax_idle_fingers,
)
from hand_object_pose.synthetic.grasp_approach import ApproachConfig, approach
from hand_object_pose.synthetic.grasp_library import GraspLibrary, shipped_grasps
from hand_object_pose.synthetic.grasp_quality import QualityConfig, assess
from hand_object_pose.synthetic.grasps import GraspConfig, GraspGenerator, hand_in_object
from hand_object_pose.synthetic.hand_frame import HandFrame

RADIUS = 0.035
SMALL = GraspConfig(approach=ApproachConfig(batch=16))


@pytest.fixture(scope="module")
def posed():
    return PosedHand(default_hand())


@pytest.fixture(scope="module")
def ball():
    """The signed distance of a ball at the origin, from its closed form."""
    counts = np.full(3, 67)
    return SignedDistanceGrid.sample(
        lambda points: np.linalg.norm(points, axis=1) - RADIUS, np.full(3, -0.066), counts, 0.002
    )


def open_hand(posed, count, wrist):
    start = np.tile(np.array([0.1] * 15), (count, 1))
    return Attempts(
        np.tile(wrist, (count, 1, 1)),
        np.zeros((count, 10)),
        np.zeros((count, 45)),
        start,
        np.ones((count, 15)),
        np.zeros(count, bool),
    )


def over_ball(posed, gap):
    """A hand whose palm faces a ball at the origin, ``gap`` metres away."""
    frame = posed.frame
    wrist = np.eye(4)
    wrist[:3, 3] = -(frame.palm_centre + 0.03 * frame.forward + (RADIUS + gap) * frame.palmar)
    return wrist


@pytest.mark.parametrize("side", ["right", "left"])
def test_hand_frame_is_orthonormal_and_fingers_close_on_the_palm_side(side):
    hand = default_hand(side)
    frame, posed = HandFrame.of(hand), PosedHand(hand)
    np.testing.assert_allclose(frame.axes.T @ frame.axes, np.eye(3), atol=1e-12)
    flexions = np.array([np.zeros(15), np.tile([1.0, 1.0, 0.5], 5)])
    _, joints = posed.mesh(posed.pose(flexions, np.zeros((2, 45))), np.zeros((2, 10)))
    for tip in FINGERTIPS[1:]:
        assert (joints[1, tip] - joints[0, tip]) @ frame.palmar > 0.02
    thumb_base, little_base = joints[0, 2], joints[0, 17]
    assert (thumb_base - little_base) @ frame.thumbward > 0.02
    assert joints[0, 9] @ frame.forward == pytest.approx(np.linalg.norm(joints[0, 9]))


def test_hand_frame_of_the_left_hand_mirrors_the_right():
    right, left = HandFrame.of(default_hand()), HandFrame.of(default_hand("left"))
    mirror = np.array([-1.0, 1.0, 1.0])
    for name in ("forward", "thumbward", "palmar", "palm_centre"):
        np.testing.assert_allclose(getattr(left, name), mirror * getattr(right, name), atol=1e-9)


def test_fingers_stop_at_the_surface_of_a_ball(posed, ball):
    config = ClosingConfig()
    attempts = open_hand(posed, 1, over_ball(posed, 0.004))
    flexions = close_fingers(posed, ball, attempts, config)
    vertices, _ = posed.mesh(posed.pose(flexions, attempts.rest), attempts.betas)
    exact = np.linalg.norm(vertices[0] + attempts.wrist[0, :3, 3], axis=1) - RADIUS
    assert exact.min() > -config.skin_depth - 3e-4  # what interpolation on the grid may be wrong by
    for finger in (1, 2, 3):
        assert exact[posed.finger_labels == finger].min() < 1e-3
    assert (flexions >= attempts.start).all()
    assert (flexions <= FLEXION_LIMITS).all()


def test_fingers_close_fully_where_nothing_is(posed, ball):
    attempts = open_hand(posed, 1, over_ball(posed, 0.3))
    flexions = close_fingers(posed, ball, attempts, ClosingConfig())
    np.testing.assert_allclose(flexions[0], FLEXION_LIMITS)


def test_idle_fingers_bend_no_further_than_a_touching_one(posed, ball):
    wrist = over_ball(posed, 0.004)
    wrist[:3, 3] -= 0.035 * posed.frame.thumbward  # the ball lies before the index finger, beside the little finger
    attempts = open_hand(posed, 1, wrist)
    flexions = close_fingers(posed, ball, attempts, ClosingConfig())
    index, little = slice(0, 3), slice(6, 9)  # in MANO's order
    np.testing.assert_allclose(flexions[0, little], FLEXION_LIMITS[little])
    relaxed = relax_idle_fingers(posed, ball, attempts, flexions, 0.003)
    np.testing.assert_array_equal(relaxed[0, index], flexions[0, index])
    assert relaxed[0, little].sum() < flexions[0, little].sum() - 0.3
    nobody_touches = -1.0
    np.testing.assert_array_equal(relax_idle_fingers(posed, ball, attempts, flexions, nobody_touches), flexions)


def test_approach_ends_at_the_surface(posed):
    can = default_catalogue()["can"]
    config = ApproachConfig(batch=12, precision_share=0.0, oppositions=(0.0,))
    attempts = approach(posed, can, grid_of(can), config, np.random.default_rng(0))
    vertices, _ = posed.mesh(attempts.open_pose(posed), attempts.betas)
    for number in range(len(vertices)):
        placed = vertices[number] @ attempts.wrist[number, :3, :3].T + attempts.wrist[number, :3, 3]
        others = placed[posed.finger_labels != 0]
        nearest = exact_signed_distance(others, TriangleMesh(can.vertices, can.faces)).min()
        assert -0.0012 < nearest < 0.0012


def test_quality_of_a_hand_that_reaches_into_a_ball(posed, ball):
    wrist = over_ball(posed, -0.006)[None]
    pose = np.zeros((1, 45))
    vertices, joints = posed.mesh(pose, np.zeros((1, 10)))
    quality = assess(ball, wrist, vertices, joints, posed, QualityConfig())
    depth = np.maximum(RADIUS - np.linalg.norm(vertices[0] + wrist[0, :3, 3], axis=1), 0)
    assert quality.max_penetration[0] == pytest.approx(depth.max(), abs=2e-4)
    assert quality.mean_penetration[0] == pytest.approx(depth.mean(), abs=2e-5)
    assert not quality.accepted[0]


def test_quality_of_opposition_and_forearm(posed, ball):
    attempts = open_hand(posed, 1, over_ball(posed, 0.004))
    flexions = close_fingers(posed, ball, attempts, ClosingConfig())
    vertices, joints = posed.mesh(posed.pose(flexions, attempts.rest), attempts.betas)
    quality = assess(ball, attempts.wrist, vertices, joints, posed, QualityConfig())
    placed = vertices[0] + attempts.wrist[0, :3, 3]
    distances = np.linalg.norm(placed, axis=1) - RADIUS
    nearest = [np.flatnonzero(posed.finger_labels == finger) for finger in range(5)]
    points = [placed[members[np.argmin(distances[members])]] for members in nearest]
    normals = np.array([point / np.linalg.norm(point) for point in points])
    touching = [finger for finger in range(1, 5) if distances[nearest[finger]].min() < 0.003]
    assert quality.opposition[0] == pytest.approx(min(normals[0] @ normals[finger] for finger in touching), abs=0.02)
    in_the_way = QualityConfig(forearm_length=1.0, forearm_radius=0.5)
    assert not assess(ball, attempts.wrist, vertices, joints, posed, in_the_way).accepted[0]


def test_shipped_library_fits_the_shipped_hand_and_objects():
    assert shipped_grasps().covers(default_hand(), default_catalogue())


@pytest.mark.parametrize("name", list(default_catalogue()))
def test_shipped_grasps_hold_their_object_by_exact_distances(posed, name):
    model = default_catalogue()[name]
    grasps = shipped_grasps().of(model)
    assert len(grasps) >= 150
    some = grasps[np.linspace(0, len(grasps) - 1, 6).astype(int)]
    vertices, _ = hand_in_object(posed, some)
    mesh = TriangleMesh(model.vertices, model.faces)
    for hand in vertices:
        distances = exact_signed_distance(hand, mesh)
        depth = np.maximum(-distances, 0)
        assert depth.max() < 0.005
        assert depth.mean() < 0.0004
        touching = [distances[posed.finger_labels == finger].min() < 0.0045 for finger in range(5)]
        assert touching[0]
        assert sum(touching[1:]) >= 2


def test_library_is_determined_by_its_seed_and_survives_its_file(tmp_path):
    catalogue = {"can": default_catalogue()["can"]}
    first, again, other = (GraspLibrary.generate(default_hand(), catalogue, 2, seed, SMALL) for seed in (3, 3, 4))
    grasps = first.of(catalogue["can"])
    np.testing.assert_array_equal(grasps.pose, again.of(catalogue["can"]).pose)
    assert not np.array_equal(grasps.T_object_wrist, other.of(catalogue["can"]).T_object_wrist)
    first.save(tmp_path / "grasps.npz")
    loaded = GraspLibrary.load(tmp_path / "grasps.npz")
    assert loaded.covers(default_hand(), catalogue)
    restored = loaded.of(catalogue["can"])
    generator = GraspGenerator(default_hand())
    original, _ = hand_in_object(generator.posed, grasps)
    read, _ = hand_in_object(generator.posed, restored)
    np.testing.assert_allclose(read, original, atol=2e-4)


def test_library_refuses_another_mesh_and_unknown_objects():
    can = default_catalogue()["can"]
    with pytest.raises(UserError, match=r"'can' were made for another mesh"):
        shipped_grasps().of(replace(can, vertices=can.vertices * 1.1))
    with pytest.raises(UnknownObjectError, match="banana, bottle, can"):
        shipped_grasps().of(replace(can, name="spoon"))


def test_damaged_or_missing_library_is_named(tmp_path):
    with pytest.raises(UserError, match="no such grasp library"):
        GraspLibrary.load(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"not an archive")
    with pytest.raises(UserError, match=r"bad\.npz: expected a grasp library"):
        GraspLibrary.load(tmp_path / "bad.npz")


def test_an_object_without_grasps_is_refused_in_words():
    config = GraspConfig(ApproachConfig(batch=2), quality=QualityConfig(least_fingers=5), max_batches=2)
    with pytest.raises(UserError, match=r"'can' \(6.8 x 6.8 x 10.0 cm\): no hand can grasp it"):
        GraspLibrary.generate(default_hand(), {"can": default_catalogue()["can"]}, 1, 0, config)
