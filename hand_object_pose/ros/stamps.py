"""Moves the stamps of messages by a constant."""

import struct
from typing import Any

_SECOND = 1_000_000_000
# CDR: four bytes of encapsulation, then the first header's seconds (int32) and nanoseconds (uint32).
_OFFSET = 4


def shift_first_stamp(data: bytes, nanoseconds: int) -> bytes:
    """Serialised message that begins with a header, its stamp moved."""
    order = "<" if data[1] & 1 else ">"
    layout = order + "iI"
    seconds, fraction = struct.unpack_from(layout, data, _OFFSET)
    moved = bytearray(data)
    struct.pack_into(layout, moved, _OFFSET, *divmod(seconds * _SECOND + fraction + nanoseconds, _SECOND))
    return bytes(moved)


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
