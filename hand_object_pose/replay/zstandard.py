"""The zstd decompression that rosbags brings along, whatever it is called there."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from hand_object_pose.errors import UserError

MAGIC = b"\x28\xb5\x2f\xfd"
# In Python 3.14's library; as a package for older ones.
_MODULES = ("compression.zstd", "backports.zstd")


def zstd() -> Any:
    """The module, with ``decompress``, ``open`` and ``ZstdDecompressor``.

    Raises:
        UserError: there is none.
    """
    for name in _MODULES:
        # Asked for the parent first: find_spec imports it.
        if find_spec(name.partition(".")[0]) and find_spec(name):
            return import_module(name)
    raise UserError("this bag is compressed with zstd, which cannot be read here: pip install -U rosbags")


def beginning(data: bytes, make_decompressor: Callable[[], Any]) -> bytes:
    """As much as can be decompressed of data whose end is missing or damaged."""
    decompressor = make_decompressor()
    try:
        return decompressor.decompress(data)
    except Exception:
        # Each library raises an error of its own.
        return b""
