"""The message types of a bag, for reading its messages."""

from collections.abc import Sequence
from typing import Any

from rosbags.interfaces import Connection, MessageDefinitionFormat
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from hand_object_pose.bags.bag_types import typestore


def types_of(connections: Sequence[Connection], is_ros1: bool) -> tuple[Typestore, list[str]]:
    """The types of a bag: as it defines them itself, else as we know them; which definitions are damaged, in words."""
    types: dict[str, Any] = {} if is_ros1 else dict(typestore().fielddefs)
    damage: list[str] = []
    for entry in connections:
        found = _defined_types(entry)
        if found is None:
            damage.append(f"the bag's definition of {entry.msgtype} ({entry.topic}) is damaged, and is not used")
        types.update(found or {})
    store = get_typestore(Stores.EMPTY)
    store.register(types)
    return store, damage


def _defined_types(connection: Connection) -> dict[str, Any] | None:
    """Of one topic's definition, none if the bag has no definition that we read; None if it is damaged."""
    definition = connection.msgdef
    types: dict[str, Any] = {}
    try:
        if definition.format == MessageDefinitionFormat.MSG:
            types = get_types_from_msg(definition.data, connection.msgtype)
        elif definition.format == MessageDefinitionFormat.IDL:
            types = _idl_types(definition.data)
        get_typestore(Stores.EMPTY).register(types)
    except Exception:
        # What is raised depends on what the damage makes of the text: the parser's error, or Python's own.
        return None
    return types


def _idl_types(text: str) -> dict[str, Any]:
    """Of definitions as rosbag2 stores them: several files, each after a line of 80 equality signs and its name."""
    separator = "=" * 80 + "\n"
    parts = [part.partition("\n")[2] for part in text.split(separator)[1:]] if separator in text else [text]
    types: dict[str, Any] = {}
    for part in parts:
        types.update(get_types_from_idl(part))
    return types
