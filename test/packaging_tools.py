"""Helpers of the packaging tests: copies of the repository, and what a Python package imports."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = {
    "hand_object_pose": (REPOSITORY, "ros.ament_python"),
    "hand_object_pose_msgs": (REPOSITORY / "hand_object_pose_msgs", "ros.ament_cmake"),
    "hand_object_pose_training": (REPOSITORY / "training", "ros.ament_python"),
}
# What an unpacked archive may hold besides, once somebody worked in it.
_NOT_SOURCE = (".*", "build", "install", "log", "out", "runs", "shards", "*.egg-info", "__pycache__", "data", "docs")


def copy_repository(target: Path) -> Path:
    """Copy what a commit of everything would hold to `target` and return it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:  # no clone, but an unpacked archive
        return Path(shutil.copytree(REPOSITORY, target, ignore=shutil.ignore_patterns(*_NOT_SOURCE), symlinks=True))
    for name in filter(None, listed.stdout.split("\0")):
        if os.path.lexists(REPOSITORY / name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, target / name, follow_symlinks=False)
    return target


def tool(name: str) -> str | None:
    """Return the path of a program, looked for beside the running Python first."""
    return shutil.which(name, path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))


def run(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the environment plus `variables`, an empty one removing it; both outputs in stdout."""
    env = {name: value for name, value in {**os.environ, **variables}.items() if value}
    return subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def imported_packages(directory: Path) -> dict[str, set[str]]:
    """Return every top-level package that files below `directory` import, with the files that do."""
    found: dict[str, set[str]] = {}
    for file in sorted(directory.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            for name in names:
                found.setdefault(name.split(".")[0], set()).add(str(file.relative_to(directory)))
    return found
