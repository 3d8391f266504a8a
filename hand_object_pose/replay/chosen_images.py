"""Which images a user wants evaluated, by their stamps: from a list, or from what was evaluated before."""

from contextlib import closing
from pathlib import Path

from hand_object_pose.bags.bag_types import ESTIMATES
from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose.replay.bag_files import is_bag_file, open_recording
from hand_object_pose.replay.topics import GROUND_TRUTH


def read_stamps(path: Path) -> tuple[int, ...]:
    """Stamps in nanoseconds: of a text, one a line; of a CSV file, the first column; of a bag, those of its estimates.

    Lines that begin with # are comments.

    Raises:
        UserError: it is not there, holds none, something else, or one of them twice.
    """
    if path.is_dir() or is_bag_file(path):
        return _estimated_stamps(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected stamps in nanoseconds, one a line, found: {in_one_line(error)}") from error
    cells = [line.split(",")[0].strip() for line in lines if line.strip() and not line.startswith("#")]
    if cells and cells[0] == "stamp_ns":
        cells = cells[1:]
    if wrong := next((cell for cell in cells if not cell.isdigit()), None):
        raise UserError(f"{path}: expected stamps in nanoseconds, one a line, found '{wrong}'")
    if not cells or len(set(cells)) < len(cells):
        raise UserError(f"{path}: expected stamps in nanoseconds, {'each once' if cells else 'found none'}")
    return tuple(map(int, cells))


def _estimated_stamps(path: Path) -> tuple[int, ...]:
    """Stamps of the images that a live node worked on, from what it published."""
    with closing(open_recording(path)) as bag:
        topics = [topic for topic, kind in bag.types.items() if kind == ESTIMATES and not topic.endswith(GROUND_TRUTH)]
        stamps = [bag.stamp(message) for message in bag.messages(topics)] if topics else []
    if len(topics) != 1 or not stamps or len(set(stamps)) < len(stamps):
        raise UserError(
            f"{path}: expected one topic of {ESTIMATES} with the estimates of a live node, each image once; found "
            f"{len(stamps)} messages on {', '.join(topics) or 'no such topic'}"
        )
    return tuple(stamps)
