"""Reads the stamps of messages, and moves them by a constant. Needs no ROS."""

import struct
from typing import Any

_SECOND = 1_000_000_000
# CDR: four bytes of encapsulation, then the first header's seconds (int32) and nanoseconds (uint32).
_OFFSET = 4


def first_stamp(data: bytes) -> int:
    """Nanoseconds of the stamp of a serialised message that begins with a header."""
    seconds, fraction = struct.unpack_from(_layout(data), data, _OFFSET)
    return seconds * _SECOND + fraction


def shift_first_stamp(data: bytes, nanoseconds: int) -> bytes:
    """Serialised message that begins with a header, its stamp moved."""
    moved = bytearray(data)
    struct.pack_into(_layout(data), moved, _OFFSET, *divmod(first_stamp(data) + nanoseconds, _SECOND))
    return bytes(moved)


def _layout(data: bytes) -> str:
    return ("<" if data[1] & 1 else ">") + "iI"


def shift_all_stamps(message: Any, nanoseconds: int) -> None:
    """Every header's stamp inside a message, in place."""
    for name, kind in message.get_fields_and_field_types().items():
        value = getattr(message, name)
        if kind == "std_msgs/Header":
            stamp = value.stamp
            moved = stamp.sec * _SECOND + stamp.nanosec + nanoseconds
            stamp.sec, stamp.nanosec = divmod(moved, _SECOND)
        elif hasattr(value, "get_fields_and_field_types"):
            shift_all_stamps(value, nanoseconds)
        elif isinstance(value, list):
            for item in value:
                if hasattr(item, "get_fields_and_field_types"):
                    shift_all_stamps(item, nanoseconds)
