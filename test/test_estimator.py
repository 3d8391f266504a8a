"""The chain image -> crop -> network -> metres returns the truth that a network which knows it was shown."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fake_backend import FakeBackend, Truth, camera, coordinate_image, detections, frame_of, truth
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.estimation.backend import NetworkOutput
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.grasp_state import GraspState
from hand_object_pose.estimation.object_fit import FittedObject
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.estimation.root_depth import RootDepthEstimate
from hand_object_pose.estimation.uncertainty import UNCALIBRATED_COVARIANCE
from hand_object_pose.estimation.view import Lifted
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import pose_matrix, rotation_angle, transform_points
from hand_object_pose.geometry.signed_distance import exact_signed_distance
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel

TRUE_DEPTH = EstimatorConfig(object_id="mug", root_depth_mode="ground_truth")
CAMERAS = {
    "pinhole": camera(),
    "plumb_bob": camera(distortion_model="plumb_bob", distortion=np.array([-0.2, 0.05, 0.001, -0.002, 0.0])),
    "rational_polynomial": camera(
        distortion_model="rational_polynomial",
        distortion=np.array([1.2, 0.4, 0.0005, -0.0003, 0.02, 1.5, 0.7, 0.05]),
    ),
    "equidistant": camera(distortion_model="equidistant", distortion=np.array([0.02, -0.01, 0.003, -0.001])),
}


def process(backend: FakeBackend, config: EstimatorConfig = TRUE_DEPTH, **fields: object) -> HandObjectEstimate:
    scene, shown = backend.scene, backend.shown
    given = {"true_root_depth": scene.joints[0, 2], **detections(shown, scene), **fields}
    (pair,) = Estimator(backend, config).process(frame_of(shown, **given)).pairs
    return pair


def assert_true(pair: HandObjectEstimate, backend: FakeBackend, millimetres: float = 0.02) -> None:
    assert (pair.valid, pair.reason) == (True, "")
    assert pair.hand is not None
    assert pair.object is not None
    scene = backend.scene
    np.testing.assert_allclose(pair.hand.vertices, scene.hand, atol=millimetres / 1000)
    np.testing.assert_allclose(pair.hand.joints, scene.joints, atol=millimetres / 1000)
    np.testing.assert_allclose(pair.object.pose[:3, 3], scene.object_pose[:3, 3], atol=millimetres / 1000)
    assert rotation_angle(pair.object.pose[:3, :3] @ scene.object_pose[:3, :3].T) < 1e-3


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("wrist", [(0.03, 0.05, 0.6), (0.2, -0.1, 0.7), (-0.15, 0.12, 1.1)])
def test_truth_goes_through(name: str, wrist: tuple[float, float, float]) -> None:
    backend = FakeBackend(CAMERAS[name], truth(wrist))
    assert_true(process(backend), backend)


def test_crop_that_leaves_the_image() -> None:
    backend = FakeBackend(camera(), truth((0.3, 0.2, 0.6)))
    pair = process(backend)
    assert pair.box is not None
    assert pair.box.x_max > backend.shown.width
    assert_true(pair, backend, millimetres=1.0)


@pytest.mark.parametrize("margin", [1.0, 1.25, 1.8])
def test_lifted_hand_does_not_depend_on_where_the_crop_lies(margin: float) -> None:
    """The principal point moves with the crop, and the hand stays where it was."""
    backend = FakeBackend(camera(), truth())
    rng = np.random.default_rng(3)
    jitter = {key: value + rng.uniform(-25, 25, 4) for key, value in detections(backend.shown, backend.scene).items()}
    assert_true(process(backend, replace(TRUE_DEPTH, margin=margin), **jitter), backend)


def test_weights_that_vote_in_the_camera_frame_are_not_turned() -> None:
    compensated = process(FakeBackend(camera(), truth((0.2, -0.1, 0.7))))
    backend = FakeBackend(camera(), truth((0.2, -0.1, 0.7)))
    plain = replace(backend.weights.lixels, viewing_direction_compensated=False)
    backend.weights = replace(backend.weights, lixels=plain)
    pair = process(backend)
    assert pair.object is not None
    assert compensated.object is not None
    offset = pair.object.pose[:3, :3] @ compensated.object.pose[:3, :3].T
    centre = np.array([pair.box.x_min + pair.box.x_max, pair.box.y_min + pair.box.y_max]) / 2  # type: ignore[union-attr]
    ray = backend.shown.unproject(centre, np.asarray(1.0))
    assert rotation_angle(offset) == pytest.approx(np.arccos(ray[2] / np.linalg.norm(ray)), abs=1e-3)


def test_root_depth_from_the_depth_image() -> None:
    """Depth of the hand as a splatted cloud: the wrist's depth is found without being told."""
    backend = FakeBackend(camera(), truth())
    depth = np.full((480, 640), 1.5, np.float32)
    pixels = np.rint(backend.shown.project(backend.scene.hand)).astype(int)
    for radius in (4, 3, 2, 1, 0):
        for (column, row), z in zip(pixels, backend.scene.hand[:, 2], strict=True):
            patch = depth[row - radius : row + radius + 1, column - radius : column + radius + 1]
            np.minimum(patch, z, out=patch)
    # The depth image shows no object, so there is no surface to fit.
    config = replace(TRUE_DEPTH, root_depth_mode="depth_image", surface_fit=False)
    pair = process(backend, config, depth=depth, true_root_depth=None)
    assert pair.root_depth_source == "depth_image"
    assert pair.root_depth == pytest.approx(backend.scene.joints[0, 2], abs=0.008)
    assert_true(pair, backend, millimetres=9.0)


def test_contacts_equal_exact_distances() -> None:
    backend = FakeBackend(camera(), truth(reach=0.0))
    pair = process(backend)
    mesh = default_catalogue()["mug"]
    assert pair.contacts is not None
    assert pair.object is not None
    inverse = np.linalg.inv(backend.scene.object_pose)
    exact = exact_signed_distance(transform_points(inverse, backend.scene.hand), mesh)  # type: ignore[arg-type]
    depth = np.maximum(-exact, 0)
    assert depth.max() > 0.002
    assert pair.contacts.penetration_max == pytest.approx(depth.max(), abs=1e-3)
    assert pair.contacts.penetration_mean == pytest.approx(depth.mean(), abs=2e-4)
    assert pair.contacts.min_distance == pytest.approx(exact.min(), abs=1e-3)
    clear = np.abs(exact - 0.005) > 1e-3
    touching = np.zeros(778, bool)
    touching[pair.contacts.hand_vertices] = True
    np.testing.assert_array_equal(touching[clear], (exact < 0.005)[clear])
    on_surface = exact_signed_distance(transform_points(inverse, pair.contacts.points), mesh)  # type: ignore[arg-type]
    assert np.median(np.abs(on_surface)) < 1e-3


def test_covariance_is_a_marked_constant_where_nobody_measured_the_errors() -> None:
    plain = process(FakeBackend(camera(), truth(), vote_noise=0.02)).object
    assert plain is not None
    assert not plain.covariance_valid
    np.testing.assert_array_equal(plain.covariance, UNCALIBRATED_COVARIANCE)


def test_sigma_is_the_lixel_spread_in_metres() -> None:
    backend = FakeBackend(camera(), truth(), spread=0.5)
    pair = process(backend)
    assert pair.hand is not None
    assert pair.box is not None
    side = pair.box.x_max - pair.box.x_min
    lateral = 0.5 / 64 * side / 600 * 0.6
    along = 0.5 / 64 * 2 * backend.weights.lixels.depth_radius
    expected = np.sqrt((2 * lateral**2 + along**2) / 3)
    assert np.median(pair.hand.vertex_sigma) == pytest.approx(expected, rel=0.1)


def test_tracking_follows_a_moving_hand() -> None:
    backend = FakeBackend(camera(), truth())
    estimator = Estimator(backend, TRUE_DEPTH)
    start = backend.scene
    for step in range(12):
        backend.scene = start.moved(np.array([0.02, -0.008, 0.01]) * step)
        boxes = detections(backend.shown, backend.scene) if step == 0 else {}
        frame = frame_of(backend.shown, stamp=step / 30, true_root_depth=backend.scene.joints[0, 2], **boxes)
        (pair,) = estimator.process(frame).pairs
        assert pair.roi_source == ("tracking" if step else "topic")
        assert pair.tracked == (step > 0)
        assert pair.track_id == 1
        assert_true(pair, backend, millimetres=1.0)


def squares_of(roi_mode: str, cameras: list[Camera]) -> np.ndarray:
    """Middles (N, 2), as rays of z = 1, of the squares that are looked at while a hand moves and is followed."""
    backend = FakeBackend(camera(), truth())
    estimator, start, middles = Estimator(backend, replace(TRUE_DEPTH, roi_mode=roi_mode)), backend.scene, []
    for step, shown in enumerate(cameras):
        backend.shown, backend.scene = shown, start.moved(np.array([0.02, -0.008, 0.01]) * step)
        boxes = detections(shown, backend.scene) if roi_mode == "topic" or step == 0 else {}
        frame = frame_of(shown, stamp=step / 30, true_root_depth=backend.scene.joints[0, 2], **boxes)
        (pair,) = estimator.process(frame).pairs
        assert (pair.tracked, pair.track_id) == (step > 0, 1)
        assert_true(pair, backend, millimetres=2.0)
        assert pair.box is not None
        middle = [(pair.box.x_min + pair.box.x_max) / 2, (pair.box.y_min + pair.box.y_max) / 2]
        middles.append(shown.unproject(np.array(middle), np.asarray(1.0))[:2])
    return np.array(middles)


@pytest.mark.parametrize(
    "change", [lambda shown: shown.resized(320, 240), lambda shown: shown.windowed((40, 30), (560, 420), (2, 1))]
)
@pytest.mark.parametrize("roi_mode", ["tracking", "topic"])
def test_another_resolution_or_window_does_not_lose_the_track(
    change: Callable[[Camera], Camera], roi_mode: str
) -> None:
    same, other = camera(), change(camera())
    expected = squares_of(roi_mode, [same] * 6)
    np.testing.assert_allclose(squares_of(roi_mode, [same, same, same, other, other, same]), expected, atol=0.006)


def test_low_confidence_is_no_estimate_and_ends_the_track() -> None:
    backend = FakeBackend(camera(), truth(), spread=30.0)
    pair = process(backend)
    assert not pair.valid
    assert pair.confidence < EstimatorConfig.confidence_threshold
    assert "low confidence" in pair.reason
    sure = process(FakeBackend(camera(), truth(), spread=0.5))
    assert sure.confidence > 0.9


def test_what_would_lie_behind_the_camera_is_refused() -> None:
    """A wrist 2 cm before the camera, by mistake: the fingers reach behind it."""
    config = replace(TRUE_DEPTH, root_depth_mode="fixed", root_depth_value=0.02, confidence_threshold=0.0)
    pair = process(FakeBackend(camera(), truth()), config)
    assert pair.hand is not None
    assert pair.hand.vertices[:, 2].min() < 0
    assert (pair.valid, pair.reason) == (False, "hand or object would lie behind the camera")


def test_a_hand_without_a_hands_proportions_lowers_confidence() -> None:
    backend = FakeBackend(camera(), truth())
    sure = process(backend).confidence
    run = backend.run

    def collapsed(*arguments):  # type: ignore[no-untyped-def]
        output = run(*arguments)
        centre = output.hand_lixels.mean(axis=1, keepdims=True)
        return replace(output, hand_lixels=centre + 0.2 * (output.hand_lixels - centre))

    backend.run = collapsed  # type: ignore[method-assign]
    assert process(backend).confidence < sure / 2


def test_a_rough_object_that_contradicts_the_votes_lowers_confidence() -> None:
    backend = FakeBackend(camera(), truth())
    sure = process(backend).confidence
    run = backend.run

    def turned(*arguments):  # type: ignore[no-untyped-def]
        output = run(*arguments)
        return replace(output, quaternion=np.array([[0.0, 1.0, 0.0, 0.0]]), translation=output.translation + 0.1)

    backend.run = turned  # type: ignore[method-assign]
    assert process(backend).confidence < sure / 2


@pytest.mark.parametrize(
    ("config", "fields", "reason"),
    [
        ({"root_depth_mode": "depth_image"}, {"depth": None}, "no depth image"),
        ({"root_depth_mode": "depth_image"}, {"depth": np.full((480, 640), np.nan, np.float32)}, "measures only 0"),
        ({}, {"true_root_depth": None}, "no true root depth"),
        ({"roi_mode": "topic"}, {"hand_boxes": None, "object_boxes": None}, "no detection"),
        ({"roi_mode": "topic"}, {"hand_boxes": np.full((1, 4), 7.0), "object_boxes": None}, "unusable detection"),
        ({"object_id": ""}, {}, "no object chosen; the weights know: bottle, mug"),
        ({"object_id": ""}, {"object_id": "spoon"}, "'spoon' is not known"),
    ],
)
def test_what_is_missing_is_said_in_words(config: dict, fields: dict, reason: str) -> None:
    pair = process(FakeBackend(camera(), truth()), replace(TRUE_DEPTH, **config), **fields)
    assert not pair.valid
    assert reason in pair.reason
    assert pair.hand is None


def test_network_output_that_is_not_finite_is_refused() -> None:
    backend = FakeBackend(camera(), truth())
    run = backend.run

    def broken(*arguments):  # type: ignore[no-untyped-def]
        output = run(*arguments)
        output.hand_lixels[0, 5] = np.nan
        return output

    backend.run = broken  # type: ignore[method-assign]
    assert "not finite" in process(backend).reason


def test_a_quaternion_of_length_zero_is_refused() -> None:
    backend = FakeBackend(camera(), truth())
    run = backend.run
    backend.run = lambda *arguments: replace(run(*arguments), quaternion=np.zeros((1, 4)))  # type: ignore[method-assign]
    pair = process(backend)
    assert not pair.valid
    assert "length zero" in pair.reason


def test_a_track_keeps_the_object_that_a_detector_named_until_it_ends() -> None:
    backend = FakeBackend(camera(), truth())
    estimator = Estimator(backend, replace(TRUE_DEPTH, object_id=""))
    boxes = detections(backend.shown, backend.scene)

    def at(stamp: float, **fields: object) -> HandObjectEstimate:
        frame = frame_of(backend.shown, stamp=stamp, true_root_depth=backend.scene.joints[0, 2], **fields)
        return estimator.process(frame).pairs[0]

    assert at(0.0, object_id="mug", **boxes).valid
    followed = at(0.1)
    assert (followed.valid, followed.tracked, followed.reason) == (True, True, "")
    assert followed.object is not None
    assert followed.object.name == "mug"
    elsewhere = {name: np.array([[10.0, 10.0, 60.0, 60.0]]) for name in boxes}
    assert "no object chosen" in at(0.2, **elsewhere).reason
    assert at(0.3, object_id="mug", **boxes).valid
    assert "no object chosen" in at(1.3, **boxes).reason
    assert at(1.4, object_id="mug", **boxes).valid
    estimator.reset()
    assert "no object chosen" in at(1.5, **boxes).reason


def test_detector_may_name_the_object() -> None:
    pair = process(FakeBackend(camera(), truth()), replace(TRUE_DEPTH, object_id=""), object_id="mug")
    assert pair.object is not None
    assert pair.object.name == "mug"


def test_unknown_objects_are_refused_with_the_list() -> None:
    backend = FakeBackend(camera(), truth())
    with pytest.raises(UnknownObjectError, match=r"spoon.*bottle, mug"):
        Estimator(backend, EstimatorConfig(object_id="spoon"))
    estimator = Estimator(backend, TRUE_DEPTH)
    with pytest.raises(UnknownObjectError, match="spoon"):
        estimator.set_object("spoon")
    assert estimator.config.object_id == "mug"
    estimator.set_object("bottle")
    assert estimator.config.object_id == "bottle"


def test_reset_forgets_the_track() -> None:
    backend = FakeBackend(camera(), truth())
    estimator = Estimator(backend, TRUE_DEPTH)
    depth = backend.scene.joints[0, 2]
    estimator.process(frame_of(backend.shown, true_root_depth=depth, **detections(backend.shown, backend.scene)))
    following = frame_of(backend.shown, stamp=0.03, true_root_depth=depth)
    assert estimator.process(following).pairs[0].roi_source == "tracking"
    estimator.reset()
    # As at the very beginning: nobody has said yet that there is a detector.
    assert estimator.process(following).pairs[0].roi_source == "full_frame"


def tracked_with_doubt(sure_from: float, doubt_below: float) -> tuple[HandObjectEstimate, int, int]:
    """A tracked frame, seen by a network that is sure of squares so far right only; looks and evaluations it took."""
    backend = FakeBackend(camera(), truth())
    estimator = Estimator(backend, replace(TRUE_DEPTH, doubt_below=doubt_below))
    boxes = detections(camera(), backend.scene)
    estimator.process(frame_of(backend.shown, stamp=0.0, true_root_depth=0.6, **boxes))
    answer, edges = backend.answer, []

    def doubting(image: np.ndarray, model: ObjectModel) -> NetworkOutput:
        edges.append(float(backend._crop(image)[1][0]))
        backend.spread = 0.5 if edges[-1] - edges[0] >= sure_from else 20.0
        return answer(image, model)

    backend.answer = doubting  # type: ignore[method-assign]
    (pair,) = estimator.process(frame_of(backend.shown, stamp=0.04, true_root_depth=0.6)).pairs
    return pair, len(edges), backend.calls - 1


def test_in_doubt_the_surest_neighbour_is_taken() -> None:
    """Only the square to the right is not doubted."""
    found, looks, evaluations = tracked_with_doubt(1.0, doubt_below=0.5)
    alone, _, _ = tracked_with_doubt(1.0, doubt_below=0.0)
    assert (looks, evaluations) == (5, 2)
    assert found.confidence > 0.5 > alone.confidence
    assert found.box is not None
    assert alone.box is not None
    assert found.box.x_min - alone.box.x_min == pytest.approx(0.06 * (alone.box.x_max - alone.box.x_min), rel=1e-6)
    assert found.box.y_min == pytest.approx(alone.box.y_min)


@pytest.mark.parametrize(("doubt_below", "sure_from"), [(0.0, 1.0), (0.5, -1.0)])
def test_without_doubt_one_look_is_enough(doubt_below: float, sure_from: float) -> None:
    assert tracked_with_doubt(sure_from, doubt_below)[1:] == (1, 1)


def test_a_detected_square_is_not_doubted() -> None:
    """A detector's square is where hand and object are; what is unsure there is so for other reasons."""
    backend = FakeBackend(camera(), truth(), spread=20.0)
    estimator = Estimator(backend, replace(TRUE_DEPTH, doubt_below=1.0))
    estimator.process(frame_of(backend.shown, true_root_depth=0.6, **detections(camera(), backend.scene)))
    assert backend.calls == 1


def test_stages_are_timed() -> None:
    backend = FakeBackend(camera(), truth())
    estimator = Estimator(backend, TRUE_DEPTH)
    estimator.prepare()
    frame = frame_of(backend.shown, true_root_depth=0.6, **detections(backend.shown, backend.scene))
    timing = estimator.process(frame).timing
    assert set(timing) == {
        "crop",
        "network",
        "root_depth",
        "lift",
        "surface_fit",
        "uncertainty",
        "contacts",
        "smoothing",
        "total",
    }
    assert sum(value for name, value in timing.items() if name != "total") <= timing["total"]


@pytest.mark.parametrize(
    ("changes", "moved"),
    [
        ({}, True),
        ({"surface_fit": False}, False),
        ({"root_depth_mode": "ground_truth"}, False),
        ({"hand_side": "left"}, True),
    ],
)
def test_objects_are_fitted_to_the_depth_image_that_gives_the_root_depth(
    changes: dict, moved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FakeBackend(camera(), truth())
    seen = []

    def fit(_: object, frame: Frame, lifted: Lifted, model: ObjectModel, hand_faces: np.ndarray) -> FittedObject:
        seen.append((model.name, len(hand_faces)))
        return FittedObject(lifted.object_pose @ pose_matrix(np.eye(3), np.array([0.0, 0.0, 0.1])), 0.002)

    monkeypatch.setattr("hand_object_pose.estimation.object_fit.ObjectFit.fit", fit)
    monkeypatch.setattr(
        "hand_object_pose.estimation.depth_image_root.DepthImageRootDepth.estimate",
        lambda *_: RootDepthEstimate(float(backend.scene.joints[0, 2]), 0.003, "depth_image"),
    )
    config = replace(TRUE_DEPTH, **{"root_depth_mode": "depth_image", **changes})
    pair = process(backend, config)
    assert seen == ([("mug", 1538)] if moved else [])
    assert pair.object is not None
    if config.hand_side == "right":  # a left hand's wrist is not where the fake network's scene has it
        shift = np.linalg.norm(pair.object.pose[:3, 3] - backend.scene.object_pose[:3, 3])
        assert shift == pytest.approx(0.1 if moved else 0.0, abs=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"roi_mode": "guess"},
        {"root_depth_mode": "depth"},
        {"hand_side": "both"},
        {"roi_mode": "fixed", "roi_box": (5.0, 5.0, 4.0, 9.0)},
        {"root_depth_mode": "fixed", "root_depth_value": float("nan")},
    ],
)
def test_wrong_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(UserError, match="expected"):
        EstimatorConfig(**wrong)


def test_frames_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Frame\.image"):
        Frame(coordinate_image(camera())[:100], camera())
    with pytest.raises(ValueError, match=r"Frame\.depth"):
        Frame(coordinate_image(camera()), camera(), depth=np.zeros((10, 10)))


def test_the_fake_network_sees_a_shifted_crop() -> None:
    """The test's own instrument: an image painted for another place changes the answer."""
    backend = FakeBackend(camera(), truth())
    image = np.roll(coordinate_image(backend.shown), 40, axis=1)
    boxes = detections(backend.shown, backend.scene)
    frame = Frame(image, backend.shown, true_root_depth=backend.scene.joints[0, 2], **boxes)  # type: ignore[arg-type]
    (pair,) = Estimator(backend, TRUE_DEPTH).process(frame).pairs
    assert pair.hand is not None
    shift = pair.hand.vertices - backend.scene.hand
    np.testing.assert_allclose(np.median(shift[:, 0]), 40 / 610 * 0.6, rtol=0.2)


def test_rotation_votes_of_either_sign_agree() -> None:
    from hand_object_pose.estimation.uncertainty import vote_covariance

    rng = np.random.default_rng(0)
    turns = Rotation.from_rotvec(rng.normal(0, 0.1, (4000, 3)))
    quaternions = np.roll(turns.as_quat(), 1, axis=1) * rng.choice([-3.0, 0.5], (4000, 1))
    votes = np.concatenate([quaternions, np.zeros((4000, 3))], axis=1)
    covariance = vote_covariance(votes, np.array([-2.0, 0, 0, 0]), np.zeros(3), np.eye(3))
    np.testing.assert_allclose(np.diag(covariance)[3:], 0.01, rtol=0.1)


@pytest.mark.parametrize("roi_mode", ["tracking", "topic"])
def test_the_grasp_state_follows_the_stream_steadily(roi_mode: str) -> None:
    near = truth(reach=0.05)
    away = pose_matrix(np.eye(3), np.array([0.0, 0.0, -0.14]))
    far = replace(near, object_pose=away @ near.object_pose)
    backend = FakeBackend(camera(), near)
    estimator = Estimator(backend, replace(TRUE_DEPTH, roi_mode=roi_mode))

    def state(scene: Truth, stamp: float) -> GraspState:
        backend.scene = scene
        given = {"true_root_depth": scene.joints[0, 2], **detections(backend.shown, scene)}
        return estimator.process(frame_of(backend.shown, stamp=stamp, **given)).pairs[0].grasp

    assert [state(near, 1.0), state(far, 1.05), state(near, 1.1)] == [GraspState.HELD] * 3
    assert [state(far, 1.15), state(far, 1.3)] == [GraspState.HELD, GraspState.APART]
    estimator.reset()
    assert state(near, 1.31) is GraspState.HELD


def test_the_refinement_takes_the_hand_out_of_the_object() -> None:
    scene = truth(reach=0.05)
    towards_camera = pose_matrix(np.eye(3), np.array([0.0, 0.0, -0.07]))
    scene = replace(scene, object_pose=towards_camera @ scene.object_pose, object_name="bottle")
    backend = FakeBackend(camera(), scene)
    config = replace(TRUE_DEPTH, object_id="bottle", refinement_time_budget=np.inf)
    plain, refined = (process(backend, replace(config, refinement=on)) for on in (False, True))
    assert plain.contacts is not None
    assert refined.contacts is not None
    assert plain.contacts.penetration_mean > 1e-4
    assert refined.contacts.penetration_mean < 0.3 * plain.contacts.penetration_mean
    np.testing.assert_array_equal(refined.object.pose, plain.object.pose)  # type: ignore[union-attr]


def test_a_single_frame_leaves_the_stream_alone() -> None:
    backend = FakeBackend(camera(), truth())
    given = {"true_root_depth": backend.scene.joints[0, 2], **detections(backend.shown, backend.scene)}
    estimator = Estimator(backend, TRUE_DEPTH)
    first = estimator.process(frame_of(backend.shown, stamp=1.0, **given)).pairs[0]
    elsewhere = backend.scene.moved(np.array([0.05, 0.02, 0.1]))
    before, backend.scene = backend.scene, elsewhere
    alone = {"true_root_depth": elsewhere.joints[0, 2], **detections(backend.shown, elsewhere)}
    config = replace(TRUE_DEPTH, roi_mode="topic")
    (pair,) = estimator.process_alone(frame_of(backend.shown, stamp=1.02, **alone), config).pairs
    assert_true(pair, backend)
    backend.scene = before
    # Without detections: the track goes on where it was.
    follow = {"true_root_depth": given["true_root_depth"]}
    second = estimator.process(frame_of(backend.shown, stamp=1.04, **follow)).pairs[0]
    assert_true(second, backend)
    assert (second.tracked, second.track_id) == (True, first.track_id)
