"""Messages that belong together, to the ``Frame`` that the estimator takes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.ros.camera_info import camera_from_info
from hand_object_pose.ros.detections import Boxes
from hand_object_pose.ros.images import (
    COLOUR_ENCODINGS,
    DEPTH_ENCODINGS,
    ColourImage,
    DepthImage,
    check_image,
    depth_from_compressed,
    depth_image,
    rgb_from_compressed,
    rgb_image,
)
from hand_object_pose.ros.pairing import Bundle, stamp_of
from hand_object_pose.ros.status import Problem


class InputError(UserError):
    """An image that cannot be used, or not with what belongs to it; names the topic."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"{topic}: {reason}")
        self.problem = Problem(reason, topic)


@dataclass(frozen=True)
class TopicNames:
    """Resolved names, for messages to people."""

    image: str
    camera_info: str
    depth: str
    """Of the depth image, or of the ground truth that replaces it."""
    detections: str


class FrameBuilder:
    """Converts bundles. Cameras are converted once, until their CameraInfo changes.

    Frames are stamped with seconds since the first one: a number of seconds since 1970 has no room for nanoseconds,
    and what follows from differences of stamps must not change in its last digits when all of them are moved.
    """

    def __init__(self, topics: TopicNames) -> None:
        self.topics = topics
        self._first_stamp: int | None = None
        self._cached: tuple[Any, bool, Camera] | None = None

    def check(self, bundle: Bundle) -> None:
        """Refuse what can be refused without converting the image.

        Raises:
            InputError: naming the topic and the reason.
        """
        if bundle.info is None:
            raise InputError(
                self.topics.camera_info,
                f"no camera_info has arrived on {self.topics.camera_info} for images of {self.topics.image}",
            )
        with _naming(self.topics.image):
            if hasattr(bundle.image, "encoding"):
                check_image(bundle.image, COLOUR_ENCODINGS)
        if hasattr(bundle.depth, "encoding"):
            with _naming(self.topics.depth):
                check_image(bundle.depth, DEPTH_ENCODINGS)

    def build(self, bundle: Bundle, boxes: Boxes, rectified: bool) -> Frame:
        """The frame of a bundle.

        Raises:
            InputError: naming the topic and the reason.
        """
        self.check(bundle)
        with _naming(self.topics.image):
            image = _colour(bundle.image)
        camera = self._camera(bundle.info, rectified)
        self._check_camera(bundle, image, camera)
        depth, stamp = self._depth(bundle, image), stamp_of(bundle.image)
        if self._first_stamp is None:
            self._first_stamp = stamp
        return Frame(
            image=image,
            camera=camera,
            stamp=(stamp - self._first_stamp) / 1e9,
            depth=depth,
            true_root_depth=_true_root_depth(bundle.depth),
            hand_boxes=boxes.hands,
            object_boxes=boxes.objects,
            hand_sides=boxes.sides,
            object_ids=boxes.object_ids,
            object_id=boxes.object_id,
        )

    def _camera(self, info: Any, rectified: bool) -> Camera:
        if self._cached is not None and self._cached[1] == rectified and _same_camera(self._cached[0], info):
            return self._cached[2]
        with _naming(self.topics.camera_info):
            camera = camera_from_info(info, rectified)
        self._cached = (info, rectified, camera)
        return camera

    def _check_camera(self, bundle: Bundle, image: ColourImage, camera: Camera) -> None:
        height, width = image.shape[:2]
        if (camera.width, camera.height) != (width, height):
            raise InputError(
                self.topics.camera_info,
                f"camera_info is of {camera.width}x{camera.height} pixels, the image on {self.topics.image} has "
                f"{width}x{height}",
            )
        if bundle.info.header.frame_id != bundle.image.header.frame_id:
            raise InputError(
                self.topics.camera_info,
                f"camera_info is of frame '{bundle.info.header.frame_id}', the image on {self.topics.image} of "
                f"'{bundle.image.header.frame_id}'",
            )

    def _depth(self, bundle: Bundle, image: ColourImage) -> DepthImage | None:
        if bundle.depth is None or hasattr(bundle.depth, "estimates"):
            return None
        with _naming(self.topics.depth):
            depth = (
                depth_image(bundle.depth) if hasattr(bundle.depth, "encoding") else depth_from_compressed(bundle.depth)
            )
        if depth.shape != image.shape[:2]:
            raise InputError(
                self.topics.depth,
                f"the depth image has {depth.shape[1]}x{depth.shape[0]} pixels, the colour image "
                f"{image.shape[1]}x{image.shape[0]}; it must be aligned to it",
            )
        return depth


def is_empty(depth: DepthImage | None) -> bool:
    """Whether a depth image holds holes only."""
    return depth is not None and not np.isfinite(depth).any()


def _true_root_depth(message: Any) -> float | None:
    """The wrist's depth in a HandObjectEstimates with the truth; None in any other message."""
    pairs = getattr(message, "estimates", None)
    return float(pairs[0].root_depth) if pairs else None


def _colour(message: Any) -> ColourImage:
    return rgb_image(message) if hasattr(message, "encoding") else rgb_from_compressed(message)


def _same_camera(first: Any, second: Any) -> bool:
    names = ("width", "height", "distortion_model", "binning_x", "binning_y", "roi")
    if any(getattr(first, name) != getattr(second, name) for name in names):
        return False
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in ("k", "d", "p"))


class _naming:  # noqa: N801 - reads as a statement
    """Turns a UserError of the block into an InputError that names the topic."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, UserError) and not isinstance(error, InputError):
            raise InputError(self._topic, str(error)) from error
