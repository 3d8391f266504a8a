"""Grasp synthesis: the losses' closed forms, exact distances, the rule's counts, GrabNet's frame on smplx's output."""

import mano_golden
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.signed_distance import exact_signed_distance
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.finger_closing import PosedHand
from hand_object_pose.synthetic.grasp_library import GraspLibrary, shipped_grasps
from hand_object_pose.synthetic.grasps import hand_in_object
from hand_object_pose.synthetic.scene_sampler import SceneSampler
from hand_object_pose_training.contact_losses import (
    FilterReport,
    GraspLimits,
    contact_loss,
    contact_zones,
    penetration_loss,
    plausible,
)
from hand_object_pose_training.grabnet import load_grabnet
from hand_object_pose_training.grasp_synthesis import (
    HOLDING,
    GraspSynthesisConfig,
    filter_library,
    keep_plausible,
    synthesise_grasps,
)
from hand_object_pose_training.grasps_command import GraspsConfig, make_grasps, total

HAND = default_hand()
CATALOGUE = dict(default_catalogue())
GOLDEN = "r_aa_flat_trans"


@pytest.fixture(scope="module")
def zones():
    return contact_zones(HAND)


def test_the_zones_are_fingertips_and_palm(zones):
    assert len(zones) == 6
    assert len(np.unique(np.concatenate(zones))) == sum(map(len, zones))
    for zone, tip in zip(zones, HAND.fingertips, strict=False):
        assert tip in zone
    palm = HAND.v_template[zones[5]].mean(axis=0)
    joints = HAND.joint_regressor21 @ HAND.v_template
    nearest = np.argmin(np.linalg.norm(joints - palm, axis=1))
    assert nearest in (0, 1, 5, 9, 13, 17)


def test_contact_loss_of_known_gaps(zones):
    distances = np.full((3, 778), 0.5)
    for zone, gap in zip(zones, (0.0, 0.003, 0.01, 0.2, -0.004, 0.02), strict=True):
        distances[1, zone[len(zone) // 2]] = gap
    distances[2] = -0.001
    saturated = 0.01 * np.tanh(50)
    known = [0.01 * np.tanh(gap / 0.01) for gap in (0.003, 0.01, 0.2, 0.02)]
    np.testing.assert_allclose(contact_loss(distances, zones), [6 * saturated, sum(known), 0.0])


def test_penetration_loss_of_known_depths():
    distances = np.full((2, 778), 0.01)
    distances[1, [3, 100, 700]] = [-0.002, -0.02, -0.5]
    expected = 0.02 * (np.tanh(0.1) + np.tanh(1.0) + np.tanh(25.0))
    np.testing.assert_allclose(penetration_loss(distances), [0.0, expected])


def test_small_losses_are_sums_of_metres(zones):
    # For gaps and depths far below a and r, tanh is the identity.
    distances = np.full((1, 778), 1e-4)
    assert contact_loss(distances, zones)[0] == pytest.approx(6e-4, rel=1e-3)
    assert penetration_loss(-distances)[0] == pytest.approx(778e-4, rel=1e-3)


def test_the_rule_counts_what_it_refuses(zones):
    distances = np.zeros((5, 778))
    distances[1] = 0.0024  # six zones: 0.0141 m, refused
    distances[2] = 0.0019  # 0.0113 m, kept
    distances[3, :60] = -0.002  # 0.12 m, refused
    distances[4, :49] = -0.002  # 0.098 m, kept
    kept, report = plausible(distances, zones, GraspLimits())
    assert kept.tolist() == [True, False, True, False, True]
    assert report == FilterReport(tried=5, contact=1, penetration=1, kept=3)
    assert report.rejection_rate == pytest.approx(0.4)
    assert "3 of 5 grasps kept, 40.0 % refused (1 for contact, 1 for penetration)" in str(report)


def test_the_filter_agrees_with_exact_distances(zones):
    posed, model = PosedHand(HAND), CATALOGUE["mug"]
    grasps = shipped_grasps().of(model)[:12]
    pushed = grasps.T_object_wrist.copy()
    # Half of them pushed 8 mm towards the object's middle, so that both outcomes occur.
    pushed[::2, :3, 3] -= 0.008 * pushed[::2, :3, 3] / np.linalg.norm(pushed[::2, :3, 3], axis=1, keepdims=True)
    grasps = type(grasps)(pushed, grasps.pose, grasps.open_pose, grasps.betas, grasps.precision)
    vertices, _ = hand_in_object(posed, grasps)
    mesh = TriangleMesh(model.vertices, model.faces)
    exact = np.stack([exact_signed_distance(hand, mesh) for hand in vertices])
    expected, _ = plausible(exact, zones, GraspLimits())
    kept, report = keep_plausible(HAND, model, grasps, GraspLimits())
    assert 0 < report.kept < report.tried == 12
    np.testing.assert_array_equal(kept.pose, grasps.pose[expected])


def test_generated_grasps_are_filtered_reported_written_and_drawn(tmp_path):
    config = GraspsConfig(out=tmp_path / "grasps.npz", names=("can",), count=5, seed=1)
    reports = make_grasps(config)
    assert list(reports) == ["can"]
    assert total(reports) == reports["can"]
    catalogue = {"can": CATALOGUE["can"]}
    library = GraspLibrary.load(config.out)
    assert len(library.of(catalogue["can"])) == reports["can"].kept > 0
    scene = SceneSampler(HAND, catalogue, library, HOLDING).sample(np.random.default_rng(0))
    in_object = (scene.truth.hand_vertices - scene.truth.object_pose[:3, 3]) @ scene.truth.object_pose[:3, :3]
    hands, _ = hand_in_object(PosedHand(HAND), library.of(catalogue["can"]))
    assert np.abs(hands - in_object).max(axis=(1, 2)).min() < 1e-7
    with pytest.raises(UnknownObjectError, match="teapot"):
        make_grasps(GraspsConfig(names=("can", "teapot")))


def test_a_library_that_cannot_be_written_is_said_in_words(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        make_grasps(GraspsConfig(out=tmp_path / "file" / "grasps.npz", names=("can",), count=5, seed=1))


def test_a_library_of_which_nothing_is_left_is_refused():
    limits = GraspLimits(contact=-1.0)
    with pytest.raises(UserError, match=r"250 for contact.* scale"):
        filter_library(shipped_grasps(), HAND, CATALOGUE, limits)


def grabnet_arrays(name="mug"):
    """What GrabNet would return for golden poses, for an object centred and turned at random."""
    golden = mano_golden.expected()
    pose = golden[f"{GOLDEN}/pose"].astype(np.float64)
    rng = np.random.default_rng(2)
    return {
        "object_name": np.array(name),
        "global_orient": pose[:, :3],
        "hand_pose": pose[:, 3:],
        "betas": golden[f"{GOLDEN}/betas"].astype(np.float64),
        "transl": golden[f"{GOLDEN}/trans"].astype(np.float64),
        "rotmat": Rotation.random(len(pose), rng=rng).as_matrix(),
        "offset": rng.normal(0, 0.02, 3),
    }


def test_grabnets_hands_come_to_lie_in_the_objects_own_frame(tmp_path):
    arrays = grabnet_arrays()
    np.savez(tmp_path / "grasps.npz", **arrays)
    name, grasps = load_grabnet(tmp_path / "grasps.npz", mano_golden.hand("right"))
    assert name == "mug"
    # smplx's own vertices, moved as GrabNet's viewer moves them: turned back, then the centre added again.
    shown = mano_golden.expected()[f"{GOLDEN}/smplx_verts"]
    expected = np.einsum("nji,nvj->nvi", arrays["rotmat"], shown) + arrays["offset"]
    vertices, _ = hand_in_object(PosedHand(mano_golden.hand("right")), grasps)
    np.testing.assert_allclose(vertices, expected, atol=1e-6)


def test_grabnets_files_are_filtered_like_generated_grasps(tmp_path):
    grasps = shipped_grasps().of(CATALOGUE["mug"])[:8]
    wrist = HAND.joint_regressor[0] @ (HAND.v_template + np.einsum("vck,nk->nvc", HAND.shapedirs, grasps.betas))
    arrays = {
        "object_name": np.array("mug"),
        "global_orient": Rotation.from_matrix(grasps.T_object_wrist[:, :3, :3]).as_rotvec(),
        "hand_pose": grasps.pose,
        "betas": grasps.betas,
        "transl": grasps.T_object_wrist[:, :3, 3] - wrist,
        "rotmat": np.tile(np.eye(3), (8, 1, 1)),
        "offset": np.zeros(3),
    }
    np.savez(tmp_path / "mug.npz", **arrays)
    library, reports = synthesise_grasps(HAND, CATALOGUE, GraspSynthesisConfig(grabnet=tmp_path))
    expected, report = keep_plausible(HAND, CATALOGUE["mug"], grasps, GraspLimits())
    assert reports == {"mug": report}
    np.testing.assert_allclose(library.of(CATALOGUE["mug"]).T_object_wrist, expected.T_object_wrist, atol=1e-7)
    np.savez(tmp_path / "teapot.npz", **{**arrays, "object_name": np.array("teapot")})
    with pytest.raises(UnknownObjectError, match="teapot"):
        synthesise_grasps(HAND, CATALOGUE, GraspSynthesisConfig(grabnet=tmp_path))


def test_files_that_are_not_as_described_are_refused_in_words(tmp_path):
    hand = mano_golden.hand("right")

    def written(**changes):
        path = tmp_path / "grasps.npz"
        entries = {key: value for key, value in {**grabnet_arrays(), **changes}.items() if value is not None}
        np.savez(path, **entries)
        return path

    with pytest.raises(UserError, match=r"lacks hand_pose, offset; see docs/augmentation\.md"):
        load_grabnet(written(hand_pose=None, offset=None), hand)
    with pytest.raises(UserError, match="hand_pose: expected shape"):
        load_grabnet(written(hand_pose=np.zeros((4, 15, 3))), hand)
    with pytest.raises(UserError, match="rotmat: expected rotations"):
        load_grabnet(written(rotmat=np.tile(0.5 * np.eye(3), (4, 1, 1))), hand)
    with pytest.raises(UserError, match="finite"):
        load_grabnet(written(transl=np.full((4, 3), np.nan)), hand)
    with pytest.raises(UserError, match="expected GrabNet's grasps"):
        load_grabnet(tmp_path / "missing.npz", hand)
    with pytest.raises(UserError, match="left hand"):
        load_grabnet(written(), default_hand("left"))
    with pytest.raises(UserError, match="found none"):
        synthesise_grasps(HAND, CATALOGUE, GraspSynthesisConfig(grabnet=tmp_path / "empty"))
    _, without_shapes = load_grabnet(written(betas=None), hand)
    assert not without_shapes.betas.any()


def test_a_file_is_never_unpickled(tmp_path):
    path = tmp_path / "grasps.npz"
    np.savez(path, **{**grabnet_arrays(), "offset": np.array([object(), object(), object()], dtype=object)})
    with pytest.raises(UserError, match="expected GrabNet's grasps"):
        load_grabnet(path, mano_golden.hand("right"))
