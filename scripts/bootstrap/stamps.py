"""What was done already, and for which inputs: a step is repeated only when its inputs changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


class Stamps:
    """A small JSON file of step name -> digest of the inputs the step was last completed with."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._digests: dict[str, str] = {}
        if file.exists():
            self._digests = json.loads(file.read_text(encoding="utf-8"))

    def is_current(self, step: str, digest: str) -> bool:
        """Return whether `step` was completed with exactly these inputs."""
        return self._digests.get(step) == digest

    def steps(self) -> set[str]:
        """Return the names of all steps that were ever completed."""
        return set(self._digests)

    def record(self, step: str, digest: str) -> None:
        """Remember that `step` is complete; written at once, so that an interruption later loses nothing."""
        self._digests[step] = digest
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".new")
        temporary.write_text(json.dumps(self._digests, indent=1, sort_keys=True), encoding="utf-8")
        temporary.replace(self._file)


def digest_of(paths: Iterable[Path], *words: str) -> str:
    """Return a SHA-256 over words and the names and contents of files; of a directory, all files below it."""
    sha = hashlib.sha256("\0".join(words).encode())
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                sha.update(file.relative_to(path.parent).as_posix().encode() + b"\0")
                sha.update(hashlib.sha256(file.read_bytes()).digest())
    return sha.hexdigest()
