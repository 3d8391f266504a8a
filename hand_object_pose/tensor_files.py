"""Safetensors files that appear when they are whole, and that others may read."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> None:
    """Write a file that appears under its name only when it is whole; one that was there before stays until then.

    Raises:
        OSError, SafetensorError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.touch()
        # safetensors leaves a file to its owner alone; this one may be read by whom the umask allows.
        permissions = unfinished.stat().st_mode
        ordered = {name: np.asarray(array, order="C") for name, array in tensors.items()}
        save_file(ordered, str(unfinished), metadata=None if metadata is None else dict(metadata))
        unfinished.chmod(permissions)
        unfinished.replace(path)
    finally:
        with suppress(OSError):
            unfinished.unlink()
