"""Numbers on the command line that cannot be are refused before any work begins, by the option's name."""

import math

import numpy as np
import pytest

from hand_object_pose.cli.main import main
from hand_object_pose.cli.numbers import camera_matrix, check_range, numbers
from hand_object_pose.errors import UserError

BAG = "a_bag"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["synthesize-bag", "--out", BAG, "--frames", "-2"], "--frames: expected at least 0, found -2"),
        (["synthesize-bag", "--out", BAG, "--seed", "-1"], "--seed: expected at least 0, found -1"),
        (["synthesize-bag", "--out", BAG, "--rate", "nan"], "--rate: expected at least 0, found nan"),
        (["demo", "--bag", BAG, "--domain-id", "500"], "--domain-id: expected 0 to 232, found 500"),
        (["demo", "--bag", BAG, "--duration", "-4"], "--duration: expected at least 0 seconds, found -4"),
        (["evaluate-bag", BAG, "--live", "--domain-id", "-1"], "--domain-id: expected 0 to 232, found -1"),
        (["evaluate-bag", BAG, "--truth-tolerance", "-1"], "--truth-tolerance: expected at least 0 seconds, found -1"),
        (["calibrate", BAG, "--every", "0"], "--every: expected at least 1, found 0"),
    ],
)
def test_impossible_numbers_are_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"hand-object-pose {arguments[0]}: {words}\n"


def test_bounds_are_allowed_and_options_that_were_not_given_pass() -> None:
    for value in (None, 0.0, 232.0):
        check_range("--domain-id", value, 0, 232)
    for value in (-0.1, 232.1, math.nan):
        with pytest.raises(UserError):
            check_range("--domain-id", value, 0, 232)


def test_lists_are_read_and_others_refused() -> None:
    np.testing.assert_array_equal(camera_matrix("600,610,320,240.5"), [[600, 0, 320], [0, 610, 240.5], [0, 0, 1]])
    assert numbers("--box", "1,2", (2, 3), "two or three") == [1, 2]
    for text in ("1", "1,2,3,4", "1,x", "1,inf", ""):
        with pytest.raises(UserError, match="--box: expected two or three, found"):
            numbers("--box", text, (2, 3), "two or three")
