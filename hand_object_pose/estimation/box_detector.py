"""The built-in detector: where in a whole image the hand and the object are, without torch.

A small convolutional network looks at the image shrunk to 192 x 144 pixels. For every cell of a grid it says how likely
it is to be the middle of the hand, or of the object, and where the four edges of the box would lie then. Its weights
know synthetic scenes only (docs/box_detector.md).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UserError
from hand_object_pose.shipped import ASSETS

INPUT_WIDTH, INPUT_HEIGHT = 192, 144
CLASSES = ("hand", "object")
DEFAULT_WEIGHTS = ASSETS / "weights" / "boxes.onnx"
INPUT_NAME, OUTPUT_NAMES = "image", ("scores", "boxes")
# Where the image leaves the network's input free.
PADDING = 114


@dataclass(frozen=True)
class DetectedBox:
    """A box (4,) = (x_min, y_min, x_max, y_max) in pixels of the image, and its score in [0, 1]."""

    box: FloatArray
    score: float


@dataclass(frozen=True)
class DetectedPair:
    """The best hand and the best object of an image; None where none is likely enough."""

    hand: DetectedBox | None
    object: DetectedBox | None


@dataclass(frozen=True)
class Letterbox:
    """How a whole image fits into the network's input: pixel = scale * (u + 0.5) - 0.5 + (x, y)."""

    scale: float
    x: int
    y: int

    @classmethod
    def of(cls, width: int, height: int, to_width: int = INPUT_WIDTH, to_height: int = INPUT_HEIGHT) -> "Letterbox":
        """The largest that fits, in the middle."""
        scale = min(to_width / width, to_height / height)
        return cls(scale, (to_width - round(width * scale)) // 2, (to_height - round(height * scale)) // 2)

    def to_image(self, boxes: FloatArray) -> FloatArray:
        """Boxes (..., 4) of the network's input as pixels of the image."""
        shift = np.array([self.x, self.y, self.x, self.y])
        return (boxes - shift + 0.5) / self.scale - 0.5

    def from_image(self, boxes: FloatArray) -> FloatArray:
        """The inverse of ``to_image``."""
        return (boxes + 0.5) * self.scale - 0.5 + np.array([self.x, self.y, self.x, self.y])


def letterboxed(
    image: NDArray[np.uint8], to_width: int = INPUT_WIDTH, to_height: int = INPUT_HEIGHT
) -> tuple[NDArray[np.uint8], Letterbox]:
    """The image (H, W, 3), averaged down to (to_height, to_width, 3) with grey bars, and where it lies in it."""
    height, width = image.shape[:2]
    fit = Letterbox.of(width, height, to_width, to_height)
    size = round(width * fit.scale), round(height * fit.scale)
    result = np.full((to_height, to_width, 3), PADDING, np.uint8)
    shrunk = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    result[fit.y : fit.y + size[1], fit.x : fit.x + size[0]] = shrunk
    return result, fit


def network_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(B, 3, H, W) in [0, 1] of letterboxed images (B, H, W, 3)."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)


def best_boxes(scores: FloatArray, boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of each image and class the box of the surest cell, and its score.

    Args:
        scores: (B, C, h, w) in [0, 1]; boxes: (B, C, 4, h, w), pixels of the network's input.

    Returns:
        (B, C, 4) and (B, C).
    """
    check_shape("scores", scores, ("B", len(CLASSES), "h", "w"))
    batch, classes = scores.shape[:2]
    flat = scores.reshape(batch, classes, -1)
    best = flat.argmax(axis=2)
    chosen = np.take_along_axis(boxes.reshape(batch, classes, 4, -1), best[:, :, None, None], axis=3)[..., 0]
    return chosen, np.take_along_axis(flat, best[:, :, None], axis=2)[..., 0]


class BoxDetector:
    """Finds one hand and one object."""

    LEAST_SCORE = 0.4
    """Boxes with a lower score are not returned."""

    def __init__(self, path: Path = DEFAULT_WEIGHTS) -> None:
        """Load the weights.

        Raises:
            UserError: the file is missing or damaged.
        """
        self._session = _session(path)

    def detect(self, image: NDArray[np.uint8]) -> DetectedPair:
        """The hand and the object of an image (H, W, 3), RGB, as the camera took it."""
        shrunk, fit = letterboxed(image)
        scores, boxes = self._session.run(list(OUTPUT_NAMES), {INPUT_NAME: network_input(shrunk[None])})
        best, sure = best_boxes(scores, boxes)
        found = [
            DetectedBox(box, float(score)) if score >= self.LEAST_SCORE else None
            for box, score in zip(fit.to_image(best[0].astype(np.float64)), sure[0], strict=True)
        ]
        return DetectedPair(*found)


def _session(path: Path) -> Any:
    if not path.is_file():
        raise UserError(
            f"{path}: no such weights of the built-in detector; make them with `hand-object-train detector`"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions share no public base class
        raise UserError(f"{path}: ONNX Runtime cannot load it ({error}); make it again") from error
