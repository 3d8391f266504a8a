"""How programs end: what people can mend is said in words and without a traceback, with a status that is not 0."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose.exit_status import exit_status

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


def raising(error: BaseException) -> int:
    raise error


def full_disk() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "state.pt")


@pytest.mark.parametrize(("given", "status"), [(None, 0), (0, 0), (1, 1), (3, 3)])
def test_the_status_is_what_the_work_returns(given: int | None, status: int) -> None:
    assert exit_status("program", lambda: given) == status


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (UserError("photo.jpg: no such file"), 2, "program: photo.jpg: no such file\n"),
        (full_disk(), 2, "program: state.pt: No space left on device\n"),
        (KeyboardInterrupt(), 130, "\nprogram: interrupted\n"),
    ],
)
def test_what_people_can_mend_is_said_in_words(
    error: BaseException, status: int, words: str, capsys: pytest.CaptureFixture
) -> None:
    assert exit_status("program", lambda: raising(error)) == status
    assert capsys.readouterr() == ("", words)


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError("no file was named")])
def test_bugs_keep_their_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        exit_status("program", lambda: raising(error))


def test_the_system_names_files_that_may_not_be_written(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def write() -> int:
        return (tmp_path / "missing" / "file").write_text("")

    assert exit_status("program", write) == 2
    assert capsys.readouterr().err == f"program: {tmp_path}/missing/file: No such file or directory\n"


def test_what_others_say_is_shortened_to_one_line() -> None:
    assert in_one_line(full_disk()) == "No space left on device"
    assert in_one_line(ValueError("first line\n    second line")) == "first line second line"


def test_scripts_end_alike(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPTS / "plot_overfit.py"), str(tmp_path / "nowhere.csv"), str(tmp_path / "x.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == f"plot_overfit.py: {tmp_path}/nowhere.csv: No such file or directory"
