"""The `debug_image`: what was seen, drawn over the image."""

from array import array

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.evaluation.drawing.overlay import draw_estimates
from hand_object_pose.ros.images import ColourImage


def debug_image_message(header: Header, frame: Frame, result: FrameResult, weights: WeightsInfo) -> Image:
    """The frame with its estimates drawn over it."""
    drawn = draw_estimates(frame.image, frame.camera, result.pairs, weights.hand, weights.objects)
    return image_message(header, drawn)


def image_message(header: Header, image: ColourImage) -> Image:
    """An rgb8 image (H, W, 3)."""
    height, width = image.shape[:2]
    message = Image(header=header, height=height, width=width, encoding="rgb8", step=3 * width)
    # The quick way to fill the field in every distribution.
    message.data = array("B", np.ascontiguousarray(image).tobytes())
    return message
