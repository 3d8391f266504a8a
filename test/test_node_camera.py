"""What cameras publish, as the estimator gets it from the running node: intrinsics that change, and pixels."""

from array import array

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

from ros_support import FRAME_ID, HEIGHT, WIDTH, good_image, good_info
from sensor_msgs.msg import CompressedImage, RegionOfInterest

COLOUR = (200, 90, 30)


def shown(h, image, info, depth=None):
    """The frame that the estimator is given of an image."""
    seen = []
    h.behave = seen.append
    h.send(image, info, depth)
    h.until(lambda: seen and h.estimates_of(image.header.stamp), "an estimate")
    return seen[0]


def sent(h, width=WIDTH, height=HEIGHT):
    stamp = h.stamp()
    return good_image(stamp, width, height), good_info(stamp, width, height)


def test_the_camera_follows_its_info_at_run_time(harness):
    h = harness().connect()
    image, info = sent(h)
    np.testing.assert_allclose(shown(h, image, info).camera.matrix, [[60, 0, 32], [0, 60, 24], [0, 0, 1]])

    image, info = sent(h)
    info.distortion_model, info.d = "equidistant", [0.1, 0.01, 0.0, 0.0]
    info.k = [70.0, 0.0, 30.0, 0.0, 72.0, 20.0, 0.0, 0.0, 1.0]
    camera = shown(h, image, info).camera
    assert (camera.distortion_model, camera.distortion.tolist()) == ("equidistant", [0.1, 0.01, 0.0, 0.0])
    np.testing.assert_allclose(camera.matrix, [[70, 0, 30], [0, 72, 20], [0, 0, 1]])

    # Another resolution, and a window of the sensor read out at half of it.
    image, info = sent(h, 32, 24)
    info.width, info.height, info.binning_x, info.binning_y = 128, 96, 2, 2
    info.roi = RegionOfInterest(x_offset=10, y_offset=20, width=64, height=48)
    info.k = [120.0, 0.0, 64.0, 0.0, 120.0, 48.0, 0.0, 0.0, 1.0]
    frame = shown(h, image, info)
    assert frame.image.shape == (24, 32, 3)
    np.testing.assert_allclose(frame.camera.matrix, [[60, 0, 27], [0, 60, 14], [0, 0, 1]])
    assert h.received["status"][-1].refused == 0


def test_rectified_images_have_the_camera_of_p(harness):
    h = harness({"image_is_rectified": True}).connect()
    image, info = sent(h)
    info.d, info.p = [0.3, 0.0, 0.0, 0.0, 0.0], [50.0, 0.0, 31.0, 0.0, 0.0, 51.0, 23.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    camera = shown(h, image, info).camera
    assert not camera.is_distorted
    np.testing.assert_allclose(camera.matrix, [[50, 0, 31], [0, 51, 23], [0, 0, 1]])


def bayer(image):
    """Red, green, green, blue."""
    tile = np.array([[COLOUR[0], COLOUR[1]], [COLOUR[1], COLOUR[2]]], np.uint8)
    image.encoding, image.step = "bayer_rggb8", WIDTH
    image.data = array("B", np.tile(tile, (HEIGHT // 2, WIDTH // 2)).tobytes())


def yuv(image):
    rows = cv2.cvtColor(np.full((HEIGHT, WIDTH, 3), COLOUR, np.uint8), cv2.COLOR_RGB2YUV_UYVY)
    image.encoding, image.step = "uyvy", 2 * WIDTH
    image.data = array("B", rows.tobytes())


def bgr(image):
    image.encoding = "bgr8"
    image.data = array("B", bytes(COLOUR[::-1]) * (WIDTH * HEIGHT))


@pytest.mark.parametrize("paint", [bayer, yuv, bgr])
def test_colours_arrive_whatever_the_encoding(harness, paint):
    h = harness().connect()
    image, info = sent(h)
    paint(image)
    pixels = shown(h, image, info).image
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    # The rim of a Bayer image is guessed.
    assert np.abs(pixels[4:-4, 4:-4].astype(int) - COLOUR).max() <= 3


def test_compressed_colour_and_depth_arrive(harness):
    h = harness(
        {"image_transport": "compressed", "depth_transport": "compressedDepth", "root_depth.mode": "depth_image"}
    )
    for publisher in (h.image, h.depth):
        h.client.destroy_publisher(publisher)
    h.image = h.client.create_publisher(CompressedImage, "image/compressed", 10)
    h.depth = h.client.create_publisher(CompressedImage, "depth/image/compressedDepth", 10)
    h.node.autostart()
    h.connect_topics()
    stamp = h.stamp()
    picture = np.full((HEIGHT, WIDTH, 3), COLOUR[::-1], np.uint8)
    image = CompressedImage(format="rgb8; jpeg compressed bgr8", data=cv2.imencode(".jpg", picture)[1].tobytes())
    millimetres = np.full((HEIGHT, WIDTH), 625, np.uint16)
    millimetres[0, 0] = 0
    packed = bytes(12) + cv2.imencode(".png", millimetres)[1].tobytes()
    depth = CompressedImage(format="16UC1; compressedDepth png", data=packed)
    for message in (image, depth):
        message.header.stamp, message.header.frame_id = stamp, FRAME_ID
    frame = shown(h, image, good_info(stamp), depth)
    assert np.abs(frame.image.astype(int) - COLOUR).max() <= 4
    assert np.isnan(frame.depth[0, 0])
    np.testing.assert_allclose(frame.depth[1:], 0.625, rtol=1e-6)
