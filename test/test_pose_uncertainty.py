"""Covariances of poses: about the right axes, with the wrist's depth in them, as the file beside the weights says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_backend import FakeBackend, camera, detections, frame_of, truth, weights
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.hand_features import HAND_FEATURES
from hand_object_pose.estimation.looking import Looking
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.pose_features import (
    FEATURES,
    error_axes,
    pose_features,
    turn_between,
    viewing_axes,
)
from hand_object_pose.estimation.pose_uncertainty import pose_covariance, root_direction
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.estimation.uncertainty_file import read_uncertainty, uncertainty_path, write_uncertainty
from hand_object_pose.estimation.uncertainty_model import (
    CovarianceModel,
    HandSigmaModel,
    Inputs,
    LevelModel,
    UncertaintyModel,
    kernel,
)
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.geometry.crops import square_crop
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.objects.object_model import Symmetries

SIGMAS = np.array([0.001, 0.002, 0.004, 0.1, 0.2, 0.3])
TRUE_DEPTH = EstimatorConfig(object_id="mug", root_depth_mode="ground_truth")


def constant_model(sigmas: np.ndarray, objects: int = 2, corrections: np.ndarray | None = None) -> CovarianceModel:
    """Says the same about every ``error_axes``; corrections (6,) are of logarithms about the viewing axes."""
    features, columns = len(FEATURES), len(FEATURES) + objects
    inputs = Inputs(*(np.full(features, value) for value in (-9.0, 9.0, 0.0, 1.0)))
    level = LevelModel(np.zeros((1, columns)), np.zeros((1, 2)), np.log([0.01, 0.1]), np.ones(columns), 0.0)
    offsets = np.zeros((1 + columns, 6))
    offsets[0] = np.log(sigmas) - np.log(np.repeat([0.01, 0.1], 3))
    added = np.zeros((6, 3, 2))
    added[:, 0] = np.zeros((6, 1)) if corrections is None else corrections[:, None]
    steps, none = np.tile([0.0, 1.0], (6, 3, 1)), np.zeros(0, dtype=np.int64)
    return CovarianceModel(inputs, level, offsets, np.zeros(2), none, steps, added)


def constant_hand(sigma: float) -> HandSigmaModel:
    """Says ``sigma`` of the first vertex of every hand, e times as much of the last."""
    inputs = Inputs(*(np.full(len(HAND_FEATURES), value) for value in (-9.0, 9.0, 0.0, 1.0)))
    level = np.zeros(1 + 2 * len(HAND_FEATURES))
    level[0] = np.log(sigma)
    return HandSigmaModel(inputs, level, np.linspace(0, 1, 778))


def uncertainty(weights_hash: str = "0" * 64, objects: tuple[str, ...] = ("bottle", "mug")) -> UncertaintyModel:
    model = constant_model(SIGMAS, len(objects))
    hands = constant_hand(0.01), constant_hand(0.02)
    return UncertaintyModel(weights_hash, objects, {}, FEATURES, HAND_FEATURES, model, model, *hands, 0.05, 0.1)


def observation(wrist: tuple[float, float, float] = (0.2, -0.1, 0.6), **changes: object) -> Observation:
    backend = FakeBackend(camera(), truth(wrist), vote_noise=0.02)
    if "uncertainty" in changes:
        backend.weights = replace(backend.weights, uncertainty=changes.pop("uncertainty"))  # type: ignore[arg-type]
    frame = frame_of(backend.shown, true_root_depth=backend.scene.joints[0, 2])
    boxes = detections(backend.shown, backend.scene)
    crop = square_crop(np.concatenate([boxes["hand_boxes"], boxes["object_boxes"]]))
    config = replace(TRUE_DEPTH, **changes)  # type: ignore[arg-type]
    seen = Looking(backend, config).look_alone(frame, crop, backend.weights.objects["mug"], StageTimer())
    assert isinstance(seen, Observation)
    return seen


def axes_of(viewing: np.ndarray, own: np.ndarray) -> np.ndarray:
    """``error_axes`` (N, 6, 6)."""
    axes = np.zeros((len(own), 6, 6))
    axes[:, :3, :3], axes[:, 3:, 3:] = viewing, own
    return axes


def said(model: CovarianceModel, axes: np.ndarray) -> np.ndarray:
    """Covariances about ``axes``, of features that are all zero, of the first object."""
    count = len(axes)
    return model.covariances(np.zeros((count, len(FEATURES))), np.tile([1.0, 0.0], (count, 1)), axes)


def test_covariance_is_about_the_viewing_ray_and_the_objects_axes() -> None:
    seen = observation(uncertainty=uncertainty())
    covariance = pose_covariance(seen)
    assert covariance is not None
    middle = (seen.model.vertices @ seen.lifted.object_pose[:3, :3].T + seen.lifted.object_pose[:3, 3]).mean(axis=0)
    ray = middle / np.linalg.norm(middle)
    assert ray @ covariance[:3, :3] @ ray == pytest.approx(SIGMAS[2] ** 2)
    np.testing.assert_allclose(np.linalg.eigvalsh(covariance[:3, :3]), SIGMAS[:3] ** 2, rtol=1e-6)
    own = seen.lifted.object_pose[:3, :3]
    np.testing.assert_allclose(own.T @ covariance[3:, 3:] @ own, np.diag(SIGMAS[3:] ** 2), atol=1e-12)
    np.testing.assert_array_equal(covariance[:3, 3:], 0.0)


def test_axes_are_orthogonal_and_covariances_are_those_of_errors_drawn_about_them() -> None:
    seen = observation((0.0, 0.0, 0.6))
    axes = error_axes(seen)
    np.testing.assert_allclose(axes.T @ axes, np.eye(6), atol=1e-12)
    middle = (seen.model.vertices @ seen.lifted.object_pose[:3, :3].T + seen.lifted.object_pose[:3, 3]).mean(axis=0)
    np.testing.assert_allclose(viewing_axes(seen)[:, 2], middle / np.linalg.norm(middle))
    drawn = np.random.default_rng(0).normal(0, SIGMAS, (200_000, 6)) @ axes.T
    np.testing.assert_allclose(np.cov(drawn.T), said(constant_model(SIGMAS), axes[None])[0], atol=1e-3 * 0.3)


def test_corrections_widen_the_viewing_axes_and_keep_correlations() -> None:
    added = np.log([1.0, 2.0, 3.0, 0.5, 1.5, 1.0])
    viewing = Rotation.random(5, random_state=1).as_matrix()
    axes = axes_of(viewing, Rotation.random(5, random_state=2).as_matrix())
    twice = np.kron(np.eye(2), viewing)
    plain, wider = (
        twice.transpose(0, 2, 1) @ said(constant_model(SIGMAS, corrections=each), axes) @ twice
        for each in (None, added)
    )
    before, after = (np.sqrt(np.einsum("nii->ni", each)) for each in (plain, wider))
    np.testing.assert_allclose(after / before, np.tile(np.exp(added), (5, 1)))
    expected, found = (each / (s[:, :, None] * s[:, None, :]) for each, s in ((plain, before), (wider, after)))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_corrections_depend_on_the_axis_own_sigma_and_are_linear_between_steps() -> None:
    model = constant_model(SIGMAS)
    steps, corrections = model.steps.copy(), model.corrections.copy()
    # Of rx: nothing where its own standard deviation is 0.1, twice as much where it is 0.3.
    steps[3, 2], corrections[3, 2] = np.log([0.1, 0.3]), [0.0, np.log(2)]
    model = replace(model, steps=steps, corrections=corrections)
    own = np.eye(3)[[[0, 1, 2], [1, 2, 0], [2, 0, 1]]]
    found = np.sqrt(said(model, axes_of(np.eye(3), own))[:, 3, 3])
    expected = own[:, 0] @ SIGMAS[3:]
    np.testing.assert_allclose(found, expected * np.exp(np.log(2) * np.log(expected / 0.1) / np.log(3)))


def test_steps_that_do_not_rise_are_refused() -> None:
    """Between two equal steps a rounding error, as of a file's single precision, would choose the correction."""
    model = constant_model(SIGMAS)
    with pytest.raises(ValueError, match="steps: expected"):
        replace(model, steps=np.zeros_like(model.steps))


@pytest.mark.parametrize("in_lixels", [False, True])
def test_the_wrists_depth_is_in_the_covariance(in_lixels: bool) -> None:
    """By finite differences: the object moves as the direction says when the depth is another."""
    geometry = replace(weights().lixels, origin_in_lixels=in_lixels)
    seen = observation(uncertainty=uncertainty())
    seen = replace(seen, view=replace(seen.view, geometry=geometry))
    regressor = seen.weights.hand.joint_regressor21
    depths = seen.root.depth + np.array([-0.01, 0.01])
    near, far = (seen.view.lift(seen.output, depth, regressor).object_pose[:3, 3] for depth in depths)
    seen = replace(seen, lifted=seen.view.lift(seen.output, seen.root.depth, regressor))
    np.testing.assert_allclose(root_direction(seen), (far - near) / 0.02, atol=5e-4)
    unsure = replace(seen, root=replace(seen.root, sigma=0.05))
    known, unknown = pose_covariance(seen), pose_covariance(unsure)
    assert known is not None
    assert unknown is not None
    grown = unknown - known
    np.testing.assert_allclose(grown[:3, :3], 0.05**2 * np.outer(root_direction(seen), root_direction(seen)), rtol=1e-9)
    np.testing.assert_array_equal(grown[3:], 0.0)


def test_what_the_model_does_not_know_is_not_published() -> None:
    assert pose_covariance(observation()) is None
    assert pose_covariance(observation(uncertainty=uncertainty(objects=("bottle", "spoon")))) is None


@pytest.mark.parametrize("surface_fit", [True, False])
def test_the_estimator_publishes_it(surface_fit: bool) -> None:
    backend = FakeBackend(camera(), truth())
    backend.weights = replace(backend.weights, uncertainty=uncertainty())
    frame = frame_of(backend.shown, true_root_depth=0.6, **detections(backend.shown, backend.scene))
    (pair,) = Estimator(backend, replace(TRUE_DEPTH, surface_fit=surface_fit)).process(frame).pairs
    assert pair.object is not None
    assert pair.hand is not None
    assert pair.object.covariance_valid
    # The wrist's depth is true: only the model of hands that were not fitted is left.
    np.testing.assert_allclose(pair.hand.vertex_sigma, 0.02 * np.exp(np.linspace(0, 1, 778)), rtol=1e-9)
    expected = np.abs(backend.weights.hand.joint_regressor21) @ pair.hand.vertex_sigma
    np.testing.assert_allclose(pair.hand.joint_sigma, expected, rtol=1e-9)


def test_of_left_hands_it_is_known_with_a_depth_image_only() -> None:
    """Whose right hands the models were fitted to; scripts/measure_left_hands.py has what they hold of left ones."""
    seen = replace(observation(uncertainty=uncertainty()), side="left")
    assert pose_covariance(seen) is None
    assert pose_covariance(replace(seen, is_measured=True)) is not None


def test_features_grow_with_disagreement() -> None:
    """A rough mesh that is turned against the voted pose, and lies elsewhere, says so; the vote does not."""
    seen = observation()
    turn = Rotation.from_rotvec([0.0, 0.0, 0.5]).as_matrix()
    rough = seen.lifted.rough_object
    middle = rough.mean(axis=0)
    moved = (rough - middle) @ turn.T + middle + viewing_axes(seen) @ [0.01, 0.0, 0.03]
    other = replace(seen, lifted=replace(seen.lifted, rough_object=moved))
    plain = dict(zip(FEATURES, pose_features(seen), strict=True))
    found = dict(zip(FEATURES, pose_features(other), strict=True))
    assert np.isfinite(list(found.values())).all()
    assert np.exp(found["rough_turn"]) == pytest.approx(0.53, abs=0.01)
    assert np.exp(found["beside_x"]) == pytest.approx(0.012, abs=0.001)
    assert np.exp(found["behind"]) == pytest.approx(0.032, abs=0.001)
    assert found["object_turned"] > plain["object_turned"] + 1
    assert found["voted_turn"] == pytest.approx(plain["voted_turn"], abs=1e-6)


def test_colours_are_compared_where_the_object_has_some() -> None:
    seen = observation()
    shades = np.random.default_rng(0).integers(0, 256, (1000, 3), dtype=np.uint8)
    coloured = replace(seen, model=replace(seen.model, colours=shades))
    plain, found = (dict(zip(FEATURES, pose_features(each), strict=True)) for each in (seen, coloured))
    assert (np.exp(plain["coloured"]), plain["colour_agreement"]) == (pytest.approx(5), 0)
    assert np.exp(found["coloured"]) > 100
    assert {name for name in FEATURES if found[name] != plain[name]} <= {"coloured", "colour_agreement"}


def test_turns_of_symmetric_objects_do_not_count() -> None:
    symmetries = Symmetries(np.eye(4)[None], np.array([[0.0, 0.0, 1.0]]), np.zeros((1, 3)))
    spun = pose_matrix(Rotation.from_rotvec([0.0, 0.0, 2.0]).as_matrix(), np.zeros(3))
    tilted = pose_matrix(Rotation.from_rotvec([0.3, 0.0, 0.0]).as_matrix(), np.zeros(3))
    assert turn_between(np.eye(4), spun, symmetries) == pytest.approx(0.0, abs=1e-6)
    assert turn_between(np.eye(4), spun @ tilted, symmetries) == pytest.approx(0.3, abs=1e-6)


def test_votes_that_scatter_along_the_line_of_sight() -> None:
    seen = observation((0.3, -0.1, 0.6))
    votes = seen.lifted.votes.copy()
    votes[:, 4:] = seen.lifted.translation + np.linspace(-0.1, 0.1, 1000)[:, None] * [0, 0, 1.0]
    covariance = replace(seen, lifted=replace(seen.lifted, votes=votes)).vote_covariance()
    values, vectors = np.linalg.eigh(covariance[:3, :3])
    ray = seen.view.viewing_rotation @ [0, 0, 1.0]
    assert abs(vectors[:, 2] @ ray) > 1 - 1e-6
    assert values[2] == pytest.approx(0.2**2 / 12, rel=0.01)


def test_the_file_gives_the_same_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    model, columns = uncertainty(), len(FEATURES) + 2
    level = LevelModel(
        rng.normal(size=(7, columns)),
        rng.normal(size=(7, 2)),
        np.array([-5.0, -2.0]),
        rng.uniform(0.1, 0.5, columns),
        0.02,
    )
    corrections, steps = rng.normal(0, 0.3, (6, 4, 2)), np.sort(rng.normal(-3, 2, (6, 4, 2)), axis=2)
    changed = {"steps": steps, "corrections": corrections, "others": np.array([3])}
    measured = replace(model.measured, level=level, **changed)  # type: ignore[arg-type]
    path = uncertainty_path(tmp_path / "weights.safetensors")
    hand = replace(model.measured_hand, level=rng.normal(size=1 + 2 * len(HAND_FEATURES)))
    colours = {"mug": rng.integers(0, 256, (1000, 3), dtype=np.uint8)}
    model = replace(model, colours=colours, measured=measured, measured_hand=hand)
    write_uncertainty(path, model, {"scenes": 7})
    read = read_uncertainty(path, model.weights_hash)
    assert read is not None
    features, objects = rng.normal(size=(5, len(FEATURES))), np.eye(2)[[0, 1, 1, 0, 1]]
    axes = axes_of(*Rotation.random(10, random_state=3).as_matrix().reshape(2, 5, 3, 3))
    expected = measured.covariances(features, objects, axes)
    np.testing.assert_allclose(read.measured.covariances(features, objects, axes), expected, rtol=1e-3, atol=1e-12)
    assert (read.objects, read.features, read.bone_spread) == (model.objects, FEATURES, 0.1)
    assert read.hand_features == HAND_FEATURES
    assert list(read.colours) == ["mug"]
    np.testing.assert_array_equal(read.colours["mug"], colours["mug"])
    hands = rng.normal(size=(3, len(HAND_FEATURES)))
    np.testing.assert_allclose(read.voted_hand.sigmas(hands), model.voted_hand.sigmas(hands), rtol=1e-4)
    np.testing.assert_allclose(read.measured_hand.sigmas(hands), hand.sigmas(hands), rtol=1e-4)
    assert read_uncertainty(path, "1" * 64) is None
    assert read_uncertainty(tmp_path / "none.npz", model.weights_hash) is None
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="damaged"):
        read_uncertainty(path, model.weights_hash)


def test_a_file_of_another_version_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = uncertainty_path(tmp_path / "weights.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr("hand_object_pose.estimation.uncertainty_file.FORMAT", "hand_object_pose uncertainty 1")
        write_uncertainty(path, uncertainty(), {})
    with pytest.raises(UserError, match=r"uncertainty 4.*found.*uncertainty 1.*delete it.*calibrate_uncertainty"):
        read_uncertainty(path, "0" * 64)


def test_a_file_that_lacks_an_array_is_refused_in_words(tmp_path: Path) -> None:
    path = uncertainty_path(tmp_path / "weights.safetensors")
    write_uncertainty(path, uncertainty(), {})
    with np.load(path) as file:
        kept = {name: file[name] for name in file.files if name != "measured.covariances.steps"}
    np.savez(path, **kept)
    with pytest.raises(UserError, match=r"damaged.*steps"):
        read_uncertainty(path, "0" * 64)


def test_a_file_of_other_features_is_refused_in_words(tmp_path: Path) -> None:
    path = uncertainty_path(tmp_path / "weights.safetensors")
    write_uncertainty(path, replace(uncertainty(), features=(*FEATURES[:-1], "weather")), {})
    with pytest.raises(UserError, match=r"colour_agreement.*found.*weather.*calibrate_uncertainty"):
        read_uncertainty(path, "0" * 64)


def test_a_hand_that_says_less_of_itself_errs_more() -> None:
    """Its features are finite without a measurement, and grow with what they say."""
    seen = observation()
    spread = replace(seen.output, hand_sigma=3 * seen.output.hand_sigma)
    rejecting = replace(seen.root, support=0.4, sigma=0.05, residual=0.02)
    plain, found = (
        dict(zip(HAND_FEATURES, each.hand_features(), strict=True))
        for each in (seen, replace(seen, output=spread, root=rejecting))
    )
    assert np.isfinite(list(plain.values())).all()
    assert found["root_rejected"] == pytest.approx(0.6)
    assert np.exp(found["root_sigma"]) == pytest.approx(0.051)
    assert np.exp(found["most_spread_z"]) == pytest.approx(3 * np.exp(plain["most_spread_z"]) - 0.002, rel=1e-6)
    assert found["distance"] == plain["distance"]


def test_the_level_is_a_gaussian_process() -> None:
    """Far from all scenes it is the mean; at a scene that it saw without noise, what was seen there."""
    rng = np.random.default_rng(3)
    inputs, targets = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    weights_of = np.linalg.solve(kernel(inputs, inputs, 0.0), targets)
    level = LevelModel(inputs, weights_of, np.array([1.0, 2.0]), np.ones(4), 0.0)
    np.testing.assert_allclose(level(inputs), targets + np.array([1.0, 2.0]), atol=1e-8)
    np.testing.assert_allclose(level(inputs + 100), [[1.0, 2.0]] * 6, atol=1e-12)


def test_the_shipped_file_belongs_to_the_shipped_weights() -> None:
    info = load_weights_info(DEFAULT_WEIGHTS)
    model = info.uncertainty
    assert model is not None, "run scripts/calibrate_uncertainty.py for the new weights"
    assert model.features == FEATURES
    assert model.hand_features == HAND_FEATURES
    assert all(known.colours is not None for known in info.objects.values())
    assert {len(hand.vertices) for hand in (model.measured_hand, model.voted_hand)} == {778}
    assert set(model.objects) == set(info.objects)
    assert 0 < model.bone_spread < 0.3
