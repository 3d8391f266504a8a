"""From a stored sample to a crop the network may meet: turned, shifted, scaled, and photographed differently."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import DEFAULT_MARGIN, CropBox, crop_camera, projected_box, square_crop


@dataclass(frozen=True)
class AugmentationConfig:
    """Ranges of random changes; all zero probabilities and widths leave the sample as it is.

    Attributes:
        turn_degrees: standard deviation of the turn about the crop's viewing direction (cut at three).
        box_jitter: each box edge moves by up to this share of the box's side, as a detector's would.
        margin_range: crop side relative to the box, around the margin used in estimation.
        contrast_range: factor, uniform (the range of the paper's section 4.1).
        brightness_range: the same.
        colour_gain: each channel's gain is uniform within one plus or minus this.
        blur_sigma_range: Gaussian blur, pixels.
        blur_probability: how often the image is blurred.
        noise_sigma: largest standard deviation of added noise, in [0, 1] units.
        erase_probability: how often a random rectangle hides a part.
        border_probability: how often one side is black, as where a crop leaves the image.
    """

    turn_degrees: float = 15.0
    box_jitter: float = 0.06
    margin_range: tuple[float, float] = (DEFAULT_MARGIN - 0.12, DEFAULT_MARGIN + 0.12)
    contrast_range: tuple[float, float] = (0.5, 1.5)
    brightness_range: tuple[float, float] = (0.5, 1.5)
    colour_gain: float = 0.1
    blur_sigma_range: tuple[float, float] = (0.1, 1.0)
    blur_probability: float = 0.5
    noise_sigma: float = 0.03
    erase_probability: float = 0.15
    border_probability: float = 0.15


NO_AUGMENTATION = AugmentationConfig(
    0.0, 0.0, (DEFAULT_MARGIN, DEFAULT_MARGIN), (1.0, 1.0), (1.0, 1.0), 0.0, (0.1, 0.1), 0.0, 0.0, 0.0, 0.0
)


@dataclass(frozen=True)
class Crop:
    """Where a network input comes from: the crop's camera, the homography from stored pixels, R_turn, the box."""

    camera: Camera
    homography: FloatArray
    turn: FloatArray
    box: CropBox
    stored_camera: Camera


def choose_crop(
    config: AugmentationConfig, stored: Camera, parts: list[FloatArray], size: int, rng: np.random.Generator
) -> Crop:
    """Turn the scene about the viewing direction of the stored image's centre, and cut a jittered square around it.

    A rotation of the camera about any axis through its centre moves pixels by a homography, so that image and truth
    stay exactly consistent (Hartley and Zisserman, section 8.4.2).

    Args:
        stored: camera of the stored image.
        parts: point sets (N, 3) in metres, camera frame (hand, object), whose boxes decide the crop.
        size: side of the crop, pixels.
    """
    turn = _turn(config, stored, rng)
    boxes = np.stack([_jittered(config, projected_box(stored, part @ turn.T), rng) for part in parts])
    box = square_crop(boxes, rng.uniform(*config.margin_range))
    camera = crop_camera(stored, box, size)
    homography = camera.matrix @ turn @ np.linalg.inv(stored.matrix)
    return Crop(camera, homography, turn, box, stored)


def warp(image: NDArray[np.uint8], crop: Crop, nearest: bool = False) -> NDArray[np.uint8]:
    """The stored image (S, S[, 3]) seen by the crop's camera."""
    size = (crop.camera.width, crop.camera.height)
    flags = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return cv2.warpPerspective(image, crop.homography, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def photometric(config: AugmentationConfig, image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Contrast, brightness, colour, blur, noise and erasing; (S, S, 3) uint8 to float32 in [0, 1]."""
    pixels = image.astype(np.float32) / 255.0
    contrast, brightness = rng.uniform(*config.contrast_range), rng.uniform(*config.brightness_range)
    gain = (1.0 + config.colour_gain * rng.uniform(-1, 1, 3)) * brightness
    pixels = ((pixels - pixels.mean()) * contrast + pixels.mean()) * gain.astype(np.float32)
    if rng.random() < config.blur_probability:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(*config.blur_sigma_range))
    if rng.random() < config.erase_probability:
        _erase(pixels, rng)
    if config.noise_sigma > 0:
        pixels = pixels + rng.uniform(0, config.noise_sigma) * rng.standard_normal(pixels.shape, dtype=np.float32)
    if rng.random() < config.border_probability:
        _blacken_a_side(pixels, rng)
    return np.clip(pixels, 0.0, 1.0).astype(np.float32)


def _turn(config: AugmentationConfig, stored: Camera, rng: np.random.Generator) -> FloatArray:
    angle = np.clip(rng.standard_normal(), -3, 3) * np.radians(config.turn_degrees)
    centre = np.array([stored.width / 2, stored.height / 2])
    direction = stored.unproject(centre, np.asarray(1.0))
    return Rotation.from_rotvec(direction / np.linalg.norm(direction) * angle).as_matrix()


def _jittered(config: AugmentationConfig, box: FloatArray, rng: np.random.Generator) -> FloatArray:
    side = np.tile(box[2:] - box[:2], 2)
    return box + config.box_jitter * rng.uniform(-1, 1, 4) * side


def _erase(pixels: NDArray[np.float32], rng: np.random.Generator) -> None:
    size = pixels.shape[0]
    height, width = rng.integers(size // 12, size // 4, 2)
    top, left = rng.integers(0, size - height), rng.integers(0, size - width)
    pixels[top : top + height, left : left + width] = rng.random(3, dtype=np.float32)


def _blacken_a_side(pixels: NDArray[np.float32], rng: np.random.Generator) -> None:
    size = pixels.shape[0]
    sides = np.rot90(pixels, int(rng.integers(4)))
    sides[: rng.integers(1, size // 3)] = 0.0
