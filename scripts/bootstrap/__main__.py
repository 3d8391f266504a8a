"""Make the virtual environment that `make demo` and `make test` run in, on a machine without ROS.

Creates it, installs the pinned packages and this repository's own (editable), mends the ROS wheels and builds the
message packages. Repeating it is cheap: each step is skipped while its inputs are unchanged.
"""

from __future__ import annotations

import argparse
import fcntl
import platform
import subprocess
import sys
import time
from pathlib import Path

import ros_wheels
from stamps import Stamps, digest_of

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST_PYTHON, LAST_PYTHON = (3, 11), (3, 14)
DEMO_EXTRAS = ("report", "synthesis", "ros-pip", "ros-pip-build")
# What each purpose installs, smaller purposes being part of larger ones.
PURPOSES: dict[str, list[str]] = {
    "demo": ["-e", f".[{','.join(DEMO_EXTRAS)}]"],
    "test": ["-e", f".[{','.join((*DEMO_EXTRAS, 'test'))}]", "-e", "./training"],
}
REMARKS = {"demo": "no PyTorch", "test": "with PyTorch and its CUDA libraries: several gigabytes, some minutes"}


def say(text: str) -> None:
    """Print a line of progress at once, also where the output is a file."""
    print(f"-- {text}", flush=True)


def fail(text: str) -> None:
    """Stop with a message that says what is missing and what to do."""
    sys.exit(f"-- cannot go on: {text}")


def main() -> None:
    """Bring the environment up to date for one purpose."""
    options = _options()
    started = time.monotonic()
    _check_machine()
    venv: Path = options.venv.absolute()
    (venv / ".bootstrap").mkdir(parents=True, exist_ok=True)
    with (venv / ".bootstrap" / "lock").open("w") as lock:
        # Two makes at once would install over each other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamps = Stamps(venv / ".bootstrap" / "stamps.json")
        _make_venv(venv)
        _install(venv, options.purpose, stamps)
        _build_messages(venv, stamps)
    say(f"environment ready for '{options.purpose}' after {time.monotonic() - started:.0f} s: {venv}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bootstrap", description=__doc__)
    parser.add_argument("purpose", choices=sorted(PURPOSES))
    parser.add_argument("--venv", type=Path, default=REPOSITORY / ".venv", help="where the environment is or goes")
    return parser.parse_args()


def _check_machine() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        fail(
            f"the ROS 2 wheels of PyPI exist for x86-64 Linux, this is {platform.machine()} {sys.platform}. "
            "Install a ROS 2 distribution and see docs/installation.md."
        )
    if not FIRST_PYTHON <= sys.version_info[:2] <= LAST_PYTHON:
        fail(
            f"expected Python 3.11 to 3.14, found {platform.python_version()} ({sys.executable}). "
            "Name another one: make demo PYTHON=python3.11"
        )
    if missing := ros_wheels.missing_tools():
        fail("this machine lacks " + "; ".join(missing))


def _make_venv(venv: Path) -> None:
    python = venv / "bin" / "python"
    config = venv / "pyvenv.cfg"
    if python.exists() and config.exists():
        version = subprocess.run(
            [python, "-c", "import platform; print(platform.python_version())"],
            env=ros_wheels.clean_environment(venv),
            capture_output=True,
            text=True,
        ).stdout.strip()
        if version.split(".")[:2] == platform.python_version().split(".")[:2]:
            return say(f"virtual environment: {venv}, Python {version}")
        fail(
            f"{venv} holds Python {version or '(broken)'}, this is {platform.python_version()}; 'make clean' removes it"
        )
    say(f"virtual environment: making {venv} with Python {platform.python_version()}")
    if subprocess.run([sys.executable, "-m", "venv", venv], stdin=subprocess.DEVNULL).returncode:
        fail("python -m venv failed (Debian, Ubuntu: apt install python3-venv)")
    return None


def _install(venv: Path, purpose: str, stamps: Stamps) -> None:
    inputs = [REPOSITORY / name for name in ("constraints.txt", "setup.py", "pyproject.toml", "training/setup.py")]
    digest = digest_of(inputs, str(REPOSITORY), str(venv))
    if any(stamps.is_current(f"packages for {name}", digest) for name in {purpose, "test"}):
        return say("packages: unchanged")
    say(f"packages: installing those of constraints.txt for '{purpose}' ({REMARKS[purpose]})")
    pip: list[str | Path] = [
        venv / "bin" / "python",
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--timeout",
        "120",
        "--retries",
        "8",
    ]
    constrained: list[str | Path] = [
        *pip,
        "install",
        "-qq",
        "--progress-bar",
        "off",
        "-c",
        REPOSITORY / "constraints.txt",
    ]
    # First what builds our own packages: without build isolation, that is what the constraints say.
    steps: tuple[list[str], ...] = (["setuptools"], ["--no-build-isolation", *PURPOSES[purpose]])
    for arguments in steps:
        done = subprocess.run(
            [*constrained, *arguments],
            cwd=REPOSITORY,
            env=ros_wheels.clean_environment(venv),
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            fail("pip could not install the packages (see above); repeating the command goes on where it stopped")
    stamps.record(f"packages for {purpose}", digest)
    return None


def _build_messages(venv: Path, stamps: Stamps) -> None:
    if mended := ros_wheels.mend_cmake_exports(venv):
        say(f"ROS wheels: mended include directories in {mended} CMake files")
    stale = _stale_messages(venv, stamps)
    if not stale:
        return say("messages: unchanged")
    names = [path.name for path in stale]
    say(f"messages: building {', '.join(names)} with colcon (half a minute to two)")
    ros_wheels.forget_builds(venv, names)
    # Recorded before the build: what an interrupted build left behind must not be taken for someone else's.
    for name in names:
        stamps.record(f"messages {name}", "begun")
    try:
        ros_wheels.build_messages(REPOSITORY, venv, list(stale))
    except subprocess.CalledProcessError as error:
        fail(f"colcon failed with status {error.returncode}; its logs are in {venv / '.bootstrap' / 'log'}")
    for path, digest in stale.items():
        stamps.record(f"messages {path.name}", digest)
    return None


def _stale_messages(venv: Path, stamps: Stamps) -> dict[Path, str]:
    """Return the message packages to build, each with the digest of what it is built from."""
    built_here = {step.removeprefix("messages ") for step in stamps.steps() if step.startswith("messages ")}
    packages = [f"underlay/{name}" for name in ros_wheels.UNDERLAY] + [ros_wheels.OWN_MESSAGES]
    stale = {}
    for path in (REPOSITORY / package for package in packages):
        if ros_wheels.provided_elsewhere(venv, path.name, built_here):
            say(f"messages: {path.name} comes with another package, not built")
            continue
        digest = digest_of([path, REPOSITORY / "constraints.txt"], str(REPOSITORY), str(venv))
        if not stamps.is_current(f"messages {path.name}", digest):
            stale[path] = digest
    return stale


if __name__ == "__main__":
    main()
