"""What files hold, wherever they lie."""

import hashlib
import json
from pathlib import Path

_LENGTH = 8
"""Bytes before the header of a safetensors file, which give its length."""


def content_hash(path: Path) -> str:
    """SHA-256 (hex) of a file; of a directory, of the names and hashes of all files below it.

    The order of a safetensors file's header is left to chance and does not count.

    Raises:
        OSError: it cannot be read.
    """
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        lines = (f"{file.relative_to(path).as_posix()} {content_hash(file)}\n" for file in files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as file:
        digest = hashlib.sha256()
        if path.suffix == ".safetensors":
            header = json.loads(file.read(int.from_bytes(file.read(_LENGTH), "little")))
            digest.update(json.dumps(header, sort_keys=True).encode())
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
