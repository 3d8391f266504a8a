"""Opens a rosbag2 for reading, and says in words why it cannot."""

from pathlib import Path

from rosbags.highlevel import AnyReader

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.bag_types import typestore


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
