"""Nested lists of numbers in JSON files of many million numbers, such as HO3D's ground truth."""

import math
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_object_pose_training.datasets.problems import damaged, read_bytes

_BRACKETS = bytes.maketrans(b"[]\n\r\t", b"     ")


def read_number_list(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The numbers of nested lists of ``shape``.

    Raises:
        FileProblemError: the file is missing, or does not hold as many numbers.
    """
    return number_list(read_bytes(path), shape, path)


def number_list(text: bytes, shape: tuple[int, ...], path: Path) -> NDArray[np.float32]:
    """The same of a text that was read from ``path``.

    Python objects of that many numbers would take gigabytes; here the text is parsed as one row of numbers.

    Raises:
        FileProblemError: it does not hold as many numbers.
    """
    text = text.translate(_BRACKETS, delete=b" ")
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            numbers = np.fromstring(text.decode("ascii"), sep=",", dtype=np.float32)
        except (DeprecationWarning, ValueError) as error:
            raise damaged(path, f"expected nested lists of numbers ({error})") from error
    if numbers.size != math.prod(shape):
        listed = " x ".join(map(str, shape))
        raise damaged(path, f"expected {listed} numbers, found {numbers.size}")
    return numbers.reshape(shape)
