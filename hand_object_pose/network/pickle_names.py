"""Which classes and functions a PyTorch file names, found by listing its opcodes: nothing is executed."""

import io
import pickletools
import zipfile
from pathlib import Path

# What files of tensors name.
_EXPECTED = ("torch", "collections.OrderedDict")


def foreign_names(path: Path) -> list[str]:
    """Full names, in order, of what ``path`` asks for beyond PyTorch's own; [] if it holds no pickle at all."""
    names: list[str] = []
    for data in _pickles(path):
        names += _names(data)
    return [name for name in names if not name.startswith(_EXPECTED)]


def _pickles(path: Path) -> list[bytes]:
    if not zipfile.is_zipfile(path):
        return [path.read_bytes()]
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist() if name.endswith(".pkl")]


def _names(data: bytes) -> list[str]:
    """Names in a file of one or several pickles, up to where it is damaged or ends."""
    names: list[str] = []
    strings: list[str] = []
    stream = io.BytesIO(data)
    try:
        while True:
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name == "GLOBAL":
                    names.append(str(argument).replace(" ", "."))
                elif opcode.name == "STACK_GLOBAL":
                    names.append(".".join(strings[-2:]))
                elif "UNICODE" in opcode.name:
                    strings.append(str(argument))
    except Exception:  # arbitrary bytes fail in arbitrary ways; what was found until then counts
        return names
