"""Opens a rosbag2 for reading, saying in words why it cannot, or a new one for writing."""

from pathlib import Path

from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer

from hand_object_pose.bags.bag_types import typestore
from hand_object_pose.errors import UserError


def open_bag(path: Path) -> AnyReader:
    """An open reader with our message types; the caller closes it.

    Raises:
        UserError: it is not there, not a rosbag2, or damaged.
    """
    if not path.exists():
        raise UserError(f"{path}: no such bag; give the directory of a rosbag2 (MCAP or SQLite)")
    try:
        reader = AnyReader([path], default_typestore=typestore())
        reader.open()
    except UserError:
        raise
    except Exception as error:
        # What rosbags raises for damaged files depends on where they are damaged.
        raise UserError(
            f"{path}: expected the directory of a rosbag2 (MCAP or SQLite), found: {error or type(error).__name__}"
        ) from error
    return reader


def new_bag(path: Path) -> Writer:
    """What writes a new rosbag2 (MCAP) into a directory that does not exist yet; it is to be opened."""
    # Version 8 of the metadata is read by older distributions, too.
    return Writer(path, version=8, storage_plugin=StoragePlugin.MCAP)
