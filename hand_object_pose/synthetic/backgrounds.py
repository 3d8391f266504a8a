"""What lies behind the hand: pictures from a directory, or procedural ones."""

from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UserError
from hand_object_pose.synthetic.background_painters import compose_background, paint_surface

Picture = NDArray[np.uint8]

_PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_SURFACE_SEED = 20240229


class Backgrounds(Protocol):
    """Something that has a picture for every seed."""

    def picture(self, seed: int) -> Picture:
        """The square sRGB picture (S, S, 3) uint8 of a seed, always the same for the same seed."""
        ...


class ProceduralBackgrounds:
    """Painted backgrounds: gradients, clouds, tables and walls, clutter, stripes, shelves, text, and mixtures of these.

    They are composed from surfaces which are painted when first needed and then kept, because painting takes longer
    than rendering the scene in front.
    """

    def __init__(self, size: int = 256, num_surfaces: int = 160) -> None:
        """Pictures of ``size`` pixels from ``num_surfaces`` surfaces (0.2 MB each)."""
        self._size, self._num_surfaces = size, num_surfaces
        self._surface = lru_cache(maxsize=None)(self._paint_surface)
        self._remembered = lru_cache(maxsize=4)(self._compose)

    def picture(self, seed: int) -> Picture:
        """See ``Backgrounds``."""
        return self._remembered(seed)

    def _compose(self, seed: int) -> Picture:
        rng = np.random.default_rng(seed)
        chosen = rng.integers(self._num_surfaces, size=2 if rng.random() < 0.35 else 1)
        return compose_background(rng, [self._surface(int(index)) for index in chosen])

    def _paint_surface(self, index: int) -> Picture:
        return paint_surface(np.random.default_rng((index, _SURFACE_SEED)), self._size)

    def __reduce__(self) -> tuple[type, tuple[int, int]]:
        """Worker processes get an empty memory."""
        return ProceduralBackgrounds, (self._size, self._num_surfaces)


class PictureBackgrounds:
    """Square cut-outs of the pictures in a directory and its subdirectories."""

    def __init__(self, directory: Path, size: int = 480) -> None:
        """Find the pictures.

        Raises:
            UserError: if the directory holds none.
        """
        found = Path(directory).rglob("*")
        self._paths = sorted(path for path in found if path.suffix.lower() in _PICTURE_SUFFIXES)
        self._directory, self._size = Path(directory), size
        if not self._paths:
            raise UserError(
                f"background directory {directory}: expected pictures ({', '.join(_PICTURE_SUFFIXES)}), found none; "
                "give another directory, or none for procedural backgrounds"
            )
        self._remembered = lru_cache(maxsize=4)(self._load)

    def picture(self, seed: int) -> Picture:
        """See ``Backgrounds``.

        Raises:
            UserError: if the picture cannot be read.
        """
        return self._remembered(seed)

    def _load(self, seed: int) -> Picture:
        rng = np.random.default_rng(seed)
        path = self._paths[rng.integers(len(self._paths))]
        loaded = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if loaded is None:
            raise UserError(f"background picture {path}: expected an image that OpenCV reads; remove or replace it")
        picture = np.asarray(loaded, dtype=np.uint8)
        side = int(min(picture.shape[:2]) * rng.uniform(0.5, 1.0))
        top, left = (rng.integers(0, length - side + 1) for length in picture.shape[:2])
        cut = cv2.cvtColor(picture[top : top + side, left : left + side], cv2.COLOR_BGR2RGB)
        if rng.random() < 0.5:
            cut = cut[:, ::-1]
        resized = cv2.resize(np.ascontiguousarray(cut), (self._size, self._size), interpolation=cv2.INTER_AREA)
        return np.asarray(resized, dtype=np.uint8)

    def __reduce__(self) -> tuple[type, tuple[Path, int]]:
        """Worker processes get an empty memory."""
        return PictureBackgrounds, (self._directory, self._size)
