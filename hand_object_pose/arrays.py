"""Types of arrays, and functions for NumPy's and PyTorch's from one source.

The library is picked from the argument, never imported here. PyTorch accepts NumPy's names (``axis``, ``keepdims``,
``concatenate``), so that most functions need nothing else.
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]

Array = Any
"""A NumPy array or a PyTorch tensor."""


def is_torch(array: Array) -> bool:
    """Whether the argument is a PyTorch tensor, decided without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def namespace(array: Array) -> Any:
    """The module, ``numpy`` or ``torch``, that computes with the argument."""
    return sys.modules["torch"] if is_torch(array) else np


def as_like(values: Any, like: Array) -> Array:
    """``values`` as an array of the library, dtype and device of ``like``."""
    if is_torch(like):
        return sys.modules["torch"].as_tensor(values, dtype=like.dtype, device=like.device)
    return np.asarray(values, dtype=like.dtype)
