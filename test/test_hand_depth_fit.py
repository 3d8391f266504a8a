"""The hand's depths against a hand whose depth image was ray-cast, and against the regression's closed form."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.hand_depth_fit import HandDepthFit, HandDepthSettings
from hand_object_pose.estimation.mirroring import mirror_camera, mirror_points
from hand_object_pose.estimation.view import Lifted
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.joints import WRIST
from hand_object_pose.hand.mano_layer import ManoLayer

trimesh = pytest.importorskip("trimesh")
CAMERA = Camera(np.array([[400.0, 0, 150.0], [0, 400.0, 130.0], [0, 0, 1]]), 320, 240)
HAND = default_hand()
FAR = np.full((4, 3), 2.0)


@pytest.fixture(scope="module")
def true_hand() -> np.ndarray:
    """(778, 3): palm towards the camera, tilted, fingers a little bent."""
    pose = np.zeros((1, 48))
    pose[0, :3] = Rotation.from_euler("xyz", [100, 20, 10], degrees=True).as_rotvec()
    pose[0, 5::3] = 0.15
    return ManoLayer(HAND)(pose, translation=np.array([[0.0, 0.0, 0.5]])).vertices[0]


def depth_of(vertices: np.ndarray, faces: np.ndarray, camera: Camera = CAMERA) -> np.ndarray:
    """(H, W) by ray casting with trimesh, a wall behind."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = camera.unproject(np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(float), np.ones(columns.size))
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    hits, ids, _ = mesh.ray.intersects_location(np.zeros_like(rays), rays, multiple_hits=False)
    depth = np.full(columns.size, 1.5)
    depth[ids] = hits[:, 2]
    return depth.reshape(columns.shape).astype(np.float32)


@pytest.fixture(scope="module")
def depth(true_hand: np.ndarray) -> np.ndarray:
    return depth_of(true_hand, HAND.faces)


def frame(depth: np.ndarray | None, camera: Camera = CAMERA) -> Frame:
    return Frame(np.zeros((camera.height, camera.width, 3), np.uint8), camera, depth=depth)


def answer(hand: np.ndarray, held: np.ndarray = FAR) -> Lifted:
    return Lifted(hand, HAND.joint_regressor21 @ hand, held, np.eye(4), np.zeros(3), np.zeros((0, 7)))


def leaning(hand: np.ndarray, slope: float) -> np.ndarray:
    """Farther by ``slope`` metres for each metre from the wrist, at the same place in the image."""
    wrist = (HAND.joint_regressor21 @ hand)[WRIST]
    shift = slope * np.linalg.norm(hand - wrist, axis=1)
    return hand * (1 + shift / hand[:, 2])[:, None]


def relative_error(lifted: Lifted, true_hand: np.ndarray) -> float:
    """Mean distance of joints relative to the wrist, metres."""
    true = HAND.joint_regressor21 @ true_hand
    error = (lifted.joints - lifted.joints[WRIST]) - (true - true[WRIST])
    return float(np.linalg.norm(error, axis=1).mean())


@pytest.mark.parametrize("slope", [-0.15, 0.15])
def test_a_hand_that_leans_too_far_is_set_upright(slope: float, true_hand: np.ndarray, depth: np.ndarray) -> None:
    wrong = answer(leaning(true_hand, slope))
    found = HandDepthFit(HAND).fit(frame(depth), wrong, HAND.faces)
    assert relative_error(found, true_hand) < 0.4 * relative_error(wrong, true_hand)


def test_a_right_hand_stays_right(true_hand: np.ndarray, depth: np.ndarray) -> None:
    found = HandDepthFit(HAND).fit(frame(depth), answer(true_hand), HAND.faces)
    assert relative_error(found, true_hand) < 0.002


def test_every_point_stays_at_its_pixel(true_hand: np.ndarray, depth: np.ndarray) -> None:
    wrong = answer(leaning(true_hand, 0.15))
    found = HandDepthFit(HAND).fit(frame(depth), wrong, HAND.faces)
    np.testing.assert_allclose(CAMERA.project(found.hand), CAMERA.project(wrong.hand), atol=1e-9)
    np.testing.assert_allclose(CAMERA.project(found.joints), CAMERA.project(wrong.joints), atol=1e-9)
    assert np.abs(found.hand[:, 2] - wrong.hand[:, 2]).max() > 0.01


def test_with_a_common_error_alone_the_shift_is_the_closed_form(true_hand: np.ndarray) -> None:
    """n measurements d of a constant with variance c and noise s: d c n / (c n + s), for every vertex."""
    behind = depth_of(true_hand * 1.01, HAND.faces)
    settings = HandDepthSettings(common=0.02, slope=0.0, local=0.0, noise=0.05, enough_vertices=100)
    fit = HandDepthFit(HAND, settings)
    measured, gaps = fit._gaps(frame(behind), answer(true_hand), HAND.faces)
    found = fit.fit(frame(behind), answer(true_hand), HAND.faces)

    variance = settings.common**2 * len(gaps)
    expected = gaps.mean() * variance / (variance + settings.noise**2)
    np.testing.assert_allclose(found.hand[:, 2] - true_hand[:, 2], expected, atol=1e-9)
    assert 0.002 < expected < 0.005
    assert 50 < len(measured) < 200


@pytest.mark.parametrize("depth", [None, np.zeros((240, 320), np.float32), np.full((240, 320), 1.5, np.float32)])
def test_without_a_measurement_nothing_moves(depth: np.ndarray | None, true_hand: np.ndarray) -> None:
    lifted = answer(true_hand)
    assert HandDepthFit(HAND).fit(frame(depth), lifted, HAND.faces) is lifted


def test_what_lies_behind_the_camera_stays(true_hand: np.ndarray, depth: np.ndarray) -> None:
    for lifted in (answer(true_hand - [0, 0, 0.6]), answer(true_hand, FAR - [0, 0, 3.0])):
        assert HandDepthFit(HAND).fit(frame(depth), lifted, HAND.faces) is lifted


def test_the_held_object_is_not_taken_for_the_hand(true_hand: np.ndarray, depth: np.ndarray) -> None:
    """A plate one centimetre before the fingers hides them; where it was predicted, it does not pull them."""
    tips = true_hand[HAND.fingertips[1:]]
    low, high = tips.min(axis=0) - 0.03, tips.max(axis=0) + 0.03
    z = tips[:, 2].min() - 0.025
    x, y = np.meshgrid(np.linspace(low[0], high[0], 60), np.linspace(low[1], high[1], 60))
    plate = np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], axis=1)
    covered = depth.copy()
    left, top = np.floor(CAMERA.project(plate)).astype(int).min(axis=0).clip(0)
    right, bottom = np.ceil(CAMERA.project(plate)).astype(int).max(axis=0)
    covered[top:bottom, left:right] = z

    errors = [
        relative_error(HandDepthFit(HAND).fit(frame(covered), answer(true_hand, held), HAND.faces), true_hand)
        for held in (plate, FAR)
    ]
    assert errors[0] < 0.003
    assert errors[1] > 2 * errors[0]


def test_a_mirrored_hand_gets_the_mirrored_answer(true_hand: np.ndarray, depth: np.ndarray) -> None:
    wrong = leaning(true_hand, 0.15)
    found = HandDepthFit(HAND).fit(frame(depth), answer(wrong), HAND.faces)
    left = replace(answer(mirror_points(wrong)), rough_object=mirror_points(FAR))
    mirrored = frame(np.ascontiguousarray(depth[:, ::-1]), mirror_camera(CAMERA))
    found_left = HandDepthFit(HAND).fit(mirrored, left, HAND.faces_of("left"))
    # Pixels halfway between two may round to either side.
    np.testing.assert_allclose(mirror_points(found_left.hand), found.hand, atol=1e-3)
    assert np.linalg.norm(found.hand - wrong, axis=1).max() > 0.01
