"""Numbers of single frames: against the official scripts' values under their new names, and against closed forms."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.evaluation.depth_agreement import depth_residual, mask_agreement
from hand_object_pose.evaluation.frame_metrics import hand_metrics, object_metrics
from hand_object_pose.evaluation.frame_record import INVALID, VALID, FrameRecord
from hand_object_pose.evaluation.metric_table import METRICS
from hand_object_pose.evaluation.penetration import penetration_metrics
from hand_object_pose.evaluation.stability import PosedPair, bone_deviations, jump_metrics
from hand_object_pose.evaluation.statistics import LIVE_COUNTS, coverage, latency_statistics, live_totals
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.objects.object_model import ObjectModel, Symmetries

GOLDEN = Path(os.environ.get("HOP_METRICS_GOLDEN", Path(__file__).parent / "data" / "metrics"))
EXPECTED = json.loads((GOLDEN / "metrics_expected.json").read_text())
HAND = {
    "hand.mje_camera_cm": "joint_err_cm",
    "hand.mje_root_scale_cm": "joint_err_scale_trans_cm",
    "hand.mje_procrustes_cm": "joint_err_procrustes_cm",
    "hand.mme_camera_cm": "vert_err_cm",
    "hand.mme_procrustes_cm": "vert_err_procrustes_cm",
}
# Name, and what the golden's unit has to be multiplied by.
OBJECT = {
    "object.add_s_cm": ("add_s_m", 100),
    "object.add_s_estimate_to_truth_cm": ("add_s_pred_to_gt_m", 100),
    "object.add_cm": ("verts_dist_m", 100),
    "object.add_symmetric_cm": ("verts_dist_m", 100),
    "object.mssd_cm": ("mssd_m", 100),
    "object.add_0p1d_percent": ("add_0p1d_bbox_diag", 100),
    "object.mce_cm": ("mce_aabb_camera_m", 100),
    "object.mce_oriented_cm": ("mce_oriented_m", 100),
    "object.oce_cm": ("oce_bbox_center_m", 100),
    "object.translation_cm": ("oce_translation_m", 100),
    "object.rotation_deg": ("rot_err_deg", 1),
}
STEP = 0.05
CAMERA = Camera(np.array([[500.0, 0, 160], [0, 500, 120], [0, 0, 1]]), 320, 240)


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "metrics_inputs.npz") as arrays:
        return dict(arrays)


def test_hand_numbers_are_those_of_the_official_scripts(inputs: dict[str, np.ndarray]) -> None:
    names = ("hand_pred_verts", "hand_pred_joints", "hand_gt_verts", "hand_gt_joints")
    found = [hand_metrics(*frame) for frame in zip(*(inputs[name] for name in names), strict=True)]

    for name, golden in HAND.items():
        expected = EXPECTED["ho3d"]["main"]["per_frame"][golden]
        np.testing.assert_allclose([frame[name] for frame in found], expected, rtol=1e-6, atol=1e-6)
    relative = EXPECTED["dexycb_hpe"]["main"]["root_relative"]["mpjpe_mm"] / 10
    assert np.mean([frame["hand.mje_cm"] for frame in found]) == pytest.approx(relative, rel=1e-6)
    assert set(found[0]) == {name for name in METRICS if name.startswith("hand.")}


def test_object_numbers_are_those_of_the_golden_data(inputs: dict[str, np.ndarray]) -> None:
    """None of these objects has a declared symmetry: with and without are the same."""
    found = []
    for number, index in enumerate(inputs["obj_index"]):
        name = str(inputs["obj_names"][index])
        model = ObjectModel(name, inputs[f"obj_{name}_verts"], inputs[f"obj_{name}_faces"], Symmetries())
        poses = [
            pose_matrix(inputs[f"obj_{kind}_R"][number], inputs[f"obj_{kind}_t"][number]) for kind in ("pred", "gt")
        ]
        found.append(object_metrics(poses[0], poses[1], model))

    for ours, (golden, factor) in OBJECT.items():
        expected = factor * np.array(EXPECTED["object"]["per_frame"][golden], float)
        np.testing.assert_allclose([frame[ours] for frame in found], expected, rtol=1e-6, atol=1e-5)
    assert set(found[0]) == set(OBJECT) == {name for name in METRICS if name.startswith("object.")}


def cube(side: float, centre: np.ndarray) -> TriangleMesh:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * side / 2
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    return TriangleMesh(corners + centre, np.array(faces))


def test_penetration_of_points_in_a_cube() -> None:
    """Depths 10 and 20 mm, one point outside, one on the far side: mean over all, maximum of all."""
    points = np.array([[0.04, 0, 0], [0.03, 0, 0], [0.06, 0, 0], [0, 0, 0.2]])

    values = penetration_metrics(points, cube(0.1, np.zeros(3)))

    expected = {"interaction.pd_mm": 7.5, "interaction.pd_max_mm": 20.0, "interaction.cp_percent": 100.0}
    assert values == pytest.approx(expected)
    assert penetration_metrics(points[2:], cube(0.1, np.zeros(3)))["interaction.cp_percent"] == 0


def sheet(depth: float, size: float = 0.08, cells: int = 12) -> TriangleMesh:
    """A square that faces the camera."""
    grid = np.linspace(-size / 2, size / 2, cells)
    x, y = np.meshgrid(grid, grid)
    vertices = np.stack([x.ravel(), y.ravel(), np.full(x.size, depth)], axis=1)
    corner = np.arange(cells * cells).reshape(cells, cells)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]))
    # Counter-clockwise seen from the camera, y pointing down.
    return TriangleMesh(vertices, np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)]))


@pytest.mark.parametrize("offset", [0.0, 0.013, -0.02])
def test_depth_residual_of_a_sheet_before_a_wall(offset: float) -> None:
    depth = np.full((240, 320), 0.6, np.float32)
    # Holes do not count, however many they are.
    depth[:, 170:] = np.nan
    frame = Frame(np.zeros((240, 320, 3), np.uint8), CAMERA, depth=depth)

    assert depth_residual(frame, sheet(0.6 + offset)) == pytest.approx(1000 * abs(offset), abs=1e-3)


def test_hidden_surfaces_do_not_count_for_the_depth_residual() -> None:
    """A second sheet lies 5 cm behind the first, which fits; without visibility the median would be half of it."""
    frame = Frame(np.zeros((240, 320, 3), np.uint8), CAMERA, depth=np.full((240, 320), 0.6, np.float32))

    assert depth_residual(frame, sheet(0.6), sheet(0.65, size=0.06, cells=24)) == pytest.approx(0, abs=1e-3)
    assert depth_residual(Frame(frame.image, CAMERA), sheet(0.6)) is None


def disc(radius: float, centre: tuple[float, float], depth: float, sides: int = 720) -> TriangleMesh:
    """A disc that faces the camera."""
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    rim = np.stack([centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles), np.full(sides, depth)], 1)
    number = np.arange(sides)
    faces = np.stack([np.full(sides, sides), (number + 1) % sides, number], axis=1)
    return TriangleMesh(np.concatenate([rim, [[*centre, depth]]]), faces)


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.06, 0.11])
def test_mask_agreement_of_two_discs_is_the_share_of_their_lens(shift: float) -> None:
    """The disc is really before a wall; the estimate lies ``shift`` beside it."""
    radius, depth = 0.05, 0.5
    columns, rows = np.meshgrid(np.arange(320), np.arange(240))
    inside = np.hypot(columns - 160, rows - 120) <= 500 * radius / depth
    image = np.where(inside, depth, 0.9).astype(np.float32)
    # Half of it is not measured, whatever it would show.
    image[:120] = [[0.0], [np.nan], [np.inf]] * 40
    frame = Frame(np.zeros((240, 320, 3), np.uint8), CAMERA, depth=image)

    agreement = mask_agreement(frame, disc(radius, (shift, 0.0), depth))

    half = min(shift / (2 * radius), 1.0)
    lens = 2 / np.pi * (np.arccos(half) - half * np.sqrt(1 - half**2))
    assert agreement == pytest.approx(100 * lens, abs=2.0)


def test_what_hides_an_estimate_does_not_contradict_it_and_a_mesh_hides_another() -> None:
    image = np.full((240, 320), 0.9, np.float32)
    image[:, :160] = 0.3
    frame = Frame(np.zeros((240, 320, 3), np.uint8), CAMERA, depth=image)
    near, far = disc(0.04, (0.0, 0.0), 0.5), disc(0.1, (0.0, 0.0), 0.89)

    # Half of it is behind something, half before the wall; the other is on the wall.
    assert mask_agreement(frame, near) == pytest.approx(50, abs=1.5)
    # Of what both cover, the near one's right half contradicts: 40 and 56 pixels are their radii.
    assert mask_agreement(frame, far, near) == pytest.approx(100 - 50 * (40 / 56.18) ** 2, abs=2.5)
    assert mask_agreement(frame, far) == 100
    assert mask_agreement(Frame(frame.image, CAMERA), near) is None
    assert mask_agreement(Frame(frame.image, CAMERA, depth=np.zeros((240, 320))), near) is None


def test_bones_that_grow_deviate_by_how_much_they_grow() -> None:
    joints = np.random.default_rng(3).normal(0, 0.05, (21, 3))
    grown = np.stack([joints, joints, 1.1 * joints, joints + 0.3, joints])

    np.testing.assert_allclose(bone_deviations(grown), [0, 0, 10, 0, 0], atol=1e-9)


def moving(count: int, stamps: list[float] | None = None) -> list[PosedPair]:
    """Uniform motion and turning."""
    pairs = []
    for time in stamps or [STEP * number for number in range(count)]:
        joints = np.tile([0.2 * time, 0, 0.5], (21, 1))
        pose = pose_matrix(Rotation.from_rotvec([0, 2.0 * time, 0]).as_matrix(), np.array([0, -0.3 * time, 0.5]))
        pairs.append(PosedPair(time, 1, joints, pose))
    return pairs


def test_uniform_motion_has_no_jumps_even_where_a_frame_is_missing() -> None:
    found = jump_metrics(moving(6, [0.0, 0.05, 0.1, 0.2, 0.25, 0.3]))

    assert found[:2] == [{}, {}]
    for values in found[2:]:
        assert set(values) == {name for name in METRICS if name.startswith("stability.") and "bones" not in name}
        assert max(values.values()) == pytest.approx(0, abs=1e-5)


def test_a_jump_is_as_large_as_it_is() -> None:
    pairs = moving(5)
    assert pairs[4].object_pose is not None
    turned = pairs[4].object_pose.copy()
    turned[:3, :3] = Rotation.from_rotvec([np.radians(25), 0, 0]).as_matrix() @ turned[:3, :3]
    turned[:3, 3] += [0.03, 0.04, 0]
    pairs[4] = PosedPair(pairs[4].stamp, 1, pairs[4].joints + np.array([0, 0, 0.07]), turned)

    last = jump_metrics(pairs)[4]

    assert last["stability.wrist_jump_cm"] == pytest.approx(7)
    assert last["stability.object_jump_cm"] == pytest.approx(5)
    assert last["stability.object_turn_deg"] == pytest.approx(25)


def test_after_a_gap_and_on_another_track_motion_begins_anew() -> None:
    gap = jump_metrics(moving(6, [0.0, 0.05, 0.1, 1.1, 1.15, 1.2]))
    assert [bool(values) for values in gap] == [False, False, True, False, False, True]

    pairs = moving(6)
    tracks = [*pairs[:3], *(PosedPair(pair.stamp, 2, pair.joints, pair.object_pose) for pair in pairs[3:])]
    assert [bool(values) for values in jump_metrics(tracks)] == [False, False, True, False, False, True]


def record(second: int, track: int | None) -> FrameRecord:
    """Valid where it belongs to a track."""
    return FrameRecord(second * 10**9, INVALID if track is None else VALID, track_id=track)


def test_coverage_is_share_longest_gap_and_tracks_of_each_bag() -> None:
    one = [record(second, {2: 1, 3: 1, 7: 2}.get(second)) for second in range(10)]
    two = [record(second, {0: 1, 5: 1}.get(second)) for second in range(6)]

    assert coverage([one]) == {"share": 0.3, "longest_gap_s": 4.0, "tracks": 2}
    # Track 1 of the other bag is another one.
    assert coverage([one, two]) == {"share": 5 / 16, "longest_gap_s": 5.0, "tracks": 3}
    assert coverage([[record(0, None), record(3, None)]]) == {"share": 0.0, "longest_gap_s": 3.0, "tracks": 0}


def test_latency_is_that_of_images_on_which_the_network_ran() -> None:
    frames = [{"network": 0.001 * number, "total": 0.002 * number} for number in range(1, 102)]

    found = latency_statistics([*frames, {"total": 0.0001}])

    assert found["network"] == pytest.approx({"p50_ms": 51, "p95_ms": 96, "mean_ms": 51})
    assert found["total"] == pytest.approx({"p50_ms": 102, "p95_ms": 192, "mean_ms": 102})


def test_live_totals_are_over_all_bags() -> None:
    counts = dict.fromkeys(LIVE_COUNTS, 0)
    bags = [counts | {"published": 30, "estimated": 10, "invalid": 2}, counts | {"published": 10, "estimated": 8}]

    assert live_totals(bags) == {**counts, "published": 40, "estimated": 18, "invalid": 2, "dropped_share": 0.5}
    assert live_totals([]) == {}
