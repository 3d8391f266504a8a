"""What may import what: the core needs neither ROS nor torch nor training code, the node needs no torch."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import hand_object_pose

# Imports every module whose name starts with `below`, except those that start with one of `apart`, while `blocked`
# packages cannot be imported; prints which of those were loaded all the same, what was imported, and the failures.
PROBE = """
import importlib, json, pkgutil, sys

below, apart, blocked = json.loads(sys.argv[1])

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ImportError(name + " is blocked here")

sys.meta_path.insert(0, Blocker())
import hand_object_pose

failures, imported = {}, []
for module in pkgutil.walk_packages(hand_object_pose.__path__, "hand_object_pose.", onerror=lambda name: None):
    if module.name.startswith(tuple(apart)) or not module.name.startswith(below):
        continue
    try:
        importlib.import_module(module.name)
        imported.append(module.name)
    except ImportError as error:
        failures[module.name] = str(error)
loaded = sorted({name.partition(".")[0] for name in sys.modules} & set(blocked))
print(json.dumps({"failures": failures, "loaded": loaded, "imported": imported}))
"""

OWN_TRAINING = "hand_object_pose_training"
TRAINING = [OWN_TRAINING, "lightning", "lightning_fabric", "onnx", "onnxscript", "pytorch3d", "tensorboard"]
TORCH = ["torch", "torchvision"]
ROS = ["rclpy", "rcl_interfaces", "sensor_msgs", "std_msgs", "geometry_msgs", "hand_object_pose_msgs", "vision_msgs"]
# The only parts that may need torch: the network itself, what runs it with torch, and what converts its files.
NEEDS_TORCH = [
    "hand_object_pose.network",
    "hand_object_pose.estimation.torch_backend",
    "hand_object_pose.cli.import_checkpoint",
    "hand_object_pose.cli.export_onnx",
]


def probe(apart: list[str], blocked: list[str], below: str = "hand_object_pose.") -> dict:
    command = [sys.executable, "-c", PROBE, json.dumps([below, apart, blocked])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_core_imports_without_torch_ros_and_training() -> None:
    result = probe([*NEEDS_TORCH, "hand_object_pose.ros"], [*TORCH, *ROS, *TRAINING])

    assert result["failures"] == {}
    assert result["loaded"] == []
    assert {"hand_object_pose.estimation.estimator", "hand_object_pose.hand.mano_layer"} <= set(result["imported"])


def test_node_imports_without_torch_and_training() -> None:
    pytest.importorskip("hand_object_pose_msgs", reason="no ROS environment")

    result = probe(NEEDS_TORCH, [*TORCH, *TRAINING])

    assert result["failures"] == {}
    assert result["loaded"] == []
    assert "hand_object_pose.ros.node" in result["imported"]


def test_network_imports_without_ros_and_training() -> None:
    pytest.importorskip("torch", reason="the training part is not installed")

    result = probe([], [*ROS, OWN_TRAINING], below="hand_object_pose.network")

    assert result["failures"] == {}
    assert "hand_object_pose.network.model" in result["imported"]


def test_probe_notices_what_is_blocked() -> None:
    # Crops need OpenCV: if blocking it went unnoticed, the tests above would prove nothing.
    assert "hand_object_pose.geometry.crops" in probe([], ["cv2"], below="hand_object_pose.geometry")["failures"]


# From the ground up, as in CONTRIBUTING.md: a package imports from those before it only.
PACKAGES = (
    *("geometry", "hand", "objects", "network", "estimation", "bags", "synthetic", "new_object", "calibration"),
    *("evaluation", "replay", "live", "demo", "ros", "cli"),
)
# Do not fit yet; take out what does, and put in nothing.
UPWARD = {("network", "estimation"), ("replay", "ros"), ("live", "ros"), ("demo", "ros")}


def imported_from(file: Path) -> set[str]:
    """Packages of the core that a module imports something from, within functions, too."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("hand_object_pose.")}


def test_packages_import_from_those_below_only() -> None:
    root = Path(hand_object_pose.__file__).parent
    assert {path.name for path in root.iterdir() if (path / "__init__.py").is_file()} == set(PACKAGES)
    found = {
        (package, other)
        for place, package in enumerate(PACKAGES)
        for file in (root / package).rglob("*.py")
        for other in imported_from(file)
        if other in PACKAGES[place + 1 :]
    }
    assert found == UPWARD
