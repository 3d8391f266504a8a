"""The fits to collected errors recover distributions that are known, heteroscedastic, and of the right shape."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2, norm, spearmanr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from hand_fitting import fit_hand_model
from sigma_fitting import FitSettings, fit_sigma_model

COUNT = 600


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_scales_that_grow_with_a_feature_are_found(rng: np.random.Generator) -> None:
    """A third feature says nothing; the axes differ by constant factors; the second object errs twice as much."""
    features, objects = rng.normal(size=(COUNT, 3)), np.eye(2)[rng.integers(0, 2, COUNT)]
    factors = np.array([1.0, 0.5, 2.0, 1.0, 1.0, 3.0]) * np.repeat([0.01, 0.2], 3)
    true = np.exp(0.7 * features[:, :1] + 0.4 * np.abs(features[:, 1:2])) * (1 + objects[:, 1:]) * factors
    settings = FitSettings(floors=(1e-6, 1e-6))
    half = COUNT // 2
    model = fit_sigma_model(features[:half], objects[:half], rng.normal(0, true[:half]), settings)
    found = model.sigmas(features[half:], objects[half:])
    ratio = np.log(found / true[half:])
    assert np.abs(ratio).mean() < 0.3
    assert np.abs(ratio.mean(axis=0)).max() < 0.2
    scores = np.abs(rng.normal(0, true[half:])) / found
    for share, within in ((0.68, 0.1), (0.95, 0.04)):
        np.testing.assert_allclose((scores < norm.ppf(0.5 + share / 2)).mean(axis=0), share, atol=within)
    assert spearmanr(found[:, 0], true[half:, 0]).statistic > 0.9


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
