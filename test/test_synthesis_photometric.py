"""Photometric augmentation against OpenCV-free references: SciPy's blur, the definitions of contrast and brightness."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage, stats

from hand_object_pose_training.augmentation import NO_AUGMENTATION, photometric
from hand_object_pose_training.synthetic_crops import RENDERED_AUGMENTATION

# Away from black and white, so that nothing is clipped.
PICTURE = np.random.default_rng(0).integers(96, 160, (48, 48, 3), dtype=np.uint8)


def applied(rng, picture=PICTURE, **changes):
    return photometric(replace(NO_AUGMENTATION, **changes), picture, rng).astype(np.float64)


def test_nothing_changes_without_augmentation():
    np.testing.assert_allclose(applied(np.random.default_rng(0)), PICTURE / 255, atol=1e-7)


def test_brightness_multiplies_and_contrast_stretches_about_the_mean_uniformly_in_the_papers_range():
    scaled = PICTURE / 255
    rng = np.random.default_rng(1)
    brightness = np.array([applied(rng, brightness_range=(0.5, 1.5)).mean() for _ in range(400)]) / scaled.mean()
    contrasts = []
    for _ in range(400):
        image = applied(rng, contrast_range=(0.5, 1.5))
        assert image.mean() == pytest.approx(scaled.mean(), abs=1e-5)
        contrasts.append(image.std() / scaled.std())
    for factors in (brightness, np.array(contrasts)):
        assert factors.min() > 0.5
        assert factors.max() < 1.5
        assert stats.kstest(factors, "uniform", (0.5, 1.0)).pvalue > 0.01


def test_blur_is_gaussian_with_sigmas_in_the_papers_range():
    impulse = np.zeros((31, 31, 3), dtype=np.uint8)
    impulse[15, 15] = 255
    sigmas = []
    for seed in range(60):
        image = applied(np.random.default_rng(seed), impulse, blur_sigma_range=(0.1, 1.0), blur_probability=1.0)[..., 0]
        assert image.sum() == pytest.approx(1, abs=1e-3)
        middle = image[15, 14:17]
        # Neighbours of a sampled Gaussian are exp(-1 / (2 sigma^2)) of its middle.
        sigmas.append(np.sqrt(-0.5 / np.log(max(middle[0] / middle[1], 1e-30))))
    assert 0.08 < min(sigmas) < 0.3
    assert 0.8 < max(sigmas) < 1.01
    seed = int(np.argmax(sigmas))
    image = applied(np.random.default_rng(seed), impulse, blur_sigma_range=(0.1, 1.0), blur_probability=1.0)[..., 0]
    np.testing.assert_allclose(
        image, ndimage.gaussian_filter(impulse[..., 0] / 255.0, sigmas[seed], truncate=6), atol=5e-3
    )


def test_rendered_images_are_always_blurred_and_stay_images():
    step = np.zeros((64, 64, 3), dtype=np.uint8)
    step[:, 32:] = 200
    plain = replace(RENDERED_AUGMENTATION, erase_probability=0.0, border_probability=0.0, noise_sigma=0.0)
    for seed in range(20):
        image = photometric(plain, step, np.random.default_rng(seed))
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1
    sharp = photometric(replace(plain, blur_probability=0.0), step, np.random.default_rng(1))
    soft = photometric(plain, step, np.random.default_rng(1))
    assert np.abs(np.diff(soft[..., 0], axis=1)).max() < np.abs(np.diff(sharp[..., 0], axis=1)).max()
