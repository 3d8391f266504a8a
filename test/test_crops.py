"""Crops: the crop's camera sees through the crop's pixels what the full camera saw."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import CropBox, crop_camera, crop_image, square_crop, viewing_rotation
from hand_object_pose.geometry.projection import distort, distortion_map

MATRIX = np.array([[600.0, 0.0, 320.0], [0.0, 610.0, 240.0], [0.0, 0.0, 1.0]])
PLUMB_BOB = np.array([0.1, -0.2, 0.001, -0.002, 0.05])
EQUIDISTANT = np.array([0.05, -0.01, 0.003, -0.001])
RATIONAL = np.array([1.2, 0.4, 0.0005, -0.0003, 0.02, 1.5, 0.7, 0.05])
CAMERAS = [
    Camera(MATRIX, 640, 480),
    Camera(MATRIX, 640, 480, "plumb_bob", PLUMB_BOB),
    Camera(MATRIX, 640, 480, "rational_polynomial", RATIONAL),
    Camera(MATRIX, 640, 480, "equidistant", EQUIDISTANT),
]
IDS = [camera.distortion_model or "pinhole" for camera in CAMERAS]


def spot(camera, point):
    """An image with one bright blob where the camera sees the point."""
    u, v = distort(camera, point[None])[0]
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * 4.0**2)).astype(np.float32)


@pytest.mark.parametrize("camera", CAMERAS, ids=IDS)
@pytest.mark.parametrize("side", [90.0, 300.0])
def test_a_point_lies_where_the_crops_camera_projects_it(camera, side):
    point = np.array([0.07, -0.05, 0.6])
    crop = CropBox(*(camera.project(point) - side * 0.4), side)
    image = crop_image(spot(camera, point), camera, crop, 128)
    expected = crop_camera(camera, crop, 128).project(point)
    columns, rows = np.meshgrid(np.arange(128), np.arange(128))
    found = np.array([(image * columns).sum(), (image * rows).sum()]) / image.sum()
    # Averaging down shifts by at most half an oversampled pixel.
    np.testing.assert_allclose(found, expected, atol=0.5)


def test_an_undistorted_remap_equals_the_affine_warp():
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.random((480, 640)).astype(np.float32), (0, 0), 2)
    slightly = Camera(MATRIX, 640, 480, "plumb_bob", np.array([1e-12, 0, 0, 0, 0]))
    crop = CropBox(100.3, 80.7, 120.0)
    straight = crop_image(image, Camera(MATRIX, 640, 480), crop, 128)
    np.testing.assert_allclose(crop_image(image, slightly, crop, 128), straight, atol=5e-3)


def test_distortion_equals_opencv_undistortion():
    points = np.random.default_rng(0).uniform([-0.2, -0.15, 0.5], [0.2, 0.15, 0.7], (50, 3))
    for camera in CAMERAS[1:]:
        pixels = distort(camera, points)[:, None]
        undistort = cv2.fisheye.undistortPoints if camera.distortion_model == "equidistant" else cv2.undistortPoints
        normalised = undistort(pixels, camera.matrix, camera.distortion).reshape(-1, 2)
        np.testing.assert_allclose(normalised, points[:, :2] / points[:, 2:], atol=2e-4)


@pytest.mark.parametrize("size", [(320, 240), (576, 432), (320, 480)])
def test_a_resized_camera_sees_points_where_the_resized_image_has_them(size):
    """An image of its own pixel coordinates, resized by OpenCV."""
    columns, rows = np.meshgrid(np.arange(640.0), np.arange(480.0))
    points = np.random.default_rng(0).uniform([-0.2, -0.15, 0.5], [0.2, 0.15, 0.7], (20, 3))
    x, y = CAMERAS[0].resized(*size).project(points).T
    for axis, coordinates in enumerate((columns, rows)):
        small = cv2.resize(coordinates, size, interpolation=cv2.INTER_LINEAR)
        found = map_coordinates(small, [y, x], order=1)
        np.testing.assert_allclose(found, CAMERAS[0].project(points)[:, axis], atol=0.02)


@pytest.mark.parametrize("size", [128, 301, 512])
@pytest.mark.parametrize("camera", CAMERAS[1:], ids=IDS[1:])
def test_the_interpolated_map_is_the_lens_at_every_pixel(camera, size):
    """The square holds most of the image and reaches beyond it."""
    target = crop_camera(camera, CropBox(-20.0, 30.0, 480.0), size)
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(float)
    exact = distort(camera, target.unproject(pixels, np.ones(len(pixels)))).reshape(size, size, 2)
    found = distortion_map(camera, target)
    assert found.shape == exact.shape
    np.testing.assert_allclose(found, exact, atol=0.02 * max(1.0, (480 / size) ** 2))


@pytest.mark.parametrize("camera", CAMERAS, ids=IDS)
def test_no_points_are_no_pixels(camera):
    assert distort(camera, np.zeros((0, 3))).shape == (0, 2)


def test_the_square_contains_the_boxes_and_is_centred():
    crop = square_crop(np.array([[10.0, 20, 50, 40], [30.0, 10, 90, 30]]), margin=1.5)
    assert crop.side == pytest.approx(80 * 1.5)
    np.testing.assert_allclose(crop.centre, [50, 25])
    with pytest.raises(ValueError, match="empty"):
        square_crop(np.array([[5.0, 5, 5, 5]]))


def test_the_viewing_rotation_takes_the_optical_axis_through_the_crops_centre():
    camera = CAMERAS[0]
    crop = CropBox(400.0, 20.0, 150.0)
    rotation = viewing_rotation(camera, crop)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(camera.project(rotation @ np.array([0.0, 0.0, 2.0])), crop.centre, atol=1e-9)
    centred = CropBox(320 - 50, 240 - 50, 100)
    np.testing.assert_allclose(viewing_rotation(camera, centred), np.eye(3), atol=1e-12)
