"""NumPy archives that other processes read and write at the same time, and that may be cut short."""

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

UNREADABLE = (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises on a file that is missing, cut short, or not what was expected."""


def write_npz(path: Path, **arrays: Any) -> None:
    """Write a compressed npz file that appears under its name only when it is whole.

    Raises:
        OSError: the directory cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Processes that share a cache write the same file at the same time.
    unfinished = path.with_name(f"{path.stem}.{os.getpid()}.partial.npz")
    try:
        np.savez_compressed(unfinished, **arrays)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
