"""Messages of older definitions under the field names of the newest, which everything else here uses."""

from types import SimpleNamespace
from typing import Any


def normalised(message: Any) -> Any:
    """A message as it is, or with the newest field names: CameraInfo of ROS 1, detections of older vision_msgs."""
    kind = message.__msgtype__
    if kind == "sensor_msgs/msg/CameraInfo" and not hasattr(message, "k"):
        return SimpleNamespace(
            **{name: getattr(message, name) for name in vars(message) if name not in ("D", "K", "R", "P")},
            d=message.D,
            k=message.K,
            r=message.R,
            p=message.P,
        )
    if kind == "vision_msgs/msg/Detection2DArray":
        detections = [_detection(entry) for entry in message.detections]
        return SimpleNamespace(header=message.header, detections=detections)
    return message


def _detection(message: Any) -> Any:
    box = message.bbox
    # Before ROS 2 Humble, a centre was a Pose2D of geometry_msgs, and a result its hypothesis.
    position = getattr(box.center, "position", box.center)
    centre = SimpleNamespace(position=SimpleNamespace(x=position.x, y=position.y))
    results = [SimpleNamespace(hypothesis=_hypothesis(entry)) for entry in message.results]
    return SimpleNamespace(
        bbox=SimpleNamespace(center=centre, size_x=box.size_x, size_y=box.size_y),
        results=results,
        header=message.header,
    )


def _hypothesis(result: Any) -> Any:
    inner = getattr(result, "hypothesis", result)
    class_id = inner.class_id if hasattr(inner, "class_id") else inner.id
    return SimpleNamespace(class_id=str(class_id), score=float(inner.score))
