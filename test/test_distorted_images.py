"""Rendered scenes through three lenses: the estimate is that of the undistorted image, but for the resampling."""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("embreex")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from measure_distortion import LENSES, differences, other_views

from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import projected_box, square_crop
from hand_object_pose.geometry.projection import distort
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.synthetic.lens import depth_through, image_through, undistorted_pixels
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.scene_sampler import SceneSampler

MATRIX = np.array([[600.0, 0.0, 320.0], [0.0, 610.0, 240.0], [0.0, 0.0, 1.0]])
CONFIG = EstimatorConfig(root_depth_mode="ground_truth", surface_fit=False, confidence_threshold=0.0, contacts=False)
SCENES = 3


def lens_of(model: str) -> Camera:
    return Camera(MATRIX, 640, 480, model, np.array(LENSES[model]))


@pytest.mark.parametrize("model", LENSES)
def test_undistortion_and_projection_are_inverse(model: str) -> None:
    lens = lens_of(model)
    straight = undistorted_pixels(lens)[40:-40:20, 40:-40:20].reshape(-1, 2)
    columns, rows = np.meshgrid(np.arange(640), np.arange(480))
    seen = np.stack([columns, rows], axis=-1)[40:-40:20, 40:-40:20].reshape(-1, 2)
    np.testing.assert_allclose(distort(lens, lens.unproject(straight, np.ones(len(straight)))), seen, atol=1e-3)


@pytest.mark.parametrize("model", LENSES)
def test_a_picture_through_a_lens_shows_a_point_where_the_lens_projects_it(model: str) -> None:
    lens, point = lens_of(model), np.array([[0.2, -0.12, 0.6]])
    (x, y), (u, v) = lens.project(point)[0], distort(lens, point)[0]
    assert np.hypot(x - u, y - v) > 3
    image = np.zeros((480, 640, 3), np.uint8)
    cv2.circle(image, (round(x), round(y)), 6, (255, 255, 255), -1)
    depth = np.where(image[..., 0] > 0, 0.6, 2.0)
    columns, rows = np.meshgrid(np.arange(640), np.arange(480))
    for bright in (image_through(lens, image)[..., 0].astype(float), (depth_through(lens, depth) < 1).astype(float)):
        centre = np.array([(bright * columns).sum(), (bright * rows).sum()]) / bright.sum()
        np.testing.assert_allclose(centre, [u, v], atol=0.8)


@pytest.fixture(scope="module")
def backend() -> Backend:
    return load_backend(None)


def test_estimates_are_those_of_the_undistorted_image(backend: Backend) -> None:
    known, rng = backend.weights.objects, np.random.default_rng(8)
    sampler, renderer = SceneSampler(backend.weights.hand, known), SceneRenderer(backend.weights.hand, known)
    found: dict[str, list[list[float]]] = {}
    ignored: list[list[float]] = []
    for _ in range(SCENES):
        scene = renderer.render(sampler.sample(rng), rng)
        truth, model = scene.truth, known[scene.truth.object_name]
        frame = Frame(scene.image, scene.camera, depth=scene.depth, true_root_depth=float(truth.joints[0, 2]))
        points = np.concatenate([truth.hand_vertices, transform_points(truth.object_pose, model.vertices)])
        crop = square_crop(projected_box(scene.camera, points)[None])
        box = np.array([crop.x, crop.y, crop.x + crop.side, crop.y + crop.side])

        def estimate(seen: Frame, where: np.ndarray, object_id: str = model.name):
            config = replace(CONFIG, object_id=object_id, roi_mode="fixed", roi_box=tuple(where))
            return Estimator(backend, config).process(seen).pairs[0]

        straight = estimate(frame, box)
        for name, (other, where) in other_views(frame, box):
            found.setdefault(name, []).append(differences(straight, estimate(other, where), model))
            if name in LENSES:
                unaware = replace(other, camera=frame.camera)
                ignored.append(differences(straight, estimate(unaware, where), model))
    means = {name: np.mean(values, axis=0) for name, values in found.items()}
    resampling = np.max([mean for name, mean in means.items() if name not in LENSES], axis=0)
    for name in LENSES:
        assert (means[name] < 2 * resampling + 0.5).all(), (name, means[name], resampling)
    # Whoever does not know the lens is farther off.
    hands = [means[name][0] for name in LENSES]
    assert np.mean(ignored, axis=0)[0] > 2 * max(hands)
