"""Pictures as JPEG files, in memory."""

import cv2
import numpy as np
from numpy.typing import NDArray

# The first as good as pictures in a report need; the others where a picture would be too large.
_QUALITIES = (85, 70, 50, 30, 15)


def encode_jpeg(image: NDArray[np.uint8], largest: int | None = None) -> bytes:
    """An image (H, W, 3), RGB, as JPEG; of lower quality if it would have more than ``largest`` bytes."""
    reversed_image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    for quality in _QUALITIES:
        _, encoded = cv2.imencode(".jpg", reversed_image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if largest is None or len(encoded) <= largest:
            break
    return encoded.tobytes()
