"""Where derived data (resampled meshes, distance grids) is kept between runs."""

import os
from pathlib import Path


def default_cache_directory() -> Path:
    """``$HAND_OBJECT_POSE_CACHE``, else ``hand_object_pose`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    chosen = os.environ.get("HAND_OBJECT_POSE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hand_object_pose"
