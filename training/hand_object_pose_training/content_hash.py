"""What files hold, wherever they lie."""

import hashlib
from pathlib import Path

from hand_object_pose.estimation.weights_file import file_hash


def content_hash(path: Path) -> str:
    """SHA-256 (hex) of a file; of a directory, of the names and hashes of all files below it.

    Raises:
        OSError: it cannot be read.
    """
    if path.is_file():
        return file_hash(path)
    digest = hashlib.sha256()
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()} {file_hash(file)}\n".encode())
    return digest.hexdigest()
