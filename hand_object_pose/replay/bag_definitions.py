"""The message types of a bag, for reading its messages."""

from collections.abc import Sequence
from typing import Any

from rosbags.interfaces import Connection, MessageDefinitionFormat
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from hand_object_pose.bags.bag_types import typestore


def types_of(connections: Sequence[Connection], is_ros1: bool) -> Typestore:
    """The types of a bag: as it defines them itself, else as we know them."""
    types: dict[str, Any] = {} if is_ros1 else dict(typestore().fielddefs)
    for entry in connections:
        if entry.msgdef.format == MessageDefinitionFormat.MSG:
            types.update(get_types_from_msg(entry.msgdef.data, entry.msgtype))
        elif entry.msgdef.format == MessageDefinitionFormat.IDL:
            types.update(_idl_types(entry.msgdef.data))
    store = get_typestore(Stores.EMPTY)
    store.register(types)
    return store


def _idl_types(text: str) -> dict[str, Any]:
    """Of definitions as rosbag2 stores them: several files, each after a line of 80 equality signs and its name."""
    separator = "=" * 80 + "\n"
    parts = [part.partition("\n")[2] for part in text.split(separator)[1:]] if separator in text else [text]
    types: dict[str, Any] = {}
    for part in parts:
        types.update(get_types_from_idl(part))
    return types
