"""Brings an image together with its camera_info and what the root depth comes from, which arrive in any order."""

from collections import deque
from dataclasses import dataclass
from typing import Any

_KEPT = 10


@dataclass(frozen=True)
class Bundle:
    """Messages that belong together.

    Attributes:
        image: Image or CompressedImage.
        received: node's clock when the image arrived, nanoseconds.
        sequence: how many images had arrived by then.
        info: CameraInfo of the same stamp; else the newest that fits; None where none ever came.
        depth: depth image (or ground truth) nearest in time; None where none is near enough.
        info_exact: whether the stamps of image and info are equal.
    """

    image: Any
    received: int
    sequence: int = 0
    info: Any = None
    depth: Any = None
    info_exact: bool = True


def stamp_of(message: Any) -> int:
    """The header's stamp in nanoseconds."""
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


class Pairing:
    """Holds at most one image until its partners are there, a newer image comes, or ``wait`` has passed.

    It stops waiting for a partner that did not come in time, until one with a fitting stamp shows up again.

    Args:
        wants_depth: whether a depth image belongs to a bundle.
        depth_tolerance: largest difference of stamps of image and depth, nanoseconds.
        wait: seconds.
    """

    def __init__(self, wants_depth: bool, depth_tolerance: int, wait: float) -> None:
        self._wants_depth = wants_depth
        self._tolerance = depth_tolerance
        self._wait = wait
        self._infos: deque[Any] = deque(maxlen=_KEPT)
        self._depths: deque[Any] = deque(maxlen=_KEPT)
        self._held: tuple[Any, int, int, float] | None = None
        self._expects_info = True
        self._expects_depth = wants_depth
        self._expects_exact_depth = wants_depth
        self._last_stamp: int | None = None

    @property
    def holding(self) -> bool:
        """Whether an image waits for its partners."""
        return self._held is not None

    def add_image(self, image: Any, received: int, sequence: int, now: float) -> list[Bundle]:
        """An image came at the node's time ``received`` (ns) and the steady time ``now`` (s)."""
        finished = self._release()
        self._held = (image, received, sequence, now)
        self._last_stamp = stamp_of(image)
        return finished + self._release_if_complete()

    def add_info(self, info: Any) -> list[Bundle]:
        """A CameraInfo came."""
        self._infos.append(info)
        self._expects_info |= stamp_of(info) == self._last_stamp
        return self._release_if_complete()

    def add_depth(self, depth: Any) -> list[Bundle]:
        """A depth image, or ground truth, came."""
        self._depths.append(depth)
        if self._last_stamp is not None:
            distance = abs(stamp_of(depth) - self._last_stamp)
            self._expects_depth |= distance <= self._tolerance
            self._expects_exact_depth |= distance == 0
        return self._release_if_complete()

    def expire(self, now: float) -> list[Bundle]:
        """The steady time is ``now``: an image that has waited long enough goes with what there is."""
        if self._held is None or now - self._held[3] < self._wait:
            return []
        image = self._held[0]
        self._expects_info &= self._exact_info(image) is not None
        self._expects_depth &= self._near_depth(image) is not None
        self._expects_exact_depth &= self._has_exact_depth(image)
        return self._release()

    def clear(self) -> bool:
        """Forget everything but the newest CameraInfo, which may never be sent again; True if an image was held."""
        held, self._held, self._last_stamp = self._held, None, None
        self._depths.clear()
        newest = list(self._infos)[-1:]
        self._infos.clear()
        self._infos.extend(newest)
        return held is not None

    def _release_if_complete(self) -> list[Bundle]:
        if self._held is None:
            return []
        image = self._held[0]
        # Without any CameraInfo the image is of no use: it may as well wait.
        waits_for_info = (self._expects_info or not self._infos) and self._exact_info(image) is None
        return [] if waits_for_info or self._waits_for_depth(image) else self._release()

    def _waits_for_depth(self, image: Any) -> bool:
        if not self._wants_depth:
            return False
        if self._expects_exact_depth and not self._has_exact_depth(image):
            return True
        return self._expects_depth and self._near_depth(image) is None

    def _release(self) -> list[Bundle]:
        if self._held is None:
            return []
        (image, received, sequence, _), self._held = self._held, None
        exact, depth = self._exact_info(image), self._near_depth(image)
        self._expects_info |= exact is not None
        self._expects_depth |= depth is not None
        self._expects_exact_depth |= self._has_exact_depth(image)
        info = exact or self._fitting_info(image)
        return [Bundle(image, received, sequence, info, depth, exact is not None)]

    def _exact_info(self, image: Any) -> Any:
        stamp = stamp_of(image)
        return next((info for info in reversed(self._infos) if stamp_of(info) == stamp), None)

    def _fitting_info(self, image: Any) -> Any:
        """The newest of the image's frame and size; else the newest of all, for a reason to be given."""
        size = (getattr(image, "width", None), getattr(image, "height", None))
        for info in reversed(self._infos):
            same_size = size[0] is None or size == (info.width, info.height)
            if same_size and info.header.frame_id == image.header.frame_id:
                return info
        return self._infos[-1] if self._infos else None

    def _has_exact_depth(self, image: Any) -> bool:
        stamp = stamp_of(image)
        return any(stamp_of(depth) == stamp for depth in self._depths)

    def _near_depth(self, image: Any) -> Any:
        stamp = stamp_of(image)
        nearest = min(self._depths, key=lambda depth: abs(stamp_of(depth) - stamp), default=None)
        if nearest is None or abs(stamp_of(nearest) - stamp) > self._tolerance:
            return None
        return nearest
