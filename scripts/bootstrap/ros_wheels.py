"""Message packages for the ROS 2 wheels of PyPI: what the wheels lack is built into the virtual environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Each is built only where nothing else provides it.
UNDERLAY = ("tf2_msgs", "vision_msgs")
OWN_MESSAGES = "hand_object_pose_msgs"

# Left over from a sourced ROS or another environment, these would mix its libraries and packages with the wheels'.
_FOREIGN_VARIABLES = (
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "LD_LIBRARY_PATH",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
    "PYTHONHOME",
    "PYTHONPATH",
    "ROS_DISTRO",
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
)


def clean_environment(venv: Path) -> dict[str, str]:
    """Return the process environment as if the virtual environment `venv` were activated and nothing else sourced."""
    env = {name: value for name, value in os.environ.items() if name not in _FOREIGN_VARIABLES}
    env["VIRTUAL_ENV"] = str(venv)
    env["PATH"] = f"{venv / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
    return env


def mend_cmake_exports(venv: Path) -> int:
    """Replace the include directories of the machine the wheels were built on; return the number of files changed.

    Every message wheel exports its Python library with the Python and NumPy include directories of its build machine.
    """
    query = "import sysconfig, numpy; print(sysconfig.get_paths()['include']); print(numpy.get_include())"
    answer = subprocess.run(
        [venv / "bin" / "python", "-c", query], env=clean_environment(venv), check=True, capture_output=True, text=True
    )
    python_include, numpy_include = answer.stdout.split("\n")[:2]
    changed = 0
    for file in venv.glob("share/*/cmake/export_*__rosidl_generator_pyExport.cmake"):
        before = file.read_text()
        after = re.sub(r"/[^\";]*/numpy/_?core/include", lambda _: numpy_include, before)
        after = re.sub(r"/[^\";]*/include/python3\.\d+(?=[\";])", lambda _: python_include, after)
        if after != before:
            file.write_text(after)
            changed += 1
    return changed


def provided_elsewhere(venv: Path, package: str, built_here: set[str]) -> bool:
    """Return whether `package` came into `venv` some other way than by our own build."""
    return package not in built_here and (venv / "share" / package / "package.xml").exists()


def build_messages(repository: Path, venv: Path, paths: list[Path]) -> None:
    """Build the packages at `paths` with colcon, installing straight into `venv` so that nothing need be sourced.

    Raises:
        subprocess.CalledProcessError: colcon failed; its output says why.
    """
    work = venv / ".bootstrap"
    # Without it, colcon takes the package.xml files that the wheels install for source packages.
    (venv / "COLCON_IGNORE").touch()
    # colcon writes it at the end, and warns before that a prefix without it is none.
    (venv / "local_setup.sh").touch()
    env = clean_environment(venv) | {"AMENT_PREFIX_PATH": str(venv), "CMAKE_PREFIX_PATH": str(venv)}
    command: list[str | Path] = [venv / "bin" / "colcon", "--log-base", work / "log", "build"]
    command += ["--base-paths", *paths, "--build-base", work / "build"]
    command += ["--merge-install", "--install-base", venv, "--event-handlers", "console_direct-", "console_cohesion-"]
    command += ["--cmake-args", "-DBUILD_TESTING=OFF", f"-DPython3_EXECUTABLE={venv / 'bin' / 'python'}"]
    subprocess.run(command, cwd=repository, env=env, check=True, stdin=subprocess.DEVNULL)


def forget_builds(venv: Path, packages: list[str]) -> None:
    """Delete the build directories of `packages`: a message that was removed must not linger in generated lists."""
    for package in packages:
        shutil.rmtree(venv / ".bootstrap" / "build" / package, ignore_errors=True)


def missing_tools() -> list[str]:
    """Return the names of the build tools that the machine lacks, each with what to install."""
    wanted = {
        "cmake": "CMake (Debian, Ubuntu: apt install cmake)",
        "make": "make (Debian, Ubuntu: apt install build-essential)",
        "c++": "a C++ compiler (Debian, Ubuntu: apt install build-essential)",
        "cc": "a C compiler (Debian, Ubuntu: apt install build-essential)",
    }
    missing = [hint for tool, hint in wanted.items() if shutil.which(tool) is None]
    if not (Path(_python_include()) / "Python.h").exists():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        missing.append(f"Python's C headers (Debian, Ubuntu: apt install python{version}-dev)")
    return missing


def _python_include() -> str:
    import sysconfig

    return sysconfig.get_paths()["include"]
