"""The default hand: MANO's counts, a sound surface, a right hand of human size, joints that do not collapse."""

from dataclasses import replace

import igl
import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation, Slerp

from hand_object_pose.geometry.meshes import unique_edges
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.flexion import bone_directions, flexion_axes, rest_joints
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.joints import FINGERTIPS, MANO_JOINT_FINGER
from hand_object_pose.hand.mano_layer import ManoLayer

# What weights were trained on; see assets/hands/PROVENANCE.md.
HASH = "87b396284bea844ccadf9d575f9bffd4f05674b60056821a20141c870c9a4f9d"
MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def hand() -> HandModel:
    return default_hand("right")


def closed_mesh(vertices: np.ndarray, faces: np.ndarray) -> trimesh.Trimesh:
    """The wrist's hole filled with a fan around its centre."""
    loop = igl.boundary_loop(faces.astype(np.int64))
    centre = len(vertices)
    fan = [[b, a, centre] for a, b in zip(loop, np.roll(loop, -1), strict=True)]
    closed = np.vstack([vertices, vertices[loop].mean(axis=0)])
    return trimesh.Trimesh(closed, np.vstack([faces, fan]), process=False)


def bent(hand: HandModel, joints: list[int], degrees: float) -> np.ndarray:
    """Vertices with the given joints (MANO's order) flexed."""
    pose = np.zeros((16, 3))
    pose[joints] = np.deg2rad(degrees) * flexion_axes(hand)[np.array(joints) - 1]
    return np.asarray(ManoLayer(hand)(pose.reshape(1, 48)).vertices[0])


def test_is_the_hand_that_weights_were_trained_on(hand: HandModel) -> None:
    assert hand.hash == HASH


def test_surface_is_a_disk_with_sixteen_boundary_edges(hand: HandModel) -> None:
    faces = hand.faces.astype(np.int64)
    edges = unique_edges(faces)
    directed = {(int(a), int(b)) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)}
    once = [edge for edge in directed if edge[::-1] not in directed]
    assert len(directed) == 3 * len(faces), "an edge is used twice in the same direction: inconsistent orientation"
    assert len(once) == len(igl.boundary_loop(faces)) == 16
    assert len(hand.v_template) - len(edges) + len(faces) == 1
    assert np.array_equal(np.unique(faces), np.arange(778))


def test_faces_look_outwards_and_none_is_degenerate(hand: HandModel) -> None:
    mesh = closed_mesh(hand.v_template, hand.faces)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert 2.0e-4 < mesh.volume < 5.0e-4, "a hand holds a few hundred millilitres"
    assert np.rad2deg(mesh.face_angles[: len(hand.faces)]).min() > 15


def test_does_not_cross_itself_at_rest(hand: HandModel) -> None:
    mesh = closed_mesh(hand.v_template, hand.faces)
    outside = mesh.triangles_center + 1e-4 * mesh.face_normals
    inside = mesh.triangles_center - 1e-4 * mesh.face_normals
    winding = igl.winding_number(mesh.vertices, mesh.faces.astype(np.int64), np.vstack([outside, inside]))
    np.testing.assert_allclose(winding[: len(outside)], 0, atol=1e-6)
    np.testing.assert_allclose(winding[len(outside) :], 1, atol=1e-6)


def test_weights_and_regressor_are_convex_combinations(hand: HandModel) -> None:
    for rows in (hand.weights, hand.joint_regressor):
        assert rows.min() >= 0
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


def test_joints_lie_inside_for_every_shape(hand: HandModel) -> None:
    for betas in np.vstack([np.zeros(10), 2 * np.eye(10), -2 * np.eye(10)]):
        vertices = hand.v_template + hand.shapedirs @ betas
        mesh = closed_mesh(vertices, hand.faces)
        winding = igl.winding_number(mesh.vertices, mesh.faces.astype(np.int64), hand.joint_regressor @ vertices)
        np.testing.assert_allclose(winding, 1, atol=1e-6)


def test_joints_are_where_fingers_bend(hand: HandModel) -> None:
    """Vertices that two bones share lie around the joint between them, not before or behind it on the finger."""
    joints, bones = rest_joints(hand), bone_directions(hand)
    for joint in (number for number in range(2, 16) if (number - 1) % 3):
        shared = np.minimum(hand.weights[:, joint], hand.weights[:, joint - 1])
        centre = shared @ hand.v_template / shared.sum()
        assert abs((centre - joints[joint]) @ bones[joint - 1]) < 0.006


def test_fingertips_are_extremal(hand: HandModel) -> None:
    labels, joints = hand.finger_labels, rest_joints(hand)
    assert tuple(hand.fingertips) == (745, 317, 444, 556, 673)
    for finger, tip in enumerate(hand.fingertips):
        assert labels[tip] == finger
        base = joints[MANO_JOINT_FINGER.index(finger)]
        reach = np.linalg.norm(hand.v_template - base, axis=1)
        assert reach[tip] == reach[labels == finger].max()


def test_is_a_right_hand_of_human_size(hand: HandModel) -> None:
    """A right palm seen with the fingers up has its thumb on the right: thumb x fingers points out of the palm.

    Which side is the palm is known from the thumb, which stands in front of it. Adult hands are 16 to 22 cm long from
    the wrist to the middle fingertip.
    """
    joints, tips = rest_joints(hand), hand.v_template[hand.fingertips]
    fingers, thumb = tips[2] - joints[0], joints[1] - joints[7]
    out_of_palm = np.cross(thumb, fingers)
    palm_centre = joints[[0, 1, 7]].mean(axis=0)
    assert (tips[0] - palm_centre) @ out_of_palm > 0
    assert fingers[0] / np.linalg.norm(fingers) < -0.98
    assert out_of_palm[1] / np.linalg.norm(out_of_palm) < -0.8
    assert 0.16 < np.linalg.norm(fingers) < 0.22


def test_fingers_have_human_order_of_length(hand: HandModel) -> None:
    joints, tips = rest_joints(hand), hand.v_template[hand.fingertips]
    length = [np.linalg.norm(tips[finger] - joints[MANO_JOINT_FINGER.index(finger)]) for finger in range(5)]
    assert length[2] > length[3] > length[4]
    assert length[2] > length[1] > length[4]


@pytest.mark.parametrize("joints", [[1, 4, 7, 10], [2, 5, 8, 11, 14], [3, 6, 9, 12, 15]])
def test_right_angles_do_not_collapse_joints(hand: HandModel, joints: list[int]) -> None:
    vertices = bent(hand, joints, 90)
    edges = unique_edges(hand.faces)
    ratio = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    ratio /= np.linalg.norm(hand.v_template[edges[:, 0]] - hand.v_template[edges[:, 1]], axis=1)
    volume = closed_mesh(vertices, hand.faces).volume / closed_mesh(hand.v_template, hand.faces).volume
    assert ratio.max() < 2.2
    assert np.quantile(ratio, 0.01) > 0.4
    assert 0.9 < volume < 1.05


@pytest.mark.parametrize("degrees", [35, 65, 90])
def test_pose_blend_shapes_come_near_blended_rotations(hand: HandModel, degrees: float) -> None:
    """Blending rotations keeps a bent joint's thickness (Kavan et al. 2007); blending positions thins it.

    The reference turns each vertex by SciPy's interpolation between no rotation and the joint's.
    """
    plain = replace(hand, posedirs=np.zeros_like(hand.posedirs))
    share = hand.weights[:, [2, 3]].sum(axis=1)
    moving = (share > 0.05) & (share < 0.95)
    centre, axis = rest_joints(hand)[2], flexion_axes(hand)[1]
    halves = Slerp([0, 1], Rotation.from_rotvec([np.zeros(3), np.deg2rad(degrees) * axis]))(share[moving])
    wanted = halves.apply(hand.v_template[moving] - centre) + centre
    errors = [np.linalg.norm(bent(model, [2], degrees)[moving] - wanted, axis=1).mean() for model in (hand, plain)]
    assert errors[0] < 0.4 * errors[1]


def test_components_are_orthonormal_and_the_mean_is_a_relaxed_curl(hand: HandModel) -> None:
    np.testing.assert_allclose(hand.hands_components @ hand.hands_components.T, np.eye(45), atol=1e-6)
    flexion = np.sum(hand.hands_mean.reshape(15, 3) * flexion_axes(hand), axis=1)
    assert np.all((flexion > 0) & (flexion < np.pi / 3))


def test_first_component_closes_all_four_fingers(hand: HandModel) -> None:
    turned = np.sum(hand.hands_components[0].reshape(15, 3) * flexion_axes(hand), axis=1)[:12]
    assert np.all(turned > 0) or np.all(turned < 0)


def test_first_shape_direction_is_size(hand: HandModel) -> None:
    lengths = []
    for beta in (-2, 0, 2):
        joints = ManoLayer(hand)(np.zeros((1, 48)), np.eye(10)[:1] * beta).joints[0]
        lengths.append(np.linalg.norm(joints[FINGERTIPS[2]] - joints[0]))
    assert lengths[0] < lengths[1] < lengths[2]
    assert lengths[0] > 0.15
    assert lengths[2] < 0.24


def test_left_hand_is_the_mirror_image_in_every_pose_and_shape(hand: HandModel) -> None:
    left, rng = default_hand("left"), np.random.default_rng(3)
    pose, betas = rng.normal(scale=0.5, size=(4, 48)), rng.normal(size=(4, 10))
    # The mirrored rotation is M R M, computed here through matrices.
    matrices = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix()
    mirrored = np.diag(MIRROR) @ matrices @ np.diag(MIRROR)
    left_pose = Rotation.from_matrix(mirrored).as_rotvec().reshape(4, 48)
    ours, theirs = ManoLayer(hand)(pose, betas), ManoLayer(left)(left_pose, betas)
    np.testing.assert_allclose(theirs.vertices, ours.vertices * MIRROR, atol=1e-9)
    np.testing.assert_allclose(theirs.joints, ours.joints * MIRROR, atol=1e-9)
    assert left.side == "left"
    assert left.hash != hand.hash
    assert closed_mesh(left.v_template, left.faces).volume > 0


def test_left_components_mirror_the_right_ones(hand: HandModel) -> None:
    coefficients = np.random.default_rng(4).normal(scale=0.4, size=(3, 45))
    pose = np.concatenate([np.zeros((3, 3)), coefficients], axis=1)
    layers = [ManoLayer(default_hand(side), use_pca=True, flat_hand_mean=False) for side in ("right", "left")]
    right, left = (layer(pose).vertices for layer in layers)
    np.testing.assert_allclose(left, right * MIRROR, atol=1e-9)


def test_is_cached_and_read_only() -> None:
    assert default_hand("right") is default_hand("right")
    with pytest.raises(ValueError, match="read-only"):
        default_hand("left").v_template[0] = 0
    with pytest.raises(ValueError, match="right, left"):
        default_hand("both")
