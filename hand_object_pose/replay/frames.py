"""The planned frames of a bag, read in one pass: each as soon as all that belongs to it was read."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.replay.bag import Bag, RawMessage
from hand_object_pose.replay.plan import PlannedFrame
from hand_object_pose.replay.topics import BagTopics
from hand_object_pose.ros.detections import Boxes, boxes_from_detections
from hand_object_pose.ros.frames import FrameBuilder, TopicNames
from hand_object_pose.ros.pairing import Bundle
from hand_object_pose.ros.parameters import Settings

Key = tuple[str, int]


@dataclass(frozen=True)
class ReplayedFrame:
    """A frame for the estimator; None where it cannot be used, for the ``problem`` in words."""

    planned: PlannedFrame
    frame: Frame | None
    problem: str = ""


class FrameReader:
    """Turns messages into frames by the node's own conversions.

    Args:
        bag: open; topics: of it; depth: topic of the depth images, or of the truth where the depth comes from there.
        settings: the node's parameters.
        known_objects: that a detection may name.
    """

    def __init__(
        self, bag: Bag, topics: BagTopics, depth: str | None, settings: Settings, known_objects: Sequence[str]
    ) -> None:
        self._bag = bag
        self._topics = topics
        self._depth = depth
        self._settings = settings
        self._known_objects = list(known_objects)
        names = TopicNames(topics.image.name, topics.camera_info, depth or "", topics.detections or "")
        self._builder = FrameBuilder(names)

    def frames(self, plan: Sequence[PlannedFrame]) -> Iterator[ReplayedFrame]:
        """All planned frames that can be read, in their order."""
        needs = [self._needs(planned) for planned in plan]
        uses = Counter(key for keys in needs for key in keys)
        waiting = deque(zip(plan, needs, strict=True))
        held: dict[Key, RawMessage] = {}
        positions: Counter[str] = Counter()
        for message in self._bag.messages({topic for topic, _ in uses}):
            key = (message.topic, positions[message.topic])
            positions[message.topic] += 1
            if key not in uses:
                continue
            held[key] = message
            while waiting and all(entry in held for entry in waiting[0][1]):
                planned, keys = waiting.popleft()
                yield self._replayed(planned, held)
                uses.subtract(keys)
                for entry in keys:
                    if not uses[entry]:
                        del held[entry]

    def _needs(self, planned: PlannedFrame) -> tuple[Key, ...]:
        topics = self._topics
        pairs = (
            (topics.image.name, planned.image),
            (topics.camera_info, planned.info),
            (self._depth, planned.depth),
            (topics.detections, planned.detections),
        )
        return tuple((topic, position) for topic, position in pairs if topic and position is not None)

    def _replayed(self, planned: PlannedFrame, held: dict[Key, RawMessage]) -> ReplayedFrame:
        def content(topic: str | None, position: int | None) -> Any:
            return None if not topic or position is None else self._bag.content(held[topic, position])

        topics = self._topics
        try:
            image, info = content(topics.image.name, planned.image), content(topics.camera_info, planned.info)
            bundle = Bundle(image, 0, planned.image + 1, info, content(self._depth, planned.depth))
            boxes = self._boxes(content(topics.detections, planned.detections))
            return ReplayedFrame(planned, self._builder.build(bundle, boxes, self._settings.flag("image_is_rectified")))
        except UserError as error:
            return ReplayedFrame(planned, None, str(error))

    def _boxes(self, detections: Any) -> Boxes:
        if detections is None:
            return Boxes()
        return boxes_from_detections(detections, self._known_objects, self._settings.text("object_id"))
