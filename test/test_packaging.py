"""The three packages as colcon and pip see them."""

from __future__ import annotations

import email
import re
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from catkin_pkg.package import parse_package
from packaging.requirements import Requirement
from packaging_tools import PACKAGES, REPOSITORY, copy_repository, imported_packages, run, tool

import hand_object_pose
from hand_object_pose.errors import UserError
from hand_object_pose.interfaces import interface_directory, message_definitions

COLCON = tool("colcon")
needs_colcon = pytest.mark.skipif(COLCON is None, reason="colcon is not installed")


def colcon(*arguments: str | Path, cwd: Path, **variables: str) -> str:
    done = run(str(COLCON), "--log-base", "/dev/null", *arguments, cwd=cwd, **variables)
    assert done.returncode == 0, done.stdout
    return done.stdout


def listed(output: str) -> dict[str, str]:
    """Return package name -> type of the lines of `colcon list`."""
    return {line.split("\t")[0]: line.split("\t")[2].strip("()") for line in output.splitlines() if "\t" in line}


EXPECTED = {name: kind for name, (_, kind) in PACKAGES.items()}


@needs_colcon
def test_colcon_lists_three_packages_when_all_paths_are_named() -> None:
    output = colcon("list", "--base-paths", *(path for path, _ in PACKAGES.values()), cwd=REPOSITORY)

    assert listed(output) == EXPECTED


@needs_colcon
def test_colcon_lists_three_packages_in_a_linked_workspace(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace with spaces"
    for _ in range(2):  # the second time changes nothing
        linked = run(REPOSITORY / "scripts/link_workspace.sh", workspace, cwd=tmp_path)
        assert linked.returncode == 0, linked.stdout

    assert listed(colcon("list", cwd=workspace)) == EXPECTED


def test_linking_refuses_a_workspace_inside_the_repository(tmp_path: Path) -> None:
    repository = copy_repository(tmp_path / "repository")

    done = run(repository / "scripts/link_workspace.sh", repository / "workspace", cwd=tmp_path)

    assert done.returncode == 2
    assert "inside the repository" in done.stdout


def test_linking_replaces_no_directory(tmp_path: Path) -> None:
    own = tmp_path / "src" / "hand_object_pose"
    own.mkdir(parents=True)

    done = run(REPOSITORY / "scripts/link_workspace.sh", tmp_path, cwd=tmp_path)

    assert done.returncode == 1
    assert "is no link" in done.stdout
    assert not own.is_symlink()


@needs_colcon
def test_top_package_alone_fails_with_the_line_that_helps(tmp_path: Path) -> None:
    repository = copy_repository(tmp_path / "repository")

    done = run(str(COLCON), "build", "--base-paths", repository, cwd=tmp_path, AMENT_PREFIX_PATH="", PYTHONPATH="")

    assert done.returncode != 0
    assert "colcon build --base-paths" in done.stdout
    assert "scripts/link_workspace.sh" in done.stdout


@needs_colcon
@pytest.mark.parametrize("way", ["copied", "linked"])
def test_colcon_installs_what_ros_looks_for(way: str, tmp_path: Path) -> None:
    messages = pytest.importorskip("hand_object_pose_msgs", reason="messages are not built")
    prefix = next(
        parent for parent in Path(messages.__file__).parents if (parent / "share" / messages.__name__).is_dir()
    )
    repository = copy_repository(tmp_path / "repository")
    options = ["--merge-install", "--executor", "sequential", *(["--symlink-install"] if way == "linked" else [])]
    command = [str(COLCON), "build", *options, "--base-paths", str(repository), str(repository / "training")]

    done = run(*command, cwd=tmp_path, AMENT_PREFIX_PATH=str(prefix), PYTHONPATH="")

    assert done.returncode == 0, done.stdout
    install = tmp_path / "install"
    assert (install / "lib/hand_object_pose/hand_object_pose_estimator").exists()
    assert (install / "lib/hand_object_pose/hand-object-pose").exists()
    assert (install / "lib/hand_object_pose_training/hand-object-train").exists()
    for name in ("hand_object_pose", "hand_object_pose_training"):
        assert (install / "share/ament_index/resource_index/packages" / name).exists()
        assert (install / "share" / name / "package.xml").exists()
    for kind in ("launch", "config", "rviz"):
        shipped = {file.name for file in (REPOSITORY / kind).iterdir() if file.is_file()}
        assert {file.name for file in (install / "share/hand_object_pose" / kind).glob("*")} == shipped
    if way == "copied":
        assert list(install.glob("lib/python3*/site-packages/hand_object_pose/assets/interfaces/vision_msgs/msg/*.msg"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Return the top package as `pip install` builds it."""
    directory = tmp_path_factory.mktemp("wheel")
    source = copy_repository(directory / "repository")
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", directory)
    done = run(sys.executable, "-m", "pip", "wheel", "--quiet", *options, source, cwd=directory)
    assert done.returncode == 0, done.stdout
    (file,) = directory.glob("hand_object_pose-*.whl")
    return zipfile.ZipFile(file)


def test_wheel_holds_every_module_asset_and_interface(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    package = REPOSITORY / "hand_object_pose"
    wanted = {f"hand_object_pose/{file.relative_to(package).as_posix()}" for file in package.rglob("*.py")}
    assets = [file for file in (package / "assets").rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    wanted |= {f"hand_object_pose/{file.relative_to(package).as_posix()}" for file in assets}
    for name in ("hand_object_pose_msgs", "vision_msgs"):
        wanted |= {f"hand_object_pose/assets/interfaces/{type_name}.msg" for type_name in message_definitions(name)}

    assert wanted <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"hand_object_pose"}


def test_unpacked_wheel_finds_the_definitions_in_itself(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    code = "from hand_object_pose.interfaces import *; print(interface_directory('hand_object_pose_msgs'))"

    done = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path))

    found = Path(done.stdout.strip())
    assert tmp_path in found.parents, done.stdout
    source = interface_directory("hand_object_pose_msgs")
    for file in sorted(source.glob("*/*")):
        assert (found / file.relative_to(source)).read_bytes() == file.read_bytes()


def test_unknown_interfaces_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(UserError, match="hand_object_pose_msgs"):
        interface_directory("shape_of_things_to_come")


def test_what_is_imported_is_declared(wheel: zipfile.ZipFile) -> None:
    (metadata,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    lines = email.message_from_bytes(wheel.read(metadata)).get_all("Requires-Dist") or []
    declared = {re.sub(r"[-_.]+", "-", Requirement(line).name).lower() for line in lines}
    # Come with ROS itself; the extra ros-pip brings rclpy and all of common_interfaces.
    from_ros = {"hand_object_pose_msgs", "cv_bridge", "sensor_msgs_py", "tf2_msgs", "vision_msgs"}
    distributions = packages_distributions()

    undeclared = {}
    for name, files in imported_packages(REPOSITORY / "hand_object_pose").items():
        if name in sys.stdlib_module_names | from_ros | {"hand_object_pose"}:
            continue
        offered = {re.sub(r"[-_.]+", "-", distribution).lower() for distribution in distributions.get(name, [name])}
        ros_wheel = any(distribution.startswith("ros-") for distribution in offered)
        if not (offered & declared or ros_wheel):
            undeclared[name] = files
    assert not undeclared


def test_versions_agree() -> None:
    versions = {name: str(parse_package(path / "package.xml").version) for name, (path, _) in PACKAGES.items()}

    assert set(versions.values()) == {hand_object_pose.__version__}
    for file in ("setup.py", "training/setup.py"):
        assert f'version="{hand_object_pose.__version__}"' in (REPOSITORY / file).read_text()


def test_copies_hold_no_environment(tmp_path: Path) -> None:
    repository = copy_repository(tmp_path / "repository")

    assert (repository / "hand_object_pose/__init__.py").read_bytes() == Path(hand_object_pose.__file__).read_bytes()
    assert not list(repository.rglob("pyvenv.cfg"))
    assert not (repository / ".git").exists()


@pytest.mark.skipif(tool("make") is None, reason="make is not installed")
@pytest.mark.parametrize("chosen", ["test/test_crops.py::test_one", "test/no_such_file.py"])
def test_make_runs_the_tests_that_are_asked_for(chosen: str) -> None:
    done = run("make", "--dry-run", "test", f"TESTS={chosen}", cwd=REPOSITORY, MAKEFLAGS="")

    assert re.search(rf"-m pytest .* {re.escape(chosen)}$", done.stdout, re.MULTILINE), done.stdout


def test_package_manifest_names_every_ros_package_that_the_node_imports() -> None:
    manifest = parse_package(REPOSITORY / "package.xml")
    declared = {dependency.name for dependency in manifest.exec_depends}
    candidates = {"rclpy", "cv_bridge", "ament_index_python", "tf2_ros"}
    imported = imported_packages(REPOSITORY / "hand_object_pose")

    used = {name for name in imported if name in candidates or name.endswith(("_msgs", "_interfaces", "_msgs_py"))}
    assert used <= declared
    assert {"launch", "launch_ros"} <= declared
