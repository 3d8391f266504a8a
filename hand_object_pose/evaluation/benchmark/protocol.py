"""What a protocol is: everything that two numbers must share before they may stand in one table."""

from dataclasses import dataclass
from typing import Literal

Given = Literal["box", "object", "root_depth", "wrist"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: as printed, with the unit.
        value: name of a frame's value, see ``frame_values``; its mean over frames is shown.
        factor: from the value's unit to the column's.
        digits: after the decimal point.
    """

    title: str
    value: str
    factor: float = 1.0
    digits: int = 2


@dataclass(frozen=True)
class PublishedRow:
    """A row of a published table.

    Attributes:
        method: as the source names it.
        numbers: by the title of the column; what the source does not print is missing.
        source: where the numbers are printed.
    """

    method: str
    numbers: dict[str, float]
    source: str


@dataclass(frozen=True)
class Protocol:
    """One way to measure on one dataset.

    Attributes:
        name: of the preset; dataset: "ho3d" (version 2), "dexycb" or "synthetic".
        title: what the table is.
        split: of the dataset; setup: of DexYCB's splits.
        objects: only frames of these, all unless given; without: frames of these are left out.
        right_hands: only frames with a right hand.
        near: metres; only frames with one of the 21 joints at most so far from one of the object's 1000 vertices, and
            all of them inside the image (``metrics.contact_subset``). None keeps all.
        given: what the estimator is told. "box": of hand and object; "object": its name; "root_depth": the wrist's
            depth; "wrist": all three of its coordinates. Without "root_depth" the depth comes from the depth image.
        columns: of the table.
        listed: how many frames the split lists that published numbers are about; None: not stated.
        rows: published numbers by this protocol.
        remarks: what readers must know; unknown: what the sources do not say.
    """

    name: str
    dataset: str
    title: str
    split: str
    columns: tuple[Column, ...]
    setup: str = "s0"
    objects: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    right_hands: bool = False
    near: float | None = None
    given: tuple[Given, ...] = ("box", "object", "root_depth")
    listed: int | None = None
    rows: tuple[PublishedRow, ...] = ()
    remarks: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def keeps(self, object_name: str, side: str) -> bool:
        """Whether frames of this object, in this hand, count."""
        return (
            (not self.objects or object_name in self.objects)
            and object_name not in self.without
            and (side == "right" or not self.right_hands)
        )

    def facts(self) -> list[str]:
        """All of it in words, a line each."""
        kept = [f"objects {', '.join(self.objects)}"] if self.objects else []
        kept += [f"without {', '.join(self.without)}"] if self.without else []
        kept += ["right hands only"] if self.right_hands else []
        if self.near is not None:
            kept.append(f"a joint within {100 * self.near:g} cm of an object vertex, all inside the image")
        setup = f", setup {self.setup}" if self.dataset == "dexycb" else ""
        return [
            f"split {self.split}{setup}; frames: {'; '.join(kept) or 'all'}",
            f"given: {', '.join(self.given) or 'nothing'}",
            *(f"{column.title}: `{column.value}`" for column in self.columns),
            *self.remarks,
            *(f"not known: {line}" for line in self.unknown),
        ]
