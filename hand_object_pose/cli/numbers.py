"""Numbers as people type them: lists such as ``fx,fy,cx,cy``, and those that must lie within bounds."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UserError

LARGEST_DOMAIN = 232
"""Of ROS: the ports of larger ones do not exist."""


def numbers(option: str, text: str, counts: Sequence[int], form: str) -> list[float]:
    """The numbers of an option.

    Args:
        option: its name; text: what was typed; counts: how many there may be; form: what is expected, in words.

    Raises:
        UserError: another count, or something that is no finite number.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) not in counts or not np.isfinite(found).all():
        raise UserError(f"{option}: expected {form}, found '{text}'")
    return found


def camera_matrix(text: str) -> NDArray[np.floating]:
    """K (3, 3) of ``--camera fx,fy,cx,cy``, pixels.

    Raises:
        UserError: not four numbers, or a focal length that is not positive.
    """
    fx, fy, cx, cy = numbers("--camera", text, (4,), "four numbers fx,fy,cx,cy in pixels")
    if fx <= 0 or fy <= 0:
        raise UserError(f"--camera: expected positive focal lengths, found fx={fx:g}, fy={fy:g}")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


def check_range(option: str, value: float | None, low: float, high: float = math.inf, unit: str = "") -> None:
    """Refuse a number outside of ``low`` to ``high``, both allowed; None, an option that was not given, passes.

    Raises:
        UserError: it is outside, or no number.
    """
    if value is not None and not low <= value <= high:
        wanted = f"at least {low:g}" if high == math.inf else f"{low:g} to {high:g}"
        raise UserError(f"{option}: expected {wanted}{unit and ' ' + unit}, found {value:g}")
