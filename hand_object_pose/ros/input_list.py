"""What a live node worked on each image with: a list by stamps, so that the same can be done again without it.

Which messages an image meets depends on when they arrive. Whoever wants to repeat a run must know it. Needs no ROS.
"""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from hand_object_pose.errors import UserError


@dataclass(frozen=True)
class InputStamps:
    """One image that was worked on, by stamps in nanoseconds; None where there was no such message.

    Attributes:
        image, camera_info, depth, detections: of the messages; ``depth`` may be the truth that takes its place.
        anew: the estimator forgot its track before this image.
    """

    image: int
    camera_info: int
    depth: int | None = None
    detections: int | None = None
    anew: bool = False

    def moved(self, nanoseconds: int) -> "InputStamps":
        """The same with all stamps moved."""
        depth, detections = (None if stamp is None else stamp + nanoseconds for stamp in (self.depth, self.detections))
        return InputStamps(self.image + nanoseconds, self.camera_info + nanoseconds, depth, detections, self.anew)


_COLUMNS = [name if name == "anew" else f"{name}_ns" for name in (entry.name for entry in fields(InputStamps))]
_COLUMNS[0] = "stamp_ns"


class InputList:
    """Writes the list, each row as soon as it is known."""

    def __init__(self, path: Path) -> None:
        """Begin the file.

        Raises:
            UserError: it cannot be written.
        """
        try:
            # Line by line: what is there must be true however the process ends.
            self._file = path.open("w", newline="", encoding="utf-8", buffering=1)
        except OSError as error:
            raise UserError(f"{path}: the list of inputs cannot be written: {error.strerror}") from error
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(_COLUMNS)

    def add(self, row: InputStamps) -> None:
        """One more image."""
        self._writer.writerow(["" if value is None else int(value) for value in astuple(row)])

    def close(self) -> None:
        """End the file."""
        self._file.close()


def write_inputs(path: Path, rows: Iterable[InputStamps]) -> None:
    """Write a whole list."""
    file = InputList(path)
    for row in rows:
        file.add(row)
    file.close()


def read_inputs(path: Path) -> tuple[InputStamps, ...] | None:
    """The list in a file; None where the file is something else.

    Raises:
        UserError: it is damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            # Of anything else, such as a bag, no more is read than its first line.
            return tuple(_row(row) for row in rows) if next(rows, None) == _COLUMNS else None
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: expected a list of inputs with the columns {', '.join(_COLUMNS)}: {error}") from error


def _row(cells: list[str]) -> InputStamps:
    image, info, depth, detections, anew = (int(cell) if cell else None for cell in cells)
    if image is None or info is None:
        raise ValueError("a row without the stamps of image and camera_info")
    return InputStamps(image, info, depth, detections, bool(anew))
