"""Why a frame of a dataset is left out: nothing is raised beyond the walk, everything is counted and listed."""

from pathlib import Path

from hand_object_pose.errors import UserError


class LeftOutError(Exception):
    """An intact frame that does not belong in an index, such as one without annotation; the text is the reason."""


class FileProblemError(UserError):
    """A file that is missing or damaged.

    Attributes:
        kind: "missing file" or "damaged file".
    """

    def __init__(self, path: Path, kind: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.kind = kind


def missing(path: Path) -> FileProblemError:
    """A file that is listed or implied, but not there."""
    return FileProblemError(path, "missing file", "is missing")


def damaged(path: Path, what: str) -> FileProblemError:
    """A file that cannot be read as what it should be."""
    return FileProblemError(path, "damaged file", what)


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        FileProblemError: it is missing, empty or cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise missing(path) from None
    except OSError as error:
        raise damaged(path, f"cannot be read ({error.strerror})") from error
    if not data:
        raise damaged(path, "is empty")
    return data
