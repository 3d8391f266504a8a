"""The message types that our bags hold, for reading and writing rosbag2 without ROS."""

from functools import lru_cache
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from hand_object_pose.interfaces import message_definitions

OWN_PACKAGES = ("vision_msgs", "hand_object_pose_msgs")
ESTIMATES = "hand_object_pose_msgs/msg/HandObjectEstimates"
DETECTIONS = "vision_msgs/msg/Detection2DArray"


@lru_cache(maxsize=1)
def typestore() -> Typestore:
    """The common types of ROS 2 with ours and vision_msgs, registered from their .msg files.

    The oldest supported distribution is taken: none of the types used here has changed since.

    Raises:
        UserError: the .msg files are not installed.
    """
    store = get_typestore(Stores.ROS2_HUMBLE)
    found: dict[str, Any] = {}
    for package in OWN_PACKAGES:
        for name, text in message_definitions(package).items():
            found.update(get_types_from_msg(text, name))
    store.register({name: definition for name, definition in found.items() if name not in store.fielddefs})
    return store


def new_message(name: str, **values: Any) -> Any:
    """A message such as ``new_message("std_msgs/msg/Header", frame_id="camera")``; other fields are zero or empty.

    Raises:
        TypeError: the message has no field of a given name.
    """
    store = typestore()
    kind = store.types[name]
    _, definition = store.fielddefs[name]
    if unknown := set(values) - {field for field, _ in definition}:
        raise TypeError(f"{name}: no such field: {', '.join(sorted(unknown))}")
    return kind(**{field: values[field] if field in values else _zero(node) for field, node in definition})


def _zero(node: Any) -> Any:
    """The default of a field by its definition."""
    kind, detail = node
    if kind == Nodetype.NAME:
        return new_message(detail)
    if kind == Nodetype.BASE:
        return {"string": "", "bool": False}.get(detail[0], 0.0 if detail[0].startswith("float") else 0)
    (item_kind, item), count = detail
    length = count if kind == Nodetype.ARRAY else 0
    if item_kind == Nodetype.BASE and item[0] != "string":
        return np.zeros(length, dtype=_numpy_type(item[0]))
    return [_zero((item_kind, item)) for _ in range(length)]


def _numpy_type(name: str) -> np.dtype:
    return np.dtype({"bool": "?", "byte": "u1", "char": "u1", "octet": "u1"}.get(name, name))
