"""The fits to collected errors recover distributions that are known, heteroscedastic, and of the right shape."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.spatial.transform import Rotation
from scipy.stats import chi2, norm, spearmanr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from covariance_fitting import Cases, FitSettings, fit_covariance_model
from hand_fitting import fit_hand_model
from level_fitting import cost, fit_kernel
from region_fitting import HalfErrors, fit_corrections, region_loss

COUNT = 2400


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_scales_that_grow_with_a_feature_are_found(rng: np.random.Generator) -> None:
    """A third feature says nothing; the axes differ by constant factors; the second object errs twice as much."""
    features, objects = rng.normal(size=(COUNT, 3)), np.eye(2)[rng.integers(0, 2, COUNT)]
    factors = np.array([1.0, 0.5, 2.0, 1.0, 1.0, 3.0]) * np.repeat([0.01, 0.2], 3)
    true = np.exp(0.7 * features[:, :1] + 0.4 * np.abs(features[:, 1:2])) * (1 + objects[:, 1:]) * factors
    settings = FitSettings(floors=(1e-6, 1e-6), kernel_scenes=400)
    cases = Cases(features, objects, np.tile(np.eye(6), (COUNT, 1, 1)), rng.normal(0, true))
    first, second = (
        Cases(*(values[part] for values in vars(cases).values())) for part in (slice(0, 800), slice(800, 1600))
    )
    model = fit_covariance_model(first, second, settings)
    features, objects, true = features[1600:], objects[1600:], true[1600:]
    found = np.sqrt(np.einsum("nii->ni", model.covariances(features, objects, cases.axes[1600:])))
    ratio = np.log(found / true)
    assert np.abs(ratio).mean() < 0.3
    assert np.abs(ratio.mean(axis=0)).max() < 0.2
    scores = np.abs(rng.normal(0, true)) / found
    for share, within in ((0.68, 0.1), (0.95, 0.04)):
        np.testing.assert_allclose((scores < norm.ppf(0.5 + share / 2)).mean(axis=0), share, atol=within)
    assert spearmanr(found[:, 0], true[:, 0]).statistic > 0.9


def test_hands_and_vertices_that_err_more_are_found(rng: np.random.Generator) -> None:
    features = rng.normal(size=(COUNT, 3))
    vertices = np.exp(np.linspace(-0.5, 0.5, 40))
    true = 0.01 * np.exp(0.5 * features[:, :1] - 0.2 * features[:, 1:2] + 0.1 * features[:, 1:2] ** 2) * vertices
    distances = np.linalg.norm(rng.normal(0, true[..., None], (*true.shape, 3)), axis=2)
    half = COUNT // 2
    found = fit_hand_model(features[:half], distances[:half]).sigmas(features[half:])
    assert np.quantile(np.abs(np.log(found / true[half:])), 0.95) < 0.35
    assert np.abs(np.log(found / true[half:])).mean() < 0.12
    for share in (0.68, 0.95):
        held = (distances[half:] < found * np.sqrt(chi2.ppf(share, 3))).mean()
        assert held == pytest.approx(share, abs=0.03)


def test_the_kernel_learns_which_inputs_matter(rng: np.random.Generator) -> None:
    inputs = rng.normal(size=(300, 5))
    targets = np.stack([np.sin(2 * inputs[:, 0]), np.cos(2 * inputs[:, 0])], axis=1) + rng.normal(0, 0.2, (300, 2))
    found = fit_kernel(inputs, targets)
    assert found.relevance[0] > 5 * found.relevance[1:].max()
    assert found.noise < 0.2


def test_gradient_of_the_marginal_likelihood_by_finite_differences(rng: np.random.Generator) -> None:
    inputs, targets, values = rng.normal(size=(20, 3)), rng.normal(size=(20, 2)), rng.normal(0, 0.3, 5)
    expected = approx_fprime(values, lambda at: cost(at, inputs, targets)[0], 1e-7)
    np.testing.assert_allclose(cost(values, inputs, targets)[1], expected, atol=1e-5)


def turned_errors(rng: np.random.Generator, count: int, sigmas: np.ndarray, ellipsoid: float) -> HalfErrors:
    """Independent about axes that are turned at random, and corrected about others."""
    own, axes = (Rotation.random(count, rng).as_matrix() for _ in range(2))
    errors = np.einsum("nij,nj->ni", own, rng.normal(size=(count, 3)) * sigmas)
    between = axes.transpose(0, 2, 1) @ own
    covariances = np.einsum("nij,j,nkj->nik", between, np.square(sigmas), between)
    return HalfErrors(errors, axes, covariances, ellipsoid)


@pytest.mark.parametrize("ellipsoid", [0.0, 3.0])
def test_gradient_of_the_regions_by_finite_differences(rng: np.random.Generator, ellipsoid: float) -> None:
    errors, added = turned_errors(rng, 7, np.array([0.01, 0.02, 0.03]), ellipsoid), rng.normal(0, 0.5, (7, 3))
    expected = approx_fprime(added.ravel(), lambda at: region_loss(at.reshape(7, 3), errors, 0.1)[0], 1e-7)
    np.testing.assert_allclose(region_loss(added, errors, 0.1)[1].ravel(), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("ellipsoid", [0.0, 3.0])
def test_corrections_find_how_wrong_the_sizes_about_each_axis_are(rng: np.random.Generator, ellipsoid: float) -> None:
    errors = turned_errors(rng, 4000, np.array([0.01, 0.02, 0.04]), ellipsoid)
    wrong = np.array([0.5, 1.0, 2.0])
    sized = replace(errors, covariances=errors.covariances * np.outer(wrong, wrong))
    weights = fit_corrections([np.ones((4000, 1))] * 3, sized, 1e4)
    factors = wrong * np.exp(np.concatenate(weights))
    np.testing.assert_allclose(factors, 1.0, atol=0.05)


def test_the_ellipsoid_is_sized_where_the_axes_alone_would_not_be(rng: np.random.Generator) -> None:
    """Two axes that err together, of which the covariance knows nothing: each is right, and the ellipsoid is not."""
    shared = rng.normal(size=(4000, 1))
    many = np.tile(np.eye(3), (4000, 1, 1))
    errors = HalfErrors(shared * np.array([0.01, 0.01, 0.01]), many, 1e-4 * many, 0.0)
    bases = [np.ones((4000, 1))] * 3
    alone, together = (
        float(np.concatenate(fit_corrections(bases, replace(errors, ellipsoid=weight), 0.0)).mean())
        for weight in (0.0, 20.0)
    )
    assert alone == pytest.approx(0.0, abs=0.08)
    assert together > alone + 0.05


def test_steps_rise_where_many_values_are_equal(rng: np.random.Generator) -> None:
    """As where a quarter of the images show no coloured vertex: quantiles of that feature are equal."""
    features = rng.normal(size=(600, 2)).clip(min=[-0.4, -9])
    cases = Cases(features, np.ones((600, 1)), np.tile(np.eye(6), (600, 1, 1)), rng.normal(size=(600, 6)))
    model = fit_covariance_model(cases, cases, FitSettings(others=(0,), kernel_scenes=50))
    assert (np.diff(model.steps) > 0).all()
    rounded = replace(model, steps=model.steps.astype(np.float32).astype(float))
    expected, found = (each.covariances(features, cases.objects, cases.axes) for each in (model, rounded))
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-9)
