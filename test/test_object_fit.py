"""The object fitted to ray-cast depth images from wrong votes: where it begins, and what it remembers."""

import math

import numpy as np
import pytest
from depth_scenes import CAMERA, ball, depth_of, frame, placed
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.object_fit import ObjectFit, ObjectFitSettings, turned_apart
from hand_object_pose.estimation.view import Lifted
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix, rotation_angle, transform_points
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel

TRUE = pose_matrix(Rotation.from_rotvec([0.4, 0.3, 1.0]).as_matrix(), np.array([0.0, 0.0, 0.55]))
TURNED = TRUE @ pose_matrix(Rotation.from_euler("x", 150, degrees=True).as_matrix(), np.zeros(3))
HAND = placed(ball(0.01), pose_matrix(np.eye(3), np.array([0.3, 0.3, 0.9])))


def drill() -> ObjectModel:
    return default_catalogue()["drill"]


def depth_image(model: ObjectModel, pose: np.ndarray = TRUE, background: float = 1.2) -> np.ndarray:
    return depth_of(TriangleMesh(transform_points(pose, model.vertices), model.faces), background=background)


def answer(voted: np.ndarray, rough: np.ndarray, model: ObjectModel) -> Lifted:
    """What a network would say that votes for one pose and whose rough object lies at another."""
    mesh = transform_points(rough, model.vertices)
    return Lifted(HAND.vertices, np.zeros((21, 3)), mesh, voted, np.zeros(3), np.zeros((0, 7)))


def fit_and_keep(fit: ObjectFit, image: np.ndarray, stamp: float, lifted: Lifted, model: ObjectModel) -> np.ndarray:
    found = fit.fit(frame(image, stamp), lifted, model, HAND.faces)
    fit.keep(stamp, model, found.pose, found.residual)
    return found.pose


def is_at(found: np.ndarray, pose: np.ndarray) -> bool:
    turn, shift = rotation_angle(found[:3, :3].T @ pose[:3, :3]), np.linalg.norm(found[:3, 3] - pose[:3, 3])
    return bool(turn < np.radians(3) and shift < 0.004)


def shifted_along_ray(pose: np.ndarray, metres: float) -> np.ndarray:
    """The object as far nearer or farther, where it covers the same middle of the image."""
    middle = transform_points(pose, drill().vertices).mean(axis=0)
    return pose_matrix(np.eye(3), middle * (metres / middle[2])) @ pose


@pytest.mark.parametrize("good", ["voted", "rough"])
def test_the_better_of_two_beginnings_is_kept(good: str) -> None:
    """Votes and rough mesh disagree by half a turn, and only one of them looks like what is measured."""
    voted, rough = (TRUE, TURNED) if good == "voted" else (TURNED, TRUE)
    found = ObjectFit().fit(frame(depth_image(drill())), answer(voted, rough, drill()), drill(), HAND.faces)
    assert is_at(found.pose, TRUE)
    assert found.residual < 0.003


@pytest.mark.parametrize("metres", [-0.12, 0.1])
def test_an_object_at_a_wrong_depth_is_found_along_its_ray(metres: float) -> None:
    """Farther than any step of the fit reaches: objects on a table had stayed 10 cm too near."""
    wrong = shifted_along_ray(TRUE, metres)
    found = ObjectFit().fit(frame(depth_image(drill())), answer(wrong, wrong, drill()), drill(), HAND.faces)
    assert is_at(found.pose, TRUE)


def test_a_farther_surface_than_the_reach_is_not_the_object() -> None:
    wrong = shifted_along_ray(TRUE, -0.12)
    fit = ObjectFit(ObjectFitSettings(reach=0.05))
    found = fit.fit(frame(depth_image(drill())), answer(wrong, wrong, drill()), drill(), HAND.faces)
    np.testing.assert_array_equal(found.pose, wrong)
    assert found.residual == math.inf


def test_the_pose_of_the_frame_before_outlives_wrong_votes() -> None:
    fit = ObjectFit()
    fit_and_keep(fit, depth_image(drill()), 0.0, answer(TRUE, TRUE, drill()), drill())
    moved = pose_matrix(Rotation.from_rotvec([0.0, 0.03, 0.05]).as_matrix(), np.array([0.01, 0.0, 0.01])) @ TRUE
    image, wrong = depth_image(drill(), moved), answer(TURNED, TURNED, drill())
    assert is_at(fit.fit(frame(image, 0.04), wrong, drill(), HAND.faces).pose, moved)
    alone = ObjectFit().fit(frame(image, 0.04), wrong, drill(), HAND.faces)
    assert not is_at(alone.pose, moved)


@pytest.mark.parametrize("forgotten", ["reset", "gap", "backwards", "another object", "not kept"])
def test_the_frame_before_is_forgotten(forgotten: str) -> None:
    fit, image = ObjectFit(), depth_image(drill())
    name = "mug" if forgotten == "another object" else "drill"
    model = default_catalogue()[name]
    fit_and_keep(fit, depth_image(model), 5.0, answer(TRUE, TRUE, model), model)
    if forgotten == "reset":
        fit.reset()
    if forgotten == "not kept":
        fit.keep(5.0, model, TRUE, math.inf)
    stamp = {"gap": 5.6, "backwards": 4.9}.get(forgotten, 5.04)
    wrong = answer(TURNED, TURNED, drill())
    found = fit.fit(frame(image, stamp), wrong, drill(), HAND.faces)
    alone = ObjectFit().fit(frame(image, stamp), wrong, drill(), HAND.faces)
    np.testing.assert_array_equal(found.pose, alone.pose)


def test_the_image_decides_between_turns_that_fit_alike() -> None:
    """A carton turned by half a turn has the same surface; a wrong turn that was once taken is not kept for that."""
    carton = default_catalogue()["carton"]
    half = TRUE @ pose_matrix(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))
    image, fit = depth_image(carton), ObjectFit()
    first = fit_and_keep(fit, image, 0.0, answer(half, half, carton), carton)
    assert is_at(first, half), "the test's object looks alike from both sides"
    second = fit_and_keep(fit, image, 0.04, answer(TRUE, TRUE, carton), carton)
    assert is_at(second, TRUE)


def test_without_a_depth_image_the_vote_stays() -> None:
    found = ObjectFit().fit(frame(None), answer(TURNED, TRUE, drill()), drill(), HAND.faces)
    np.testing.assert_array_equal(found.pose, TURNED)
    assert found.residual == math.inf


def test_turned_apart_of_a_half_turn_in_closed_form() -> None:
    """A half turn about z moves a vertex by twice its distance from the axis, whatever is shifted."""
    model = drill()
    pose = pose_matrix(np.diag([-1.0, -1.0, 1.0]), np.array([0.1, 0.2, 0.9]))
    centred = model.vertices - model.vertices.mean(axis=0)
    expected = 2 * np.sqrt(np.square(centred[:, :2]).sum(axis=1).mean())
    expected /= np.linalg.norm(np.ptp(model.vertices, axis=0))
    assert turned_apart(model.vertices + 0.3, pose, model) == pytest.approx(expected)
    assert turned_apart(model.vertices, np.eye(4), model) == pytest.approx(0.0, abs=1e-12)


def test_the_camera_sees_the_object() -> None:
    """The test's own instrument: enough of the object is in the image."""
    assert (depth_image(drill()) < 1.0).mean() > 0.02
    assert CAMERA.width * CAMERA.height == depth_image(drill()).size
