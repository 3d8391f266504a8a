"""A CSV file with one row a step that a resumed run goes on with."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path


class StepTable:
    """One row a step: its number from 1, and values in full precision, empty where a step has none.

    Rows reach the file as they are added, so that a killed run loses none. Those of steps that a resumed run repeats
    are taken away first, so that every step is there once.
    """

    def __init__(self, path: Path, columns: Sequence[str], steps_done: int) -> None:
        """Open, keeping the rows of the first ``steps_done`` steps; the first of ``columns`` is "step"."""
        self._columns = columns
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [",".join(columns), *(line for line in lines[1:] if self._is_row_until(steps_done, line))]
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text("".join(f"{line}\n" for line in kept))
        temporary.replace(path)
        self._file = path.open("a", buffering=1)

    def add(self, values: Mapping[str, float]) -> None:
        """Write the row of one step, "step" among its values."""
        self._file.write(",".join(repr(values[name]) if name in values else "" for name in self._columns) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _is_row_until(self, step: int, line: str) -> bool:
        number, *values = line.split(",")
        return len(values) == len(self._columns) - 1 and number.isdigit() and int(number) <= step
