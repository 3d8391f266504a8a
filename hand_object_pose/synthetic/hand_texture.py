"""Photographed skin for rendered hands: textures of the HTML model, from its user's own files.

HTML (Qian et al., ECCV 2020) may not be redistributed; without it, hands are painted (``skin``). Its pickles are read
without executing anything they hold.
"""

from functools import lru_cache
from itertools import permutations
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import IntArray
from hand_object_pose.errors import UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.restricted_pickle import load_restricted_pickle
from hand_object_pose.synthetic.colour import linear_of_bytes
from hand_object_pose.synthetic.textured_mesh import sample_texture

FloatArray = NDArray[np.float32]

_SIDE = 1024
_BORDER = 1e-6
_HOW_TO_GET_IT = (
    "HTML may not be redistributed: register at https://handtracker.mpi-inf.mpg.de/projects/HandTextureModel and give "
    "the paths of its model.pkl and uvs.pkl; without them, hands are painted"
)


class HandTextures(Protocol):
    """Something that knows a skin colour for every point of a hand, and a different skin for every seed."""

    def colours(self, seed: int, face: IntArray, barycentric: FloatArray) -> FloatArray:
        """Linear RGB (N, 3) at points of faces (N,) of the hand model with barycentric coordinates (N, 3)."""
        ...


class HtmlTextures:
    """Random textures of the HTML model on a hand of MANO's topology.

    A texture is the mean plus the basis times random coefficients: positions in a flat picture of 1024 columns by 1024
    rows by three colours, columns first, as its authors' code unfolds it.
    """

    def __init__(self, hand: HandModel, model: Path, uvs: Path, spread: float = 1.0) -> None:
        """Read the files.

        Args:
            hand: of MANO's topology, of either side.
            model: HTML's ``model.pkl``; uvs: its ``uvs.pkl``.
            spread: standard deviation of the coefficients, in units of the basis.

        Raises:
            ForeignDataError: a file asks for something that reading data never needs.
            UserError: a file is missing, is something else, or belongs to another topology than the hand's.
        """
        self._files, self._spread = (model, uvs), spread
        content = _entries(model, ("mean", "basis", "index_map"))
        self._mean, self._basis = (np.asarray(content[key], dtype=np.float32) for key in ("mean", "basis"))
        self._mean = self._mean.ravel()
        self._places = np.asarray(content["index_map"]).astype(np.int64).ravel()
        self._check_model(model)
        self._corner_uv = _corner_uv(hand, uvs)
        self._remembered = lru_cache(maxsize=4)(self._texture)

    def colours(self, seed: int, face: IntArray, barycentric: FloatArray) -> FloatArray:
        """See ``HandTextures``."""
        uv = np.einsum("nk,nkc->nc", barycentric, self._corner_uv[face])
        # A hand's texture does not repeat: its border is not that of the opposite side.
        return linear_of_bytes(sample_texture(self.texture(seed), np.clip(uv, _BORDER, 1 - _BORDER)))

    def texture(self, seed: int) -> NDArray[np.uint8]:
        """The picture (1024, 1024, 3) sRGB of a seed, always the same for the same seed."""
        return self._remembered(seed)

    def _texture(self, seed: int) -> NDArray[np.uint8]:
        coefficients = self._spread * np.random.default_rng(seed).standard_normal(self._basis.shape[1])
        flat = np.zeros(3 * _SIDE * _SIDE, dtype=np.float32)
        flat[self._places] = self._mean + self._basis @ np.asarray(coefficients, dtype=np.float32)
        picture = flat.reshape(3, _SIDE, _SIDE).transpose(2, 1, 0)
        return np.ascontiguousarray(np.clip(picture + 0.5, 0, 255).astype(np.uint8))

    def _check_model(self, path: Path) -> None:
        count = len(self._mean)
        fits = self._basis.ndim == 2 and len(self._basis) == count == len(self._places)
        inside = count > 0 and self._places.min() >= 0 and self._places.max() < 3 * _SIDE * _SIDE
        if not (fits and inside and np.isfinite(self._mean).all() and np.isfinite(self._basis).all()):
            raise UserError(
                f"{path}: expected mean (N,), basis (N, K) and index_map (N,) into 3 x {_SIDE} x {_SIDE} places, found "
                f"{self._mean.shape}, {self._basis.shape} and {self._places.shape}. {_HOW_TO_GET_IT}"
            )


def _entries(path: Path, keys: tuple[str, ...]) -> dict[str, object]:
    if not path.is_file():
        raise UserError(f"{path}: no such file. {_HOW_TO_GET_IT}")
    content = load_restricted_pickle(path)
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise UserError(
            f"{path}: expected a file of the HTML model, but it lacks {', '.join(missing)}. {_HOW_TO_GET_IT}"
        )
    return dict(content)


def _corner_uv(hand: HandModel, path: Path) -> FloatArray:
    """Texture coordinates (1538, 3, 2) of the corners of the hand's faces, v upwards."""
    content = _entries(path, ("faces_uvs", "verts_uvs"))
    faces = np.asarray(content["faces_uvs"]).astype(np.int64)
    points = np.asarray(content["verts_uvs"], dtype=np.float32)
    fits = faces.shape == hand.faces.shape and points.ndim == 2 and points.shape[1] == 2
    if not fits or faces.min() < 0 or faces.max() >= len(points):
        raise UserError(f"{path}: expected faces_uvs {hand.faces.shape} into verts_uvs (M, 2), found {faces.shape}")
    # The left hand's faces are the right one's with two corners exchanged, so that they show their outside.
    for order in permutations(range(3)):
        if _is_one_to_one(faces[:, order], np.asarray(hand.faces)):
            return points[faces[:, order]]
    raise UserError(
        f"{path}: its faces are not those of the hand '{hand.name}': one texture point would lie at several vertices. "
        "HTML fits MANO's hands only"
    )


def _is_one_to_one(uv_faces: IntArray, faces: IntArray) -> bool:
    """Whether every texture point belongs to one vertex; a vertex on a seam has several points."""
    pairs = np.unique(np.stack([uv_faces.ravel(), faces.ravel()], axis=1), axis=0)
    return len(np.unique(pairs[:, 0])) == len(pairs)
