"""Images, depth and camera_info: every encoding against pixels known beforehand, and everything that is refused."""

import struct
from array import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.ros.camera_info import DISTORTION_MODELS, CameraInfoError, camera_from_info
from hand_object_pose.ros.frames import FrameBuilder, TopicNames
from hand_object_pose.ros.images import (
    COLOUR_ENCODINGS,
    ImageError,
    _cv_bridge,
    depth_from_compressed,
    depth_image,
    rgb_from_compressed,
    rgb_image,
)

COLOUR = (200, 100, 40)


def message(encoding: str, pixels: np.ndarray, padding: int = 0, big_endian: bool = False) -> SimpleNamespace:
    """An image message by duck typing, rows padded with rubbish."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(pixels.dtype.newbyteorder(">" if big_endian else "<")).tobytes()
    step = len(rows) // height
    padded = b"".join(rows[row * step : (row + 1) * step] + b"\xab" * padding for row in range(height))
    return SimpleNamespace(
        encoding=encoding, width=width, height=height, step=step + padding, is_bigendian=int(big_endian),
        data=array("B", padded),
    )  # fmt: skip


def gradient(channels: int) -> np.ndarray:
    return np.arange(6 * 8 * channels, dtype=np.uint8).reshape(6, 8, channels)


@pytest.mark.parametrize(
    ("encoding", "channels"), [("rgb8", [0, 1, 2]), ("bgr8", [2, 1, 0]), ("rgba8", [0, 1, 2]), ("bgra8", [2, 1, 0])]
)
def test_colour_channels_are_put_in_order(encoding, channels):
    pixels = gradient(4 if "a" in encoding else 3)
    for padding in (0, 5):
        np.testing.assert_array_equal(rgb_image(message(encoding, pixels, padding)), pixels[..., channels])


@pytest.mark.parametrize("big_endian", [False, True])
def test_mono_images_become_grey(big_endian):
    pixels = gradient(1)[..., 0]
    np.testing.assert_array_equal(rgb_image(message("mono8", pixels)), np.repeat(pixels[..., None], 3, axis=2))
    wide = pixels.astype(np.uint16) * 257
    np.testing.assert_array_equal(rgb_image(message("mono16", wide, 4, big_endian))[..., 1], pixels)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_bayer_mosaic_of_one_colour_gives_that_colour(pattern, bits):
    values = dict(zip("rgb", COLOUR, strict=True))
    tile = np.array([values[letter] for letter in pattern]).reshape(2, 2)
    mosaic = np.tile(tile, (8, 8))
    mosaic = mosaic.astype(np.uint8) if bits == 8 else (mosaic * 257).astype(np.uint16)
    result = rgb_image(message(f"bayer_{pattern}{bits}", mosaic))
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result[2:-2, 2:-2], np.broadcast_to(COLOUR, (12, 12, 3)))


@pytest.mark.parametrize(("encoding", "luma"), [("yuv422", 1), ("uyvy", 1), ("yuv422_yuy2", 0), ("yuyv", 0)])
def test_yuv422_follows_bt601(encoding, luma):
    y, u, v = 120, 90, 200
    pair = [y, u, y, v] if luma == 0 else [u, y, v, y]
    pixels = np.tile(np.array(pair, np.uint8).reshape(2, 2), (4, 3, 1))
    red = 1.164 * (y - 16) + 1.596 * (v - 128)
    green = 1.164 * (y - 16) - 0.813 * (v - 128) - 0.391 * (u - 128)
    blue = 1.164 * (y - 16) + 2.018 * (u - 128)
    expected = np.clip([red, green, blue], 0, 255)
    np.testing.assert_allclose(rgb_image(message(encoding, pixels))[1, 1], expected, atol=2)


@pytest.mark.skipif(_cv_bridge() is None, reason="no working cv_bridge here")
def test_cv_bridge_and_our_own_conversion_agree(monkeypatch):
    for encoding, (dtype, channels, _) in COLOUR_ENCODINGS.items():
        pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (8, 8, channels)).astype(dtype)
        by_bridge = rgb_image(message(encoding, pixels))
        with monkeypatch.context() as patch:
            patch.setattr("hand_object_pose.ros.images._cv_bridge", lambda: None)
            ours = rgb_image(message(encoding, pixels))
        np.testing.assert_allclose(by_bridge.astype(int), ours, atol=2, err_msg=encoding)


def broken(**changes) -> SimpleNamespace:
    image = message("rgb8", gradient(3))
    vars(image).update(changes)
    return image


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (broken(encoding="8UC3"), ["8UC3", "rgb8", "bayer_rggb8"]),
        (broken(width=0), ["0x6"]),
        (broken(height=0), ["8x0"]),
        (broken(data=array("B", bytes(10))), ["truncated", "144", "10"]),
        (broken(step=3), ["step", "24"]),
    ],
)
def test_unusable_images_are_refused_in_words(image, words):
    with pytest.raises(ImageError) as error:
        rgb_image(image)
    assert all(word in str(error.value) for word in words)


def compressed(data: bytes, described: str) -> SimpleNamespace:
    return SimpleNamespace(data=array("B", data), format=described)


def smooth() -> np.ndarray:
    rows, columns = np.mgrid[0:48, 0:64]
    return np.stack([rows * 5, columns * 3, 255 - rows * 5], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(("suffix", "tolerance"), [(".png", 0), (".jpg", 12)])
def test_compressed_images_are_decoded_as_rgb_and_cut_ones_refused(suffix, tolerance):
    encoded = cv2.imencode(suffix, cv2.cvtColor(smooth(), cv2.COLOR_RGB2BGR))[1].tobytes()
    decoded = rgb_from_compressed(compressed(encoded, "rgb8; compressed"))
    np.testing.assert_allclose(decoded.astype(int), smooth(), atol=tolerance)
    for cut in (encoded[:-40], encoded[: len(encoded) // 2], b"", b"nothing of the kind"):
        with pytest.raises(ImageError):
            rgb_from_compressed(compressed(cut, "rgb8; compressed"))


def test_what_a_phone_says_about_its_orientation_is_not_followed():
    """The camera's intrinsics belong to the pixels as they are stored."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(smooth(), cv2.COLOR_RGB2BGR))[1].tobytes()
    # Exif with one entry: orientation (274), a short, 6: turn by 90 degrees.
    tiff = b"II*\0" + struct.pack("<IHHHII", 8, 1, 274, 3, 1, 6) + bytes(4)
    exif = b"Exif\0\0" + tiff
    turned = encoded[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + encoded[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape[:2] == (64, 48)
    assert rgb_from_compressed(compressed(turned, "rgb8; jpeg compressed bgr8")).shape[:2] == (48, 64)


@pytest.mark.parametrize("model", DISTORTION_MODELS)
def test_every_number_of_coefficients_of_a_model_is_kept(model):
    for count in DISTORTION_MODELS[model]:
        d = [0.01 * (number + 1) for number in range(count)]
        camera = camera_from_info(camera_info(distortion_model=model, d=d))
        assert camera.distortion.tolist() == d
    # OpenCV's numbers of coefficients (calib3d): 4, 5, 8, 12 or 14; its fisheye model has 4.
    assert set(DISTORTION_MODELS["rational_polynomial"]) >= {8, 12, 14}


@pytest.mark.parametrize(
    "change",
    [
        {"k": [610.0, 0, 320, 0, 610, 240, 0, 0, 1]},
        {"d": [0.3, -0.2, 0.001, 0.002, 0.05]},
        {"distortion_model": "rational_polynomial"},
        {"binning_x": 2},
        {"roi": SimpleNamespace(x_offset=10, y_offset=0, width=600, height=480, do_rectify=False)},
        {"width": 638},
        {"height": 478},
    ],
)
def test_a_camera_is_converted_anew_whatever_changes_in_its_info(change):
    frames = FrameBuilder(TopicNames("image", "camera_info", "depth", "detections"))
    first = frames._camera(camera_info(), False)
    assert frames._camera(camera_info(), False) is first
    changed = frames._camera(camera_info(**change), False)
    expected = camera_from_info(camera_info(**change))
    assert repr(changed) == repr(expected) != repr(first)


def test_a_rectified_camera_is_converted_anew_when_p_changes():
    frames = FrameBuilder(TopicNames("image", "camera_info", "depth", "detections"))
    other = [500.0, 0, 300, 0, 0, 505, 200, 0, 0, 0, 1, 0]
    first, second = (frames._camera(info, True) for info in (camera_info(), camera_info(p=other)))
    assert (first.matrix[0, 0], second.matrix[0, 0]) == (590, 500)
    assert frames._camera(camera_info(p=other), False).matrix[0, 0] == 600


def test_depth_is_metres_and_holes_are_nan():
    millimetres = np.array([[0, 500], [1234, 65535]], np.uint16)
    expected = np.array([[np.nan, 0.5], [1.234, 65.535]], np.float32)
    np.testing.assert_allclose(depth_image(message("16UC1", millimetres)), expected, rtol=1e-6)
    np.testing.assert_allclose(depth_image(message("16UC1", millimetres, 2, True)), expected, rtol=1e-6)
    metres = np.array([[0.0, np.nan], [np.inf, 0.75], [-1.0, -np.inf]], np.float32)
    holes = depth_image(message("32FC1", metres))
    assert holes.dtype == np.float32
    np.testing.assert_array_equal(holes, np.array([[np.nan, np.nan], [np.nan, 0.75], [np.nan] * 2], np.float32))
    with pytest.raises(ImageError, match="rgb8"):
        depth_image(message("rgb8", gradient(3)))


def test_compressed_depth_in_both_forms():
    millimetres = np.array([[0, 500], [1234, 3000]], np.uint16)
    png = cv2.imencode(".png", millimetres)[1].tobytes()
    expected = np.array([[np.nan, 0.5], [1.234, 3.0]], np.float32)
    plain = depth_from_compressed(compressed(png, "16UC1; png compressed"))
    np.testing.assert_allclose(plain, expected, rtol=1e-6)
    headed = compressed(bytes(12) + png, "16UC1; compressedDepth png")
    np.testing.assert_allclose(depth_from_compressed(headed), expected, rtol=1e-6)
    # compressed_depth_image_transport quantizes inverse depth: value = A / z + B, where A = q (q + 1) and
    # B = 1 - A / z_max; its defaults are q = 100 and z_max = 10 m.
    scale, offset = 10100.0, -1009.0
    inverse = np.round(scale / np.array([[0.5, 1.0], [2.0, 4.0]]) + offset).astype(np.uint16)
    inverse[0, 0] = 0
    data = struct.pack("<iff", 0, scale, offset) + cv2.imencode(".png", inverse)[1].tobytes()
    decoded = depth_from_compressed(compressed(data, "32FC1; compressedDepth png"))
    np.testing.assert_allclose(decoded, [[np.nan, 1.0], [2.0, 4.0]], rtol=1e-3)
    with pytest.raises(ImageError, match="rvl"):
        depth_from_compressed(compressed(data, "16UC1; compressedDepth rvl"))


def camera_info(**changes) -> SimpleNamespace:
    values = {
        "width": 640, "height": 480, "k": [600.0, 0, 320, 0, 610, 240, 0, 0, 1], "d": [0.1, -0.2, 0.001, 0.002, 0.05],
        "p": [590.0, 0, 318, 0, 0, 595, 238, 0, 0, 0, 1, 0], "distortion_model": "plumb_bob", "binning_x": 0,
        "binning_y": 0, "roi": SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False),
    }  # fmt: skip
    return SimpleNamespace(**(values | changes))


def test_camera_info_becomes_a_camera():
    camera = camera_from_info(camera_info())
    assert (camera.width, camera.height, camera.distortion_model) == (640, 480, "plumb_bob")
    np.testing.assert_array_equal(camera.distortion, [0.1, -0.2, 0.001, 0.002, 0.05])
    rectified = camera_from_info(camera_info(), rectified=True)
    assert not rectified.is_distorted
    np.testing.assert_array_equal(rectified.matrix, [[590, 0, 318], [0, 595, 238], [0, 0, 1]])


def test_roi_and_binning_move_pixels_as_cutting_and_decimating_the_image_does():
    roi = SimpleNamespace(x_offset=100, y_offset=60, width=320, height=240, do_rectify=False)
    camera = camera_from_info(camera_info(roi=roi, binning_x=2, binning_y=4, d=[], distortion_model=""))
    assert (camera.width, camera.height) == (160, 60)
    points = np.random.default_rng(0).normal(size=(20, 3)) + np.array([0, 0, 4])
    full = Camera(np.array([[600.0, 0, 320], [0, 610, 240], [0, 0, 1]]), 640, 480).project(points)
    np.testing.assert_allclose(camera.project(points), (full - [100, 60]) / [2, 4], atol=1e-9)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"k": [0.0] * 9}, "not calibrated"),
        ({"k": [np.nan, 0, 320, 0, 610, 240, 0, 0, 1]}, "finite"),
        ({"distortion_model": "fov"}, "fov"),
        ({"distortion_model": "equidistant"}, "4"),
        ({"d": [np.nan] * 5}, "finite"),
    ],
)
def test_unusable_camera_infos_are_refused_in_words(changes, word):
    with pytest.raises(CameraInfoError, match=word):
        camera_from_info(camera_info(**changes))


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"])
def test_an_odd_number_of_paired_pixels_is_refused(encoding):
    message = SimpleNamespace(height=2, width=5, encoding=encoding, step=10, is_bigendian=0, data=bytes(20))
    with pytest.raises(ImageError, match="width is 5; expected an even one"):
        rgb_image(message)
