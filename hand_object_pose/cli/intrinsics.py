"""Numbers in options of the command line, such as a camera's intrinsics."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UserError

FloatArray = NDArray[np.floating]


def numbers(option: str, text: str, counts: Sequence[int], form: str) -> list[float]:
    """Finite numbers between commas.

    Args:
        option: what the command calls it; form: what is expected, for messages.
        text: such as ``610,610,320,240``.
        counts: how many numbers there may be.

    Raises:
        UserError: it is something else.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) not in counts or not np.isfinite(found).all():
        raise UserError(f"{option}: expected {form}, found '{text}'")
    return found


def camera_matrix(text: str) -> FloatArray:
    """K (3, 3) in pixels of ``fx,fy,cx,cy``, the option ``--camera``.

    Raises:
        UserError: it is something else.
    """
    fx, fy, cx, cy = numbers("--camera", text, (4,), "four numbers fx,fy,cx,cy in pixels")
    if fx <= 0 or fy <= 0:
        raise UserError(f"--camera: expected positive focal lengths, found fx={fx:g}, fy={fy:g}")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
