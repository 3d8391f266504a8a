"""View synthesis: a camera turned about the object's centre sees the same scene, checked by OpenCV's projection."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation
from torch.utils.data import DataLoader

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.posed_scene import BACKGROUND_LABEL, RenderQuality
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.scene_sampler import SceneSampler
from hand_object_pose_training.augmentation import NO_AUGMENTATION
from hand_object_pose_training.datasets.prepared_samples import StoredCrop
from hand_object_pose_training.grasp_synthesis import HOLDING
from hand_object_pose_training.mixture import MixedDataset, MixtureSampler
from hand_object_pose_training.samples import CropDataset, collate
from hand_object_pose_training.synthetic_crops import (
    RENDERED_AUGMENTATION,
    RenderedGrasps,
    RenderedViews,
    SynthesisSettings,
    SyntheticCrops,
    truth_of,
)
from hand_object_pose_training.view_synthesis import (
    ViewSynthesisConfig,
    object_centre,
    random_turn,
    synthesise_view,
    turned_about,
)

CATALOGUE = dict(default_catalogue())
SMALL = StoredCrop(size=96)


@pytest.fixture(scope="module")
def scenes():
    sampler = SceneSampler(default_hand(), CATALOGUE, config=HOLDING)
    return [sampler.sample(np.random.default_rng(seed)) for seed in range(4)]


@pytest.fixture(scope="module")
def renderer():
    return SceneRenderer(default_hand(), CATALOGUE, quality=RenderQuality(0, 0))


def pose_of(old, new):
    """R and t of the rigid motion between two sets of vertices, and how far they are from one: Kabsch by OpenCV."""
    moved, residual = cv2.estimateAffine3D(old, new, force_rotation=True)
    errors = np.linalg.norm(old @ (moved[:, :3] * residual).T + moved[:, 3] - new, axis=1)
    return moved[:, :3], moved[:, 3], residual, errors.max()


def test_the_new_truth_is_what_opencv_projects_for_the_turned_camera(scenes):
    for number, scene in enumerate(scenes):
        model, camera = CATALOGUE[scene.truth.object_name], scene.camera
        new = synthesise_view(scene.truth, model, ViewSynthesisConfig(), np.random.default_rng(number))
        rotation, shift, scale, error = pose_of(scene.truth.joints, new.joints)
        assert error < 1e-6
        assert scale == pytest.approx(1, abs=1e-6)
        # The old points as the new camera sees them, by its pose, against the new points as the same K sees them.
        surface = transform_points(scene.truth.object_pose, model.vertices)
        moved_surface = transform_points(new.object_pose, model.vertices)
        for old, moved in ((scene.truth.hand_vertices, new.hand_vertices), (surface, moved_surface)):
            projected, _ = cv2.projectPoints(old, cv2.Rodrigues(rotation)[0], shift, camera.matrix, None)
            np.testing.assert_allclose(projected[:, 0], camera.project(moved), atol=1e-4)


def test_the_objects_centre_stays_where_it_is_and_the_rest_keeps_its_distance_to_it(scenes):
    for number, scene in enumerate(scenes):
        model = CATALOGUE[scene.truth.object_name]
        new = synthesise_view(scene.truth, model, ViewSynthesisConfig(), np.random.default_rng(number))
        centre = object_centre(scene.truth, model)
        np.testing.assert_allclose(object_centre(new, model), centre, atol=1e-12)
        box = np.stack([model.vertices.min(axis=0), model.vertices.max(axis=0)])
        np.testing.assert_allclose(transform_points(scene.truth.object_pose, box).mean(axis=0), centre, atol=1e-12)
        distances = [np.linalg.norm(truth.hand_vertices - centre, axis=1) for truth in (scene.truth, new)]
        np.testing.assert_allclose(distances[1], distances[0], atol=1e-12)
        assert np.linalg.det(new.object_pose[:3, :3]) == pytest.approx(1)


def test_a_turn_and_its_inverse_restore_the_scene(scenes):
    truth = scenes[0].truth
    turn, centre = Rotation.random(rng=np.random.default_rng(3)).as_matrix(), np.array([0.1, -0.05, 0.6])
    restored = turned_about(turned_about(truth, centre, turn), centre, turn.T)
    np.testing.assert_allclose(restored.hand_vertices, truth.hand_vertices, atol=1e-12)
    np.testing.assert_allclose(restored.object_pose, truth.object_pose, atol=1e-12)


def test_turns_are_as_uniform_as_scipys_and_as_small_as_asked():
    rng = np.random.default_rng(0)
    ours = [Rotation.from_matrix(random_turn(np.pi, rng)) for _ in range(1000)]
    theirs = Rotation.random(1000, rng=np.random.default_rng(1))
    angles = [turn.magnitude() for turn in ours]
    assert stats.ks_2samp(angles, theirs.magnitude()).pvalue > 0.01
    moved = np.stack([turn.apply([0.0, 0.0, 1.0]) for turn in ours])
    for axis in range(3):
        # On a sphere every coordinate is uniform (Archimedes).
        assert stats.kstest(moved[:, axis], "uniform", (-1, 2)).pvalue > 0.01
    limited = [Rotation.from_matrix(random_turn(0.4, rng)).magnitude() for _ in range(300)]
    assert 0.3 < max(limited) <= 0.4


def test_neither_hand_nor_object_comes_nearer_to_the_camera_than_it_may(scenes):
    for scene in scenes:
        model = CATALOGUE[scene.truth.object_name]
        nearest = object_centre(scene.truth, model)[2] - 0.1
        for seed in range(5):
            config = ViewSynthesisConfig(nearest=nearest, attempts=1000)
            new = synthesise_view(scene.truth, model, config, np.random.default_rng(seed))
            assert new.hand_vertices[:, 2].min() >= nearest
            assert transform_points(new.object_pose, model.vertices)[:, 2].min() >= nearest


def test_scenes_that_cannot_be_seen_are_refused_in_words(scenes):
    model = CATALOGUE[scenes[0].truth.object_name]
    pose = scenes[0].truth.object_pose.copy()
    pose[2, 3] = -0.5
    behind = replace(scenes[0].truth, object_pose=pose)
    with pytest.raises(UserError, match="camera"):
        synthesise_view(behind, model, ViewSynthesisConfig(attempts=5), np.random.default_rng(0))
    with pytest.raises(UserError, match="largest angle"):
        ViewSynthesisConfig(largest_angle=0.0)


def stored(scenes, renderer):
    """The scenes as a dataset would hold them."""
    maker = RenderedGrasps(_Fixed(scenes), CATALOGUE, renderer, scenes=len(scenes), size=SMALL)
    return [maker.make(index, np.random.default_rng(index)) for index in range(len(scenes))]


class _Fixed:
    """Stands for a sampler: gives out its scenes in turn."""

    def __init__(self, scenes):
        self._scenes = list(scenes)

    def sample(self, rng):
        return self._scenes.pop(0)


def test_the_rendered_view_shows_hand_and_object_where_the_new_truth_says(scenes, renderer):
    samples = stored(scenes[:2], renderer)
    views = RenderedViews(samples, CATALOGUE, renderer, size=SMALL)
    for index in range(len(views)):
        view = views.make(index, np.random.default_rng([7, index]))
        camera = Camera(view.camera_matrix.astype(np.float64), 96, 96)
        model = CATALOGUE[view.object_name]
        surface = transform_points(view.object_pose.astype(np.float64), model.vertices)
        for points in (view.hand_vertices.astype(np.float64), surface):
            places = np.round(camera.project(points)).astype(int)
            assert (places >= 0).all()
            assert (places < 96).all()
            labels = cv2.dilate(view.labels, np.ones((3, 3), np.uint8))
            assert (labels[places[:, 1], places[:, 0]] != BACKGROUND_LABEL).mean() > 0.99
        # The same scene: the hand lies to the object as before.
        before, after = (truth_of(sample) for sample in (samples[index], view))
        relative = [np.linalg.inv(t.object_pose) @ np.append(t.joints[8], 1) for t in (before, after)]
        np.testing.assert_allclose(relative[0], relative[1], atol=1e-5)
        assert np.abs(view.image.astype(int) - samples[index].image).mean() > 5


def test_crops_depend_on_seed_epoch_and_index_only(scenes, renderer):
    samples = stored(scenes[:2], renderer)
    crops = SyntheticCrops(
        RenderedViews(samples, CATALOGUE, renderer, size=SMALL), CATALOGUE, SynthesisSettings(64, NO_AUGMENTATION)
    )
    first, other_epoch = crops[3, 1], crops[4, 1]
    again = crops[3, 1]
    assert (first.images == again.images).all()
    assert (first.object_poses == again.object_poses).all()
    assert not (first.object_poses == other_epoch.object_poses).all()
    assert len(crops) == 2
    # What a network is given: the joints lie on the picture that K describes.
    pixels = (first.joints @ first.camera_matrices.T).numpy()
    pixels = pixels[:, :2] / pixels[:, 2:]
    assert pixels.min() > 0
    assert pixels.max() < 64


def test_grasp_scenes_keep_their_geometry_and_change_their_look(renderer):
    sampler = SceneSampler(default_hand(), CATALOGUE, config=HOLDING)
    maker = RenderedGrasps(sampler, CATALOGUE, renderer, scenes=10, size=SMALL)
    first, second = (maker.make(4, np.random.default_rng(epoch)) for epoch in (0, 1))
    np.testing.assert_array_equal(first.hand_vertices, second.hand_vertices)
    assert np.abs(first.image.astype(int) - second.image).mean() > 5
    assert len(maker) == 10
    assert not np.array_equal(first.joints, maker.make(5, np.random.default_rng(0)).joints)


def test_a_mixed_batch_holds_all_three_kinds(scenes, renderer):
    samples = stored(scenes[:3], renderer)
    sampler = SceneSampler(default_hand(), CATALOGUE, config=HOLDING)
    settings = SynthesisSettings(64)
    real = CropDataset(samples, CATALOGUE, 64, NO_AUGMENTATION)
    views = SyntheticCrops(RenderedViews(samples, CATALOGUE, renderer, size=SMALL), CATALOGUE, settings)
    grasps = SyntheticCrops(RenderedGrasps(sampler, CATALOGUE, renderer, 2, size=SMALL), CATALOGUE, settings)
    parts = [real, views, grasps]
    mixture = MixtureSampler([len(part) for part in parts], [0.4, 0.4, 0.2], batch_size=5, seed=0, first_step=3)
    loader = DataLoader(MixedDataset(parts), batch_sampler=mixture, collate_fn=collate)
    batch = next(iter(loader))
    assert batch.images.shape == (5, 3, 64, 64)
    for row, (kind, epoch, index) in enumerate(mixture.batch(3)):
        np.testing.assert_array_equal(batch.images[row], parts[kind][epoch, index].images)
    assert {kind for kind, _, _ in mixture.batch(3)} == {0, 1, 2}


def test_rendered_images_get_the_papers_photometric_ranges():
    assert RENDERED_AUGMENTATION.contrast_range == RENDERED_AUGMENTATION.brightness_range == (0.5, 1.5)
    assert RENDERED_AUGMENTATION.blur_sigma_range == (0.1, 1.0)
    assert RENDERED_AUGMENTATION.blur_probability == 1.0
