"""A hand's bones measured from a recording: those it has, and refusals in words where there is no such hand."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_backend import FakeBackend, Truth, coordinate_image, truth

from hand_object_pose.calibration.measurement import CalibrationSettings, calibrate
from hand_object_pose.calibration.open_hand import OpenHandFinder, Sighting, finger_extension
from hand_object_pose.cli.recorded_frames import directory_frames, is_directory_of_pictures
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.bone_length_root import BoneLengthRootDepth
from hand_object_pose.estimation.bone_lengths import BONE_NAMES, bone_lengths
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.hand_calibration import HandCalibration, known_bones, read_hand_calibration
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.flexion import flexion_axes
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose.ros.estimator_factory import estimator_config
from hand_object_pose.ros.parameters import Settings

trimesh = pytest.importorskip("trimesh")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

CAMERA = Camera(np.array([[330.0, 0, 160.0], [0, 330.0, 120.0], [0, 0, 1]]), 320, 240)
HAND = default_hand()
FEW = CalibrationSettings(least_sightings=8)
SIZE = 1.12


def person(number: int, curl: float = 0.05) -> Truth:
    """A hand an eighth larger than the mean and of other proportions, held up in different ways."""
    rng = np.random.default_rng(number)
    pose = np.concatenate([rng.normal([-0.2, 0.1, 1.4], 0.25), (curl * flexion_axes(HAND)).ravel()])[None]
    betas = np.array([[0.6, -0.8, 0.4, 0.5, 0, 0, 0, 0, 0, 0]])
    vertices = SIZE * ManoLayer(HAND)(pose, betas).vertices[0]
    middle = np.array([*rng.uniform(-0.04, 0.04, 2), rng.uniform(0.45, 0.7)])
    vertices = vertices - vertices.mean(axis=0) + middle
    return replace(truth(), hand=vertices, joints=HAND.joint_regressor21 @ vertices)


def depth_of(scene: Truth) -> np.ndarray:
    """(H, W) by ray casting with trimesh, before a wall."""
    columns, rows = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = CAMERA.unproject(np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(float), np.ones(columns.size))
    mesh = trimesh.Trimesh(scene.hand, HAND.faces, process=False)
    hits, ids, _ = mesh.ray.intersects_location(np.zeros_like(rays), rays, multiple_hits=False)
    depth = np.full(columns.size, 1.6, np.float32)
    depth[ids] = hits[:, 2]
    return depth.reshape(columns.shape)


def recording(scenes: list[Truth], backend: FakeBackend) -> Callable[[], list[Sighting | str]]:
    """What a finder says of the scenes, one after another."""
    finder = OpenHandFinder(backend, "right")

    def find() -> list[Sighting | str]:
        found = []
        for number, scene in enumerate(scenes):
            backend.scene = scene
            frame = Frame(coordinate_image(CAMERA), CAMERA, number / 3, depth_of(scene))  # type: ignore[arg-type]
            found += list(finder.sightings([frame]))
        return found

    return find


@pytest.fixture(scope="module")
def found() -> list[Sighting | str]:
    scenes = [person(number) for number in range(12)]
    return recording(scenes, FakeBackend(CAMERA, scenes[0]))()


def test_bones_of_another_hand_are_measured(found: list[Sighting | str]) -> None:
    """Without a detector, by a network that sees rightly: what remains is the depth image's surface."""
    true = bone_lengths(person(0).joints)
    usual = bone_lengths(HAND.joint_regressor21 @ HAND.v_template)
    assert np.median(true / usual) == pytest.approx(SIZE, abs=0.06)
    calibration = calibrate(found, HAND.joint_regressor21, "0" * 64, "Ada", "D435", FEW)
    np.testing.assert_allclose(calibration.bone_lengths, true, rtol=0.03)
    assert abs(calibration.depth_bias) < 0.01
    assert calibration.depth_sigma < 0.02
    assert calibration.frames == 12
    # With it the hand is where it is; a mean hand of that size would be an eighth nearer.
    sighting = next(each for each in found if isinstance(each, Sighting))
    depth = BoneLengthRootDepth(HAND.joint_regressor21, calibration.known).of_bones(sighting.bones).depth
    assert depth == pytest.approx(person(0).joints[0, 2], rel=0.01)
    unknown = known_bones(FakeBackend(CAMERA, person(0)).weights, None)
    assert BoneLengthRootDepth(HAND.joint_regressor21, unknown).of_bones(sighting.bones).depth < 0.95 * depth


def test_a_biased_depth_is_found_on_the_other_half(found: list[Sighting | str]) -> None:
    """A depth camera that measures the second, fourth ... second of the recording 4 % too far."""
    seen = [each for each in found if isinstance(each, Sighting)]
    shares = [1.04 if each.stamp % 2 >= 1 else 1.0 for each in seen]
    wrong = [
        replace(each, lengths=each.lengths * share, depth=each.depth * share)
        for each, share in zip(seen, shares, strict=True)
    ]
    calibration = calibrate(wrong, HAND.joint_regressor21, "0" * 64, settings=FEW)
    # One half is found 4 % too far by the other's lengths, the other 4 % too near; by its own lengths, neither.
    assert calibration.depth_sigma > 0.04


def test_a_depth_camera_that_measures_too_far_is_a_negative_bias(found: list[Sighting | str]) -> None:
    """The bias is of the depth from bones, as a share of the measured one."""
    seen = [each for each in found if isinstance(each, Sighting)]
    far = [replace(each, depth=1.05 * each.depth) for each in seen]
    usual, biased = (calibrate(each, HAND.joint_regressor21, "", settings=FEW).depth_bias for each in (seen, far))
    assert biased == pytest.approx((1 + usual) / 1.05 - 1, abs=1e-6)


def test_a_single_wrong_image_changes_no_length(found: list[Sighting | str]) -> None:
    seen = [each for each in found if isinstance(each, Sighting)]
    spoilt = [replace(seen[0], lengths=1.5 * seen[0].lengths), *seen[1:]]
    right, other = (calibrate(each, HAND.joint_regressor21, "", settings=FEW).bone_lengths for each in (seen, spoilt))
    np.testing.assert_allclose(other, right, rtol=0.015)


def test_the_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = HandCalibration("Ada", "D435", "ab" * 32, tuple(np.linspace(0.02, 0.09, 20)), -0.01234, 0.02, 250)
    written.write(tmp_path / "ada.yaml")
    read = read_hand_calibration(tmp_path / "ada.yaml")
    np.testing.assert_allclose(read.bone_lengths, written.bone_lengths, atol=5e-6)
    assert replace(read, bone_lengths=written.bone_lengths) == written
    config = estimator_config(Settings({"calibration_path": str(tmp_path / "ada.yaml")}))
    assert config.hand_calibration == read
    assert estimator_config(Settings()).hand_calibration is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "a: [", "expected a file of 'hand-object-pose calibrate'"),
        (lambda text: text.replace("calibration 1", "calibration 7"), "with 'format:"),
        (lambda text: text.replace("wrist to thumb_1:", "wrist to toe:"), "bone_lengths_mm: expected the 20 bones"),
        (lambda text: text.replace("depth_sigma: 0.02", "depth_sigma: -1"), "depth_sigma: expected a number from 0"),
        (lambda text: text.replace("wrist to thumb_1: 20.0", "wrist to thumb_1: 4000"), "expected a number from 1 to"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, change: Callable[[str], str], words: str) -> None:
    path = tmp_path / "hand.yaml"
    HandCalibration("", "", "ab" * 32, (0.02,) * 20, 0.0, 0.02, 250).write(path)
    content = path.read_text()
    assert change(content) != content
    path.write_text(change(content))
    with pytest.raises(UserError, match=words):
        read_hand_calibration(path)
    with pytest.raises(UserError, match="no_such"):
        read_hand_calibration(tmp_path / "no_such.yaml")


def test_other_weights_are_refused() -> None:
    weights = FakeBackend(CAMERA, truth()).weights
    of_others = HandCalibration("Ada", "", "ab" * 32, (0.03,) * len(BONE_NAMES), 0.0, 0.02, 250)
    with pytest.raises(UserError, match="calibrated with other weights"):
        EstimatorConfig(hand_calibration=of_others).make_root_depth(weights)
    EstimatorConfig(hand_calibration=replace(of_others, weights_hash=weights.hash)).make_root_depth(weights)


def test_a_closed_hand_and_no_hand_are_named(found: list[Sighting | str]) -> None:
    fist = person(1, curl=1.1)
    assert finger_extension(fist.joints) < 0.7 < 0.9 < finger_extension(person(1).joints)
    (closed,) = recording([fist], FakeBackend(CAMERA, fist))()
    assert isinstance(closed, Sighting)
    with pytest.raises(UserError, match=r"found 0 of 5 .*5 times: the fingers are not stretched out"):
        calibrate([closed] * 5, HAND.joint_regressor21, "", settings=FEW)
    with pytest.raises(UserError, match=r"at least 30 .*found 0 of 2 \(2 times: no depth image"):
        calibrate(["no depth image for this image"] * 2, HAND.joint_regressor21, "")
    seen = [each for each in found if isinstance(each, Sighting)]
    sizes = np.linspace(0.5, 1.5, len(seen))
    growing = [replace(each, lengths=each.lengths * size) for each, size in zip(seen, sizes, strict=True)]
    with pytest.raises(UserError, match="differ by"):
        calibrate(growing, HAND.joint_regressor21, "", settings=FEW)


def test_a_spread_network_sees_no_hand() -> None:
    scene = person(0)
    (reason,) = recording([scene], FakeBackend(CAMERA, scene, spread=60.0))()
    assert "no hand that is one" in str(reason)


def test_pictures_of_a_directory(tmp_path: Path) -> None:
    for folder in ("colour", "depth"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"colour/{number}.png"), np.full((24, 32, 3), (0, 0, 40 + number), np.uint8))
        cv2.imwrite(str(tmp_path / f"depth/{number}.png"), np.full((24, 32), 600 + number, np.uint16))
    assert is_directory_of_pictures(tmp_path)
    first, last = directory_frames(tmp_path, CAMERA.matrix, 10.0, every=2)
    assert (first.image[0, 0].tolist(), last.stamp) == ([40, 0, 0], 0.2)
    assert last.depth is not None
    assert last.depth[3, 4] == pytest.approx(0.602)
    (tmp_path / "depth/2.png").unlink()
    with pytest.raises(UserError, match="expected depth in millimetres"):
        list(directory_frames(tmp_path, CAMERA.matrix, 10.0))


def test_a_rendered_hand_is_measured_by_the_shipped_network() -> None:
    """An open, empty hand, an eighth larger than the sampler's, seen by detectors that find hands only."""
    pytest.importorskip("embreex", reason="the synthesis part is not installed")
    from measure_calibration import Recordings

    backend = load_backend()
    shown = list(Recordings().frames(SIZE, 31, 12, is_open=True))
    seen = list(OpenHandFinder(backend, "right").sightings(frame for frame, _ in shown))
    calibration = calibrate(seen, HAND.joint_regressor21, backend.weights.hash, settings=FEW)
    true = np.median([bone_lengths(truth_of.joints) for _, truth_of in shown], axis=0)
    assert np.median(np.array(calibration.bone_lengths) / true) == pytest.approx(1.0, abs=0.06)
