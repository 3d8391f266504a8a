"""Shape checks for the edges of the public API."""

from collections.abc import Sequence
from typing import Any


def check_shape(name: str, array: Any, expected: Sequence[int | str | None]) -> None:
    """Raise ``ValueError`` unless ``array.shape`` fits ``expected``.

    Args:
        name: how the caller calls the array.
        array: anything with a ``shape`` (NumPy or PyTorch).
        expected: one entry an axis: a number, or None or a letter for any length, such as ``("B", 778, 3)``.
            A first entry of ``"..."`` allows any number of leading axes.
    """
    found = tuple(array.shape)
    wanted = tuple(expected)
    free = wanted[:1] == ("...",)
    tail = wanted[1:] if free else wanted
    compared = found[len(found) - len(tail) :] if free else found
    fits = len(compared) == len(tail) and all(
        not isinstance(want, int) or want == have for want, have in zip(tail, compared, strict=True)
    )
    if not fits:
        shown = ", ".join("any" if want is None else str(want) for want in wanted)
        raise ValueError(f"{name}: expected shape ({shown}), found {found}")
