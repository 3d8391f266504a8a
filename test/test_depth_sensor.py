"""The depth camera model: what its parameters say is what comes out."""

import dataclasses

import numpy as np
import pytest

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.synthetic.depth_sensor import DepthSensor, DepthSensorConfig

CAMERA = Camera(np.array([[500.0, 0, 159.5], [0, 500.0, 119.5], [0, 0, 1]]), 320, 240)
CLEAN = DepthSensorConfig(speckle=0.0, edge_holes=0.0, quantum=1e-6)


def measure(depth: np.ndarray, config: DepthSensorConfig, seed: int = 0) -> np.ndarray:
    return DepthSensor(config).measure(depth.astype(np.float32), CAMERA, np.random.default_rng(seed))


def flat(distance: float) -> np.ndarray:
    return np.full((240, 320), distance)


@pytest.mark.parametrize("distance", [0.4, 1.0, 2.0])
def test_noise_grows_with_the_square_of_the_distance(distance: float) -> None:
    measured = measure(flat(distance), CLEAN)
    assert np.mean(measured) == pytest.approx(distance, abs=1e-3)
    assert np.std(measured - distance) == pytest.approx(CLEAN.noise_at_one_metre * distance**2, rel=0.1)


def test_depth_comes_in_steps() -> None:
    measured = measure(flat(0.5), DepthSensorConfig(quantum=0.004))
    steps = measured[measured > 0] / 0.004
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert len(np.unique(measured)) < 10


def test_holes_lie_beside_edges_only() -> None:
    depth = flat(0.8)
    depth[80:160, 100:220] = 0.5
    measured = measure(depth, dataclasses.replace(CLEAN, edge_holes=0.6, grazing_angle=0.001))
    rows, columns = np.nonzero(measured == 0)
    beside_rows = np.minimum(np.abs(rows - 79.5), np.abs(rows - 159.5)) < 3
    beside_columns = np.minimum(np.abs(columns - 99.5), np.abs(columns - 219.5)) < 3
    assert (beside_rows | beside_columns).all()
    band = 4 * 2 * (80 + 120)
    assert 0.5 * 0.6 < len(rows) / band < 1.2 * 0.6


def test_slanted_surfaces_are_lost_at_the_grazing_angle() -> None:
    x = (np.arange(320) - 159.5) / 500
    for angle, is_seen in ((0.3, True), (0.1, False)):
        # A plane through (0, 0, 1) whose angle with the optical axis is ``angle``.
        depth = np.broadcast_to(1 / (1 - x / np.tan(angle)), (240, 320))[:, 150:170]
        around = np.full((240, 320), 1.0)
        around[:, 150:170] = depth
        measured = measure(around, dataclasses.replace(CLEAN, noise_at_one_metre=0.0))
        assert (measured[50:200, 158:162] > 0).all() == is_seen


def test_empty_space_shows_the_wall_or_nothing() -> None:
    assert np.mean(measure(flat(0.0), CLEAN)) == pytest.approx(CLEAN.wall, abs=1e-3)
    assert (measure(flat(0.0), dataclasses.replace(CLEAN, wall=0.0)) == 0).all()
    assert (measure(flat(9.0), CLEAN) == 0).all()


def test_depth_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected shape"):
        DepthSensor().measure(np.ones((10, 10), np.float32), CAMERA, np.random.default_rng(0))
