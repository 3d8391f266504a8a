"""The words over a picture can be read on any ground: white letters, each with a black border of its own."""

import numpy as np
import pytest
from scipy import ndimage

from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.drawing.overlay import draw_estimates
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.hand.default_hand import default_hand

CAMERA = Camera(np.array([[300.0, 0, 159.5], [0, 300.0, 19.5], [0, 0, 1]]), 320, 40)
GROUND = 128


def drawn(*reasons: str) -> np.ndarray:
    ground = np.full((40, 320, 3), GROUND, np.uint8)
    pairs = [HandObjectEstimate(number, False, reason, 0.0) for number, reason in enumerate(reasons)]
    return draw_estimates(ground, CAMERA, pairs, default_hand("right"), {})[..., 0].astype(int)


def test_black_lies_around_white_letters_and_nowhere_else() -> None:
    picture = drawn("a long reason, 0.123 456")
    white, black = picture > 160, picture < 60
    assert white.sum() > 100
    near = ndimage.binary_dilation(white, iterations=2, structure=np.ones((3, 3), bool))
    assert black.sum() > white.sum()
    assert near[black].all()
    # No letter touches the ground: its border is darker than that.
    border = ndimage.binary_dilation(white, structure=np.ones((3, 3), bool)) & ~white
    assert np.mean(picture[border] < GROUND) > 0.8


@pytest.mark.parametrize("count", [1, 2])
def test_each_hand_has_a_line_of_its_own(count: int) -> None:
    rows = np.flatnonzero((drawn(*["bh"] * count) > 200).any(axis=1))
    assert 1 + np.count_nonzero(np.diff(rows) > 1) == count
