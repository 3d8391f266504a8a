"""Metrics against the official evaluation scripts' values on synthetic hands and objects.

The values come from HO3D's and DexYCB's official evaluations, the paper's released evaluation and libigl
(``test/data/metrics``; another directory may be given in HOP_METRICS_GOLDEN).
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.backend import LixelGeometry
from hand_object_pose.estimation.lift import lixels_to_camera
from hand_object_pose.evaluation.metrics import hand as hand_metrics
from hand_object_pose.evaluation.metrics import object as object_metrics
from hand_object_pose.evaluation.metrics.alignment import hand_size_aligned, point_distances, procrustes_aligned
from hand_object_pose.evaluation.metrics.contact_subset import is_in_contact_subset, joint_to_object_distance
from hand_object_pose.evaluation.metrics.curves import f_scores, pck_curve
from hand_object_pose.evaluation.metrics.grid_interaction import grid_interaction, grid_scale
from hand_object_pose.evaluation.metrics.interaction import exact_interaction
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.reference_crop import (
    reference_affine,
    reference_camera,
    reference_crop_box,
    reference_crop_camera,
)
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.objects.object_model import Symmetries
from hand_object_pose.objects.symmetry_file import rotation_about

GOLDEN = Path(os.environ.get("HOP_METRICS_GOLDEN", Path(__file__).parent / "data" / "metrics"))
EXPECTED = json.loads((GOLDEN / "metrics_expected.json").read_text())


@pytest.fixture(scope="module")
def inputs():
    with np.load(GOLDEN / "metrics_inputs.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def frames(inputs):
    """One dictionary a frame: object mesh, poses and posed vertices, with a batch axis of one."""
    result = []
    for i, index in enumerate(inputs["obj_index"]):
        name = inputs["obj_names"][index]
        vertices, faces = inputs[f"obj_{name}_verts"], inputs[f"obj_{name}_faces"]
        predicted = pose_matrix(inputs["obj_pred_R"][i], inputs["obj_pred_t"][i])[None]
        truth = pose_matrix(inputs["obj_gt_R"][i], inputs["obj_gt_t"][i])[None]
        result.append(
            {
                "vertices": vertices,
                "faces": faces,
                "poses": (predicted, truth),
                "posed": (transform_points(predicted, vertices), transform_points(truth, vertices)),
            }
        )
    return result


def hands(inputs, prefix, index=slice(None)):
    names = (f"{prefix}pred_joints", f"{prefix}pred_verts", f"{prefix}gt_joints", f"{prefix}gt_verts")
    return [inputs[name][index] for name in names]


def assert_close(found, expected, absolute=1e-8):
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=absolute)


# Hand


@pytest.mark.parametrize("case", ["main", *EXPECTED["ho3d"]["edge"]])
def test_ho3d_hand_metrics(inputs, case):
    if case == "main":
        metrics, expected = hand_metrics.ho3d_hand_metrics(*hands(inputs, "hand_")), EXPECTED["ho3d"]["main"]
    else:
        index = list(inputs["edge_names"]).index(case)
        metrics = hand_metrics.ho3d_hand_metrics(*hands(inputs, "edge_", slice(index, index + 1)))
        expected = EXPECTED["ho3d"]["edge"][case]
    compared = set(metrics) & set(expected)
    assert {key for key in expected if not key.endswith("curve")} - {"per_frame"} == compared
    for key in compared:
        shares = 0.006 if case != "main" and "auc" in key else 5e-5
        assert_close(metrics[key], expected[key], shares if "auc" in key or key.startswith("f_") else 1e-6)


def test_ho3d_curves_and_single_frames(inputs):
    joints, vertices, true_joints, true_vertices = hands(inputs, "hand_")
    main = EXPECTED["ho3d"]["main"]
    np.testing.assert_allclose(pck_curve(point_distances(joints, true_joints)), main["xyz_pck_curve"], atol=5e-5)
    aligned = procrustes_aligned(vertices, true_vertices)
    np.testing.assert_allclose(pck_curve(point_distances(aligned, true_vertices)), main["mesh_al_pck_curve"], atol=5e-5)
    frame = main["per_frame"]
    assert_close(100 * hand_metrics.mje_camera(joints, true_joints), frame["joint_err_cm"])
    assert_close(100 * hand_metrics.mme_camera(vertices, true_vertices), frame["vert_err_cm"])
    assert_close(100 * hand_metrics.mje_procrustes(joints, true_joints), frame["joint_err_procrustes_cm"], 1e-6)
    assert_close(100 * hand_metrics.mme_procrustes(vertices, true_vertices), frame["vert_err_procrustes_cm"], 1e-6)
    assert_close(f_scores(vertices, true_vertices, 0.005), frame["f5"])


@pytest.mark.parametrize("case", ["main", *EXPECTED["dexycb_hpe"]["edge"]])
def test_dexycb_hand_metrics(inputs, case):
    expected, prefix, index = EXPECTED["dexycb_hpe"]["main"], "hand_", slice(None)
    if case != "main":
        number = list(inputs["edge_names"]).index(case)
        expected, prefix, index = EXPECTED["dexycb_hpe"]["edge"][case], "edge_", slice(number, number + 1)
    joints, _, true_joints, _ = hands(inputs, prefix, index)
    metrics = hand_metrics.dexycb_hand_metrics(joints, true_joints)
    assert metrics.keys() == expected.keys()
    for kind, values in metrics.items():
        assert_close(values["mpjpe_mm"], expected[kind]["mpjpe_mm"], 1e-5)
        assert values["auc"] == pytest.approx(expected[kind]["auc"], abs=5e-5 if case == "main" else 0.006)


def test_root_aligned_errors_ignore_where_the_hand_is_but_not_its_turn_or_size(inputs):
    joints, vertices, true_joints, true_vertices = hands(inputs, "hand_")
    expected = EXPECTED["dexycb_hpe"]["main"]["root_relative"]["mpjpe_mm"]
    assert_close(1000 * hand_metrics.mje_root_aligned(joints, true_joints).mean(), expected)
    shift = np.array([0.3, -0.1, 0.5])
    moved = hand_metrics.mme_root_aligned(vertices + shift, joints + shift, true_vertices, true_joints)
    assert_close(moved, hand_metrics.mme_root_aligned(vertices, joints, true_vertices, true_joints))
    assert_close(hand_metrics.mme_root_aligned(vertices, joints, vertices + shift, joints + shift), 0, 1e-12)
    turn = Rotation.from_rotvec([0, 0, 0.3]).as_matrix()
    assert np.all(hand_metrics.mje_root_aligned(true_joints @ turn.T, true_joints) > 0.005)
    assert np.all(hand_metrics.mje_root_aligned(true_joints * 1.2, true_joints) > 0.005)


@pytest.mark.parametrize(("kind", "as_published"), [("align_reference", True), ("align_corrected", False)])
def test_relative_placement(inputs, frames, kind, as_published):
    _, vertices, _, true_vertices = hands(inputs, "hand_")
    predicted, truth = (np.concatenate([frame["posed"][i] for frame in frames]) for i in (0, 1))
    hand, thing = hand_size_aligned(vertices, predicted, true_vertices, as_published)
    expected = EXPECTED[kind]["per_frame"]
    assert_close(hand_metrics.mme_camera(hand, true_vertices), expected["hand_mean_aligned_m"])
    assert_close(object_metrics.chamfer_squared(thing, truth), expected["obj_chamfer_aligned_m2"])


# Object

POSED = {
    "add_s_m": object_metrics.add_s_truth_to_prediction,
    "add_s_pred_to_gt_m": object_metrics.add_s_prediction_to_truth,
    "verts_dist_m": object_metrics.add,
    "chamfer_sq_m2": object_metrics.chamfer_squared,
    "mce_aabb_camera_m": object_metrics.mce_camera_box,
}
OF_MODEL = {
    "mce_oriented_m": object_metrics.mce_oriented_box,
    "mssd_bbox_corners_m": object_metrics.largest_oriented_corner_error,
    "mssd_m": object_metrics.mssd,
    "oce_bbox_center_m": object_metrics.box_centre_error,
}
OF_POSES = {
    "trans_err_m": object_metrics.translation_error,
    "oce_translation_m": object_metrics.translation_error,
    "rot_err_deg": lambda predicted, truth: np.degrees(object_metrics.rotation_error(predicted, truth)),
}


@pytest.mark.parametrize("name", POSED)
def test_errors_of_posed_vertices(frames, name):
    found = [POSED[name](*frame["posed"])[0] for frame in frames]
    assert_close(found, EXPECTED["object"]["per_frame"][name])


@pytest.mark.parametrize("name", OF_MODEL)
def test_errors_of_a_model_under_two_poses(frames, name):
    found = [OF_MODEL[name](frame["vertices"], *frame["poses"])[0] for frame in frames]
    assert_close(found, EXPECTED["object"]["per_frame"][name])


@pytest.mark.parametrize("name", OF_POSES)
def test_errors_of_poses(frames, name):
    found = [OF_POSES[name](*frame["poses"])[0] for frame in frames]
    assert_close(found, EXPECTED["object"]["per_frame"][name], 1e-6)


@pytest.mark.parametrize("kind", ["bbox_diag", "max_pair"])
def test_diameters_and_the_share_below_a_tenth(frames, kind):
    diameter = {
        "bbox_diag": object_metrics.diameter_box_diagonal,
        "max_pair": object_metrics.diameter_largest_pair,
    }[kind]
    diameters = [diameter(frame["vertices"]) for frame in frames]
    assert_close(diameters, EXPECTED["object"]["per_frame"][f"diameter_{kind}_m"])
    errors = [object_metrics.add(*frame["posed"]) for frame in frames]
    found = [object_metrics.within_tenth_of_diameter(e, d)[0] for e, d in zip(errors, diameters, strict=True)]
    np.testing.assert_array_equal(found, EXPECTED["object"]["per_frame"][f"add_0p1d_{kind}"])


def test_declared_symmetries_forgive_a_spin_and_nothing_else():
    rng = np.random.default_rng(4)
    axis, point = np.array([0.0, 0, 1]), np.array([0.01, -0.02, 0])
    symmetries = Symmetries(axes=axis[None], axis_points=point[None])
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = point + 0.03 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    truth = pose_matrix(Rotation.random(rng=rng).as_matrix(), rng.normal(size=3))[None]
    spun = truth @ rotation_about(axis, point, np.radians(50))
    assert object_metrics.mssd(ring, spun, truth)[0] > 0.02
    assert_close(object_metrics.mssd(ring, spun, truth, symmetries), 0, 1e-12)
    assert_close(object_metrics.add_symmetric(ring, spun, truth, symmetries), 0, 1e-12)
    assert_close(np.degrees(object_metrics.rotation_error(spun, truth)), 50)
    assert_close(object_metrics.rotation_error(spun, truth, symmetries), 0, 1e-7)
    assert_close(object_metrics.translation_error(spun, truth, symmetries), 0, 1e-12)
    tilted = spun @ rotation_about(np.array([1.0, 0, 0]), point, np.radians(20))
    assert_close(np.degrees(object_metrics.rotation_error(tilted, truth, symmetries)), 20, 1e-6)
    assert object_metrics.mssd(ring, tilted, truth, symmetries)[0] > 0.009


# Interaction


def posed_mesh(frame, which):
    return TriangleMesh(frame["posed"][which][0], frame["faces"])


@pytest.mark.parametrize(("which", "kind"), [(0, "pred"), (1, "gt")])
def test_exact_penetration_and_contact(inputs, frames, which, kind):
    expected = EXPECTED[f"interaction_{kind}"]["per_frame"]
    for i, frame in enumerate(frames):
        found = exact_interaction(inputs[f"hand_{kind}_verts"][i], posed_mesh(frame, which))
        assert found.penetration_mean == pytest.approx(expected["exact_mean_m"][i], abs=5e-5)
        assert found.penetration_max == pytest.approx(expected["exact_max_m"][i], abs=5e-5)
        assert found.in_contact == bool(expected["exact_contact"][i])
        if kind == "pred":
            assert np.sum(found.depths > 0) == expected["exact_num_inside"][i]
            assert np.abs(found.signed_distances).min() == pytest.approx(
                expected["surface_min_abs_dist_m"][i], abs=1e-6
            )
            assert np.sum(np.abs(found.signed_distances) <= 0.004) == expected["verts_within_4mm"][i]


@pytest.mark.parametrize(("which", "kind"), [(0, "pred"), (1, "gt")])
def test_grid_penetration_as_published(inputs, frames, which, kind):
    expected = EXPECTED[f"interaction_{kind}"]["per_frame"]
    for i, frame in enumerate(frames):
        mesh = posed_mesh(frame, which)
        found = grid_interaction(inputs[f"hand_{kind}_verts"][i], mesh)
        assert found.penetration_mean == pytest.approx(expected["grid_mean_m"][i], abs=2e-6)
        assert found.penetration_max == pytest.approx(expected["grid_max_m"][i], abs=2e-6)
        assert found.in_contact == bool(expected["grid_contact"][i])
        if kind == "pred":
            assert grid_scale(mesh) == pytest.approx(expected["sdf_box_scale_m"][i], rel=1e-6)


# Which frames count, and what the network is given and returns


def camera_of(inputs, i):
    return Camera(inputs["K"][i], 640, 480)


def test_contact_subset(inputs, frames):
    expected = EXPECTED["dexycb_contact_filter"]
    for i, frame in enumerate(frames):
        joints, vertices = inputs["hand_gt_joints"][i], frame["posed"][1][0]
        assert_close(joint_to_object_distance(joints, vertices), expected["min_joint_to_object_vertex_m"][i])
        assert is_in_contact_subset(joints, vertices, camera_of(inputs, i)) is expected["kept"][i]


def test_contact_subset_leaves_out_what_leaves_the_image(inputs, frames):
    kept = EXPECTED["dexycb_contact_filter"]["kept"].index(True)
    joints, vertices = inputs["hand_gt_joints"][kept], frames[kept]["posed"][1][0]
    camera = camera_of(inputs, kept)
    right = camera.project(np.concatenate([joints, vertices]))[:, 0].max()
    assert is_in_contact_subset(joints, vertices, Camera(camera.matrix, int(right) + 1, 480))
    assert not is_in_contact_subset(joints, vertices, Camera(camera.matrix, int(right), 480))


def test_crop_of_the_release(inputs, frames):
    expected = EXPECTED["crop_256"]
    for i, frame in enumerate(frames):
        camera = camera_of(inputs, i)
        seen = projected_box(
            reference_camera(camera), np.concatenate([inputs["hand_gt_verts"][i], frame["posed"][1][0]])
        )
        box = reference_crop_box(seen[None])
        np.testing.assert_allclose([box.x, box.y, box.side, box.side], expected["bbox_xywh"][i], atol=1e-4)
        np.testing.assert_allclose(reference_affine(box), expected["affine_2x3"][i], atol=1e-4)
        # K has entries of some hundred pixels, which the affine's rounding scales.
        found = reference_crop_camera(camera, box).matrix[:2]
        np.testing.assert_allclose(found, expected["K_crop_2x3"][i], rtol=1e-6, atol=1e-4)


def test_lixels_are_lifted_as_published(inputs):
    geometry = LixelGeometry(image_size=256, bins=64, depth_radius=0.15)
    matrix = np.tile(np.eye(3), (3, 1, 1))
    matrix[:, [0, 1], [0, 1]] = inputs["lixel_focal"]
    matrix[:, :2, 2] = inputs["lixel_princpt"]
    found = lixels_to_camera(inputs["lixel"], matrix, inputs["lixel_root_depth"], geometry)
    assert_close(found, EXPECTED["lixel_decode_m"])
