"""What a measurement was made with."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "hand_object_pose",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "onnxruntime",
    "libigl",
    "rosbags",
    "ros-rclpy",
    "ros-rmw-fastrtps-cpp",
)


def describe_environment() -> dict[str, object]:
    """Processor, cores, system, Python and library versions."""
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
