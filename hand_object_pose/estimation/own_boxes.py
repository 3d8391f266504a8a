"""Boxes by the built-in detector, where nobody else says where hand and object are."""

from dataclasses import replace

from hand_object_pose.estimation.box_detector import BoxDetector
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.timing import StageTimer


class OwnBoxes:
    """Adds boxes to frames; the detector is loaded when it is first wanted."""

    def __init__(self) -> None:
        """Nothing is wanted yet."""
        self._detector: BoxDetector | None = None
        self._wanted = False

    def set_wanted(self, wanted: bool) -> None:
        """Whether boxes are to be added.

        Raises:
            UserError: the detector cannot be loaded; things stay as they were.
        """
        if wanted and self._detector is None:
            self._detector = BoxDetector()
        self._wanted = wanted

    def added(self, frame: Frame, timer: StageTimer) -> Frame:
        """The frame with the detector's boxes in place of none; as it is where they are not wanted or it has some."""
        if not self._wanted or self._detector is None or frame.has_boxes:
            return frame
        with timer.stage("detector"):
            found = self._detector.detect(frame.image)
        if found.hand is None:
            return replace(frame, boxes_source="detector")
        thing = None if found.object is None else found.object.box[None]
        return replace(frame, hand_boxes=found.hand.box[None], object_boxes=thing, boxes_source="detector")
