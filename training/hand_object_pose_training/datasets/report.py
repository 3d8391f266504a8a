"""What a walk over a dataset found: counts, reasons, and every file that was missing or damaged."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hand_object_pose.errors import UserError

_SHOWN = 10


@dataclass
class PrepareReport:
    """The record of one split.

    Attributes:
        dataset, split, root: what was walked.
        contact_filter, left_hands: what was kept, see ``PrepareConfig``.
        listed, kept: numbers of frames.
        left_out: how many frames were left out, by reason.
        problems: "file: what is wrong with it", all of them, also those that cost no frame.
        contract: what the check of some kept frames against the sample's contract found; should be empty.
    """

    dataset: str
    split: str
    root: str
    contact_filter: str
    left_hands: str
    listed: int = 0
    kept: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    contract: list[str] = field(default_factory=list)

    def add(self, listed: int, kept: int, left_out: Counter[str], problems: list[str]) -> None:
        """Count what became of some more frames."""
        self.listed += listed
        self.kept += kept
        self.left_out += left_out
        self.problems += problems

    def write(self, path: Path) -> None:
        """Write all of it as JSON.

        Raises:
            UserError: it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({**vars(self), "left_out": dict(self.left_out)}, indent=1) + "\n")
        except OSError as error:
            raise UserError(f"{path}: the report cannot be written ({error}); choose another --out") from error

    def text(self) -> str:
        """Some lines for the terminal, the first problems among them."""
        filtered = f"filter: {self.contact_filter}, left hands: {self.left_hands}"
        lines = [f"{self.dataset} {self.split}: {self.kept} of {self.listed} frames kept ({filtered})"]
        lines += [f"  left out, {reason}: {count}" for reason, count in self.left_out.most_common()]
        lines += _some("files missing or damaged", self.problems)
        lines += _some("against the sample's contract", self.contract)
        return "\n".join(lines)


def _some(title: str, entries: list[str]) -> list[str]:
    if not entries:
        return []
    rest = len(entries) - _SHOWN
    return [
        f"  {title}: {len(entries)}",
        *(f"    {entry}" for entry in entries[:_SHOWN]),
        *([f"    and {rest} more, see the report file"] if rest > 0 else []),
    ]
