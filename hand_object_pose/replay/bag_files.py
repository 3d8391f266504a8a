"""Finds what a path names: a rosbag2 directory with or without its metadata, one file of it, or a ROS 1 bag."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag2 import Reader as Reader2

from hand_object_pose.errors import UserError
from hand_object_pose.replay.bag import Bag
from hand_object_pose.replay.mcap_scan import ScannedMcap
from hand_object_pose.replay.sqlite_scan import ScannedSqlite
from hand_object_pose.replay.storage import Storage
from hand_object_pose.replay.zstandard import zstd

_METADATA = "metadata.yaml"
_COMPRESSED = (".zstd", ".zst")
_SCANNERS: dict[str, Callable[[Path], Storage]] = {".mcap": ScannedMcap, ".db3": ScannedSqlite}
_EXPECTED = "a rosbag2 (a directory, or a .mcap or .db3 file, also with .zstd) or a ROS 1 .bag"


def open_recording(path: Path) -> Bag:
    """Open any bag for reading; the caller closes it.

    Of a damaged bag, what can be read is read, and ``Bag.left_out`` says what is missing.

    Raises:
        UserError: it is not there, is no bag, or nothing in it can be read.
    """
    if not path.exists():
        raise UserError(f"{path}: no such bag; expected {_EXPECTED}")
    problems = _not_merged(path)
    if not path.is_dir():
        return _open_files(path, [path], [], problems)
    remarks: list[str] = []
    announced: dict[str, int] = {}
    if (path / _METADATA).exists():
        try:
            return Bag(path.name, [_opened(Reader2(path))], left_out=problems)
        except Exception as error:
            # An error of the metadata, or of any of the files that it names.
            announced = _announced(path / _METADATA)
            words = _without_paths(error, path)
            problems.append(f"{path.name}: it is not as its {_METADATA} says, and was read file by file ({words})")
    else:
        remarks.append(
            f"{path.name}: has no {_METADATA}; all of its files were read together, by the times of their messages"
        )
    files = sorted(file for file in path.iterdir() if _kind(file))
    if not files:
        found = ", ".join(sorted(entry.name for entry in path.iterdir())) or "nothing"
        raise UserError(f"{path}: expected {_EXPECTED}; the directory holds {found}")
    bag = _open_files(path, files, remarks, problems)
    bag.announced = announced
    return bag


def is_bag_file(path: Path) -> bool:
    """Whether its name is that of a file with messages, compressed or not."""
    return bool(_kind(path))


def bag_files(path: Path) -> list[Path]:
    """All files of which a bag consists, to tell whether it has changed."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _open_files(path: Path, files: list[Path], remarks: list[str], problems: list[str]) -> Bag:
    kinds = {_kind(file) == ".bag" for file in files}
    if len(kinds) > 1:
        raise UserError(f"{path}: holds bags of ROS 1 and ROS 2; give the one you mean")
    unpacked = ExitStack()
    try:
        storages = [_open_file(file, unpacked, problems) for file in files]
        return Bag(path.name, storages, kinds == {True}, remarks, problems, unpacked.close)
    except BaseException:
        unpacked.close()
        raise


def _open_file(file: Path, stack: ExitStack, problems: list[str]) -> Storage:
    kind = _kind(file)
    if not kind:
        raise UserError(f"{file}: expected {_EXPECTED}")
    if file.suffix in _COMPRESSED:
        file = _decompressed(file, stack, problems)
    try:
        return _opened(Reader1(file) if kind == ".bag" else Reader2(file))
    except Exception as error:
        # What is raised depends on where the file is damaged.
        if kind not in _SCANNERS or not file.stat().st_size:
            hint = ": it is damaged or has no index, which 'rosbag reindex' may repair" if kind == ".bag" else ""
            raise UserError(f"{file}: cannot be read{hint} ({error or type(error).__name__})") from error
        words = _without_paths(error, file)
        problems.append(f"{file.name}: it has no end with an index, and was read from its beginning ({words})")
        return _SCANNERS[kind](file)


def _not_merged(path: Path) -> list[str]:
    """Journals that a recorder left behind when it was killed: SQLite has yet to move what they hold into the bag."""
    folder = path if path.is_dir() else path.parent
    journals = [file for file in sorted(folder.glob("*.db3-wal")) if file.stat().st_size]
    return [
        f"{file.name}: messages in it are not in the bag yet, and were not read; "
        f"sqlite3 {file.name.removesuffix('-wal')} 'PRAGMA wal_checkpoint' moves them"
        for file in journals
        if path.is_dir() or file.name == f"{path.name}-wal"
    ]


def _announced(metadata: Path) -> dict[str, int]:
    """How many messages there should be on each topic; empty where the file does not say it."""
    try:
        content = yaml.safe_load(metadata.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
        entries = content["topics_with_message_count"]
        return {entry["topic_metadata"]["name"]: int(entry["message_count"]) for entry in entries}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError):
        return {}


def _without_paths(error: Exception, path: Path) -> str:
    """The words of a library, without the long path that readers know."""
    return (str(error) or type(error).__name__).replace(f"{path}/", "").replace(str(path), path.name).rstrip(".")


def _opened(reader: Any) -> Storage:
    reader.open()
    return reader


def _decompressed(file: Path, stack: ExitStack, problems: list[str]) -> Path:
    folder = stack.enter_context(TemporaryDirectory(prefix="hand_object_pose_bag_"))
    target = Path(folder, file.stem)
    with zstd().open(file, "rb") as source, target.open("wb") as sink:
        try:
            shutil.copyfileobj(source, sink)
        except (EOFError, OSError, zstd().ZstdError) as error:
            problems.append(f"{file.name}: compressed, and damaged: {error}")
    return target


def _kind(file: Path) -> str:
    """The suffix that tells the format; empty where it is none of ours."""
    name = file.with_suffix("") if file.suffix in _COMPRESSED else file
    return name.suffix if name.suffix in (".mcap", ".db3", ".bag") else ""
