"""Random changes of stored frames on their way into the network: place, size, side, colour, noise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.box_detector import INPUT_HEIGHT, INPUT_WIDTH, PADDING, letterboxed
from hand_object_pose_training.box_detector.config import STORED_WIDTH
from hand_object_pose_training.box_detector.frames import LabelledFrames

_SCALES, _SHIFT = (0.7, 1.3), 0.15
_LEAST_INSIDE = 0.4
_TRIES = 6


def augmented(frames: LabelledFrames, rng: np.random.Generator) -> LabelledFrames:
    """The same frames in the size of the network's input, each changed at random."""
    parts = [_changed(*row, rng) for row in zip(frames.images, frames.boxes, frames.present, strict=True)]
    return LabelledFrames(*(np.stack(column) for column in zip(*parts, strict=True)))


def unchanged(frames: LabelledFrames) -> LabelledFrames:
    """The same frames in the size of the network's input."""
    shrunk = [letterboxed(image) for image in frames.images]
    boxes = np.stack([fit.from_image(box) for (_, fit), box in zip(shrunk, frames.boxes, strict=True)])
    return LabelledFrames(np.stack([image for image, _ in shrunk]), boxes.astype(np.float32), frames.present)


def _changed(
    image: NDArray[np.uint8], boxes: FloatArray, present: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    if rng.random() < 0.5:
        # Left hands are right hands in a mirror.
        image, boxes = image[:, ::-1], boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [STORED_WIDTH - 1, 0] * 2
    scale, shift = _placement(boxes[present], rng)
    affine = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    moved = cv2.warpAffine(
        np.ascontiguousarray(image), affine, (INPUT_WIDTH, INPUT_HEIGHT), borderValue=(PADDING, PADDING, PADDING)
    )
    return _recoloured(moved, rng), (boxes * scale + np.tile(shift, 2)).astype(np.float32), present


def _placement(boxes: FloatArray, rng: np.random.Generator) -> tuple[float, FloatArray]:
    """A scale and a shift (2,), pixels, that leave enough of every box (N, 4) in the image."""
    size = np.array([INPUT_WIDTH, INPUT_HEIGHT])
    whole = INPUT_WIDTH / STORED_WIDTH
    for _ in range(_TRIES):
        scale = whole * float(np.exp(rng.uniform(*np.log(_SCALES))))
        shift = (1 - scale / whole) * size / 2 + rng.uniform(-_SHIFT, _SHIFT, 2) * size
        placed = boxes * scale + np.tile(shift, 2)
        inside = np.clip(placed, 0, np.tile(size, 2) - 1)
        shares = (inside[:, 2:] - inside[:, :2]).prod(axis=1) / (placed[:, 2:] - placed[:, :2]).prod(axis=1)
        if (shares >= _LEAST_INSIDE).all():
            return scale, shift
    return whole, np.zeros(2)


def _recoloured(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    colours = image.astype(np.float32) / 255
    if rng.random() < 0.1:
        colours = np.repeat(colours.mean(axis=2, keepdims=True), 3, axis=2)
    gain = np.exp(rng.normal(0, 0.08, 3) + rng.normal(0, 0.2)).astype(np.float32)
    contrast, gamma = np.float32(rng.uniform(0.7, 1.3)), np.float32(np.exp(rng.normal(0, 0.2)))
    mean = colours.mean()
    colours = np.clip(((colours - mean) * contrast + mean) * gain, 0, 1) ** gamma
    if rng.random() < 0.3:
        colours = cv2.GaussianBlur(colours, (0, 0), rng.uniform(0.3, 1.2))
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(0, 0.03))
    return (np.clip(colours + noise, 0, 1) * 255 + 0.5).astype(np.uint8)
