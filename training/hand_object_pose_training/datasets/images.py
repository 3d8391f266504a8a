"""Image files of datasets: colour, the ways depth is stored, and masks, checked as they are read."""

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.npz_files import UNREADABLE
from hand_object_pose_training.datasets.problems import damaged, read_bytes

UInt8Image = NDArray[np.uint8]
DepthImage = NDArray[np.float32]

HO3D_DEPTH_SCALE = 0.00012498664727900177
"""Metres a unit of HO3D's 16-bit depth."""

_PNG_START, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
# Some cameras' JPEG files have some bytes after their end marker.
_TRAILER = 1024


def read_image(path: Path) -> UInt8Image:
    """A colour image (H, W, 3), RGB.

    Raises:
        FileProblemError: it is missing, cut short or no image.
    """
    return np.ascontiguousarray(_decoded(path, cv2.IMREAD_COLOR)[..., ::-1])


def read_depth(path: Path, encoding: str) -> DepthImage:
    """Depth (H, W) in metres along the optical axis, 0 where nothing was measured; ``encoding`` of DEPTH_ENCODINGS.

    Raises:
        FileProblemError: it is missing, cut short or no depth image of this encoding.
    """
    return DEPTH_ENCODINGS[encoding](path)


def read_mask(path: Path, encoding: str, values: tuple[int, int]) -> UInt8Image:
    """(H, W) with 1 on the object, 2 on the hand, 0 elsewhere, of a file of one of MASK_ENCODINGS.

    Args:
        path: the file; encoding: how it is stored.
        values: what it holds on the object and on the hand.

    Raises:
        FileProblemError: it is missing, cut short or no mask.
    """
    raw = MASK_ENCODINGS[encoding](path)
    mask = np.zeros(raw.shape, dtype=np.uint8)
    for label, value in enumerate(values, start=1):
        mask[raw == value] = label
    return mask


def check_ends(path: Path) -> None:
    """Whether a PNG or JPEG file begins and ends as it must, which a file cut short does not; cheap.

    Raises:
        FileProblemError: it does not.
    """
    _whole(path)


def encode_ho3d_depth(depth: DepthImage) -> UInt8Image:
    """HO3D's three channels (H, W, 3), RGB, of a depth (H, W) in metres: low byte, high byte, 0."""
    raw = np.clip(np.round(np.asarray(depth, dtype=np.float64) / HO3D_DEPTH_SCALE), 0, 65535).astype(np.uint16)
    return np.stack([raw & 255, raw >> 8, np.zeros_like(raw)], axis=-1).astype(np.uint8)


def encode_millimetres(depth: DepthImage) -> NDArray[np.uint16]:
    """Depth (H, W) in metres as 16-bit millimetres."""
    return np.clip(np.round(depth * 1000), 0, 65535).astype(np.uint16)


def _read_ho3d_depth(path: Path) -> DepthImage:
    blue_green_red = _decoded(path, cv2.IMREAD_UNCHANGED)
    if blue_green_red.ndim != 3 or blue_green_red.dtype != np.uint8:
        raise damaged(path, f"expected depth in 3 channels of 8 bits, found {_kind(blue_green_red)}")
    # Widened before multiplying: a byte times 256 wraps, or is refused by NumPy 2.
    raw = blue_green_red[..., 2].astype(np.uint32) + 256 * blue_green_red[..., 1].astype(np.uint32)
    return (raw * HO3D_DEPTH_SCALE).astype(np.float32)


def _read_millimetres(path: Path) -> DepthImage:
    raw = _decoded(path, cv2.IMREAD_UNCHANGED)
    if raw.ndim != 2 or raw.dtype != np.uint16:
        raise damaged(path, f"expected depth in one channel of 16 bits, found {_kind(raw)}")
    return raw.astype(np.float32) / np.float32(1000)


def _read_npz_segmentation(path: Path) -> NDArray:
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
            return arrays["seg"]
    except UNREADABLE as error:
        raise damaged(path, f"expected an npz file with 'seg' ({error})") from error


def _read_plain_mask(path: Path) -> NDArray:
    return _decoded(path, cv2.IMREAD_GRAYSCALE)


DEPTH_ENCODINGS: dict[str, Callable[[Path], DepthImage]] = {
    "ho3d": _read_ho3d_depth,
    "millimetres": _read_millimetres,
}
MASK_ENCODINGS: dict[str, Callable[[Path], NDArray]] = {
    "dexycb_labels": _read_npz_segmentation,
    "image": _read_plain_mask,
}


def _whole(path: Path) -> bytes:
    data = read_bytes(path)
    if data.startswith(_PNG_START):
        if _PNG_END not in data[-_TRAILER:]:
            raise damaged(path, "the PNG file is cut short")
    elif data.startswith(_JPEG_START):
        if _JPEG_END not in data[-_TRAILER:]:
            raise damaged(path, "the JPEG file is cut short")
    else:
        raise damaged(path, "expected a PNG or JPEG file, found something else")
    return data


def _decoded(path: Path, flags: int) -> NDArray:
    data = _whole(path)
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error as error:
        raise damaged(path, f"cannot be decoded ({error.err})") from error
    if image is None:
        raise damaged(path, "cannot be decoded")
    return image


def _kind(image: NDArray) -> str:
    return f"{image.shape[2] if image.ndim == 3 else 1} of {image.dtype}"
