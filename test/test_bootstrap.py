"""The bootstrap repeats a step exactly when its inputs changed, and keeps other ROS installations out."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts" / "bootstrap"))

import ros_wheels  # noqa: E402
from stamps import Stamps, digest_of  # noqa: E402

# As the wheels carry it: the include directories of the machine they were built on.
EXPORT = """\
set_target_properties(std_msgs::std_msgs__rosidl_generator_py PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "/opt/python/cp311-cp311/include/python3.11;/opt/python/cp311-cp311/lib/python3.11/\
site-packages/numpy/_core/include"
)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "package" / "msg").mkdir(parents=True)
    (tmp_path / "package" / "msg" / "A.msg").write_text("float64 x\n")
    return tmp_path / "package"


def test_digest_is_the_same_for_the_same_files(package: Path) -> None:
    assert digest_of([package], "3.11") == digest_of([package], "3.11")


@pytest.mark.parametrize("change", ["content", "name", "more", "word"])
def test_digest_notices(change: str, package: Path) -> None:
    before = digest_of([package], "3.11")
    file = package / "msg" / "A.msg"
    if change == "content":
        file.write_text("float32 x\n")
    elif change == "name":
        file.rename(package / "msg" / "B.msg")
    elif change == "more":
        (package / "msg" / "B.msg").touch()

    assert digest_of([package], "3.12" if change == "word" else "3.11") != before


def test_stamps_outlive_the_process_and_know_one_digest(tmp_path: Path) -> None:
    Stamps(tmp_path / "new" / "stamps.json").record("packages", "abc")

    stamps = Stamps(tmp_path / "new" / "stamps.json")

    assert stamps.is_current("packages", "abc")
    assert not stamps.is_current("packages", "abd")
    assert not stamps.is_current("messages", "abc")
    assert stamps.steps() == {"packages"}


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """Return a directory with this Python and one message wheel's CMake file."""
    (tmp_path / "bin").mkdir()
    runner = tmp_path / "bin" / "python"
    runner.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    runner.chmod(0o755)
    (tmp_path / "share" / "std_msgs" / "cmake").mkdir(parents=True)
    (tmp_path / "share/std_msgs/cmake/export_std_msgs__rosidl_generator_pyExport.cmake").write_text(EXPORT)
    return tmp_path


def test_cmake_exports_get_the_include_directories_of_this_machine(venv: Path) -> None:
    assert ros_wheels.mend_cmake_exports(venv) == 1
    (file,) = venv.glob("share/*/cmake/*")

    python_include, numpy_include = sysconfig.get_paths()["include"], np.get_include()
    assert f'"{python_include};{numpy_include}"' in file.read_text()
    assert ros_wheels.mend_cmake_exports(venv) == 0


def test_package_of_somebody_else_is_not_built_over(venv: Path) -> None:
    (venv / "share" / "std_msgs" / "package.xml").touch()

    assert ros_wheels.provided_elsewhere(venv, "std_msgs", built_here=set())
    assert not ros_wheels.provided_elsewhere(venv, "std_msgs", built_here={"std_msgs"})
    assert not ros_wheels.provided_elsewhere(venv, "tf2_msgs", built_here=set())


def test_sourced_ros_is_left_aside(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", "/opt/ros/jazzy")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/ros/jazzy/lib")
    monkeypatch.setenv("PYTHONPATH", "/opt/ros/jazzy/lib/python3.12/site-packages")
    monkeypatch.setenv("PIP_INDEX_URL", "https://example.org/simple")

    env = ros_wheels.clean_environment(venv)

    assert not {"AMENT_PREFIX_PATH", "LD_LIBRARY_PATH", "PYTHONPATH"} & set(env)
    assert env["PIP_INDEX_URL"] == "https://example.org/simple"
    assert env["PATH"].startswith(f"{venv / 'bin'}:")


def test_other_python_is_refused_in_words(tmp_path: Path) -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 9, 0, 'final', 0); sys.argv = ['bootstrap', 'demo', '--venv', 'v'];"
        f"runpy.run_path({str(REPOSITORY / 'scripts' / 'bootstrap')!r}, run_name='__main__')"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 1
    assert "expected Python 3.11 to 3.14" in done.stderr
    assert not (tmp_path / "v").exists()
