"""Image messages to arrays: RGB ``uint8``, and depth in metres.

The one place that knows about encodings. Where a distribution provides ``cv_bridge`` it converts colours; where it
is missing, or does not work with the installed NumPy, OpenCV does.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UserError

ColourImage = NDArray[np.uint8]
DepthImage = NDArray[np.float32]

# Encoding -> (dtype of a channel, channels a pixel, OpenCV's code to RGB or None).
COLOUR_ENCODINGS: dict[str, tuple[type, int, int | None]] = {
    "rgb8": (np.uint8, 3, None),
    "bgr8": (np.uint8, 3, cv2.COLOR_BGR2RGB),
    "rgba8": (np.uint8, 4, cv2.COLOR_RGBA2RGB),
    "bgra8": (np.uint8, 4, cv2.COLOR_BGRA2RGB),
    "mono8": (np.uint8, 1, cv2.COLOR_GRAY2RGB),
    "mono16": (np.uint16, 1, cv2.COLOR_GRAY2RGB),
    "yuv422": (np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": (np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": (np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": (np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2),
} | {
    # ROS names the first two pixels of the first two rows; OpenCV's older names the second row's, hence the new ones.
    f"bayer_{pattern.lower()}{bits}": (dtype, 1, getattr(cv2, f"COLOR_Bayer{pattern}2RGB"))
    for pattern in ("RGGB", "BGGR", "GBRG", "GRBG")
    for bits, dtype in ((8, np.uint8), (16, np.uint16))
}
_PAIRS_OF_PIXELS = ("yuv422", "uyvy", "yuv422_yuy2", "yuyv")
DEPTH_ENCODINGS: dict[str, tuple[type, int, float]] = {
    "16UC1": (np.uint16, 1, 0.001),
    "mono16": (np.uint16, 1, 0.001),
    "32FC1": (np.float32, 1, 1.0),
}


class ImageError(UserError):
    """An image message that cannot be used: its encoding, size or data."""


def check_image(message: Any, encodings: dict[str, tuple]) -> None:
    """Refuse a sensor_msgs/Image by what can be seen without converting it.

    Raises:
        ImageError: the encoding is not among ``encodings``, width or height is zero, the width is odd
            where pixels come in pairs, rows or data are too short.
    """
    if message.encoding not in encodings:
        raise ImageError(f"encoding '{message.encoding}' is not supported; supported are {', '.join(encodings)}")
    if message.width == 0 or message.height == 0:
        raise ImageError(f"the image is {message.width}x{message.height} pixels; expected at least 1x1")
    if message.encoding in _PAIRS_OF_PIXELS and message.width % 2:
        raise ImageError(f"width is {message.width}; expected an even one: {message.encoding} stores pixels in pairs")
    dtype, channels, _ = encodings[message.encoding]
    row = message.width * channels * np.dtype(dtype).itemsize
    if message.step < row:
        raise ImageError(f"step is {message.step} bytes; {message.width} pixels of {message.encoding} need {row}")
    needed = message.step * (message.height - 1) + row
    if len(message.data) < needed:
        raise ImageError(f"the data are truncated: expected {needed} bytes, found {len(message.data)}")


def rgb_image(message: Any) -> ColourImage:
    """(H, W, 3) RGB of a sensor_msgs/Image in one of ``COLOUR_ENCODINGS``; may share the message's memory.

    Raises:
        ImageError: the message cannot be used.
    """
    check_image(message, COLOUR_ENCODINGS)
    bridge = _cv_bridge()
    if bridge is not None:
        return bridge.imgmsg_to_cv2(message, "rgb8")
    code = COLOUR_ENCODINGS[message.encoding][2]
    pixels = _pixels(message, COLOUR_ENCODINGS)
    if code is None:
        return pixels
    if pixels.dtype == np.uint16 and message.encoding == "mono16":
        pixels = cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    converted = cv2.cvtColor(pixels, code)
    return converted if converted.dtype == np.uint8 else cv2.convertScaleAbs(converted, alpha=255 / 65535)


def depth_image(message: Any) -> DepthImage:
    """(H, W) depth z in metres of a sensor_msgs/Image 16UC1 (mm) or 32FC1 (m), REP 118; holes are NaN.

    Raises:
        ImageError: the message cannot be used.
    """
    check_image(message, DEPTH_ENCODINGS)
    return _metres(_pixels(message, DEPTH_ENCODINGS), DEPTH_ENCODINGS[message.encoding][2])


def rgb_from_compressed(message: Any) -> ColourImage:
    """(H, W, 3) RGB of a sensor_msgs/CompressedImage (JPEG, PNG and whatever else OpenCV reads).

    Raises:
        ImageError: no data, truncated data, or not an image.
    """
    decoded = _decode(bytes(message.data), message.format, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)


def depth_from_compressed(message: Any) -> DepthImage:
    """(H, W) depth in metres of a compressed depth image: a plain 16-bit PNG in mm, or ``compressedDepth``.

    The latter has a header of 12 bytes (compressed_depth_image_transport): a format number and the two quantization
    constants A, B of 32FC1, where ``z = A / (value - B)``.

    Raises:
        ImageError: no data, truncated data, not PNG, or not 16 bits a pixel.
    """
    data = bytes(message.data)
    header = b""
    if "compressedDepth" in message.format:
        header, data = data[:12], data[12:]
    if "rvl" in message.format.lower():
        raise ImageError(f"format '{message.format}' is not supported; supported is PNG (set the publisher's format)")
    pixels = _decode(data, message.format, cv2.IMREAD_UNCHANGED)
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise ImageError(f"depth of format '{message.format}' is {pixels.dtype} {pixels.shape}; expected 16-bit pixels")
    if header and message.format.startswith("32FC1"):
        scale, offset = np.frombuffer(header[4:12], "<f4")
        with np.errstate(divide="ignore"):
            return np.where(pixels > 0, scale / (pixels.astype(np.float32) - offset), np.float32(np.nan))
    return _metres(pixels, 0.001)


def _pixels(message: Any, encodings: dict[str, tuple]) -> NDArray:
    dtype, channels, _ = encodings[message.encoding]
    stored = np.dtype(dtype).newbyteorder(">" if message.is_bigendian else "<")
    strides = (message.step, channels * stored.itemsize, stored.itemsize)
    shape = (message.height, message.width, channels)
    pixels = np.ndarray(shape, stored, buffer=memoryview(message.data).cast("B"), strides=strides)
    pixels = pixels[..., 0] if channels == 1 else pixels
    return np.ascontiguousarray(pixels, dtype=dtype)


def _metres(pixels: NDArray, scale: float) -> DepthImage:
    depth = pixels.astype(np.float32)
    depth *= np.float32(scale)
    np.maximum(depth, 0, out=depth)
    # 0 / 0 and inf / inf are NaN, all else is 1: several times as fast as a mask, for every image.
    with np.errstate(invalid="ignore"):
        depth *= depth / depth
    return depth


def _decode(data: bytes, described: str, flags: int) -> NDArray:
    if not data:
        raise ImageError(f"the compressed image ('{described}') holds no data")
    # OpenCV fills what a cut JPEG lacks with grey and only prints a warning.
    jpeg_cut = data.startswith(b"\xff\xd8") and not data.rstrip(b"\0").endswith(b"\xff\xd9")
    png_cut = data.startswith(b"\x89PNG") and b"IEND" not in data[-64:]
    decoded = None if jpeg_cut or png_cut else cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if decoded is None:
        raise ImageError(f"the compressed image ('{described}', {len(data)} bytes) is truncated or not an image")
    return decoded


@cache
def _cv_bridge() -> Any:
    """A working CvBridge, or None."""
    try:
        from cv_bridge import CvBridge
        from sensor_msgs.msg import Image

        probe = Image(height=1, width=1, encoding="bgr8", step=3, data=bytes([1, 2, 3]))
        bridge = CvBridge()
        works = bridge.imgmsg_to_cv2(probe, "rgb8").tolist() == [[[3, 2, 1]]]
    except Exception:
        # Builds for another NumPy fail in many ways.
        return None
    return bridge if works else None
