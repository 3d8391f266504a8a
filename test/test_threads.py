"""The executables keep linear algebra to one thread, which they must decide before NumPy is imported."""

import os
import subprocess
import sys

import pytest

# What an executable's main function imports once it has decided: it ends there, and says what was decided.
_PROBE = """
import sys
import {module} as executable
assert "numpy" not in sys.modules, "imported too early"

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "numpy":
            import os
            print("threads", os.environ.get("OPENBLAS_NUM_THREADS"))
            os._exit(0)

sys.meta_path.insert(0, Refuse())
executable.main({arguments})
"""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("hand_object_pose.ros.start", ""), ("hand_object_pose.cli.main", "['predict', '--help']")],
)
@pytest.mark.parametrize(("chosen", "expected"), [(None, "1"), ("3", "3")])
def test_linear_algebra_uses_one_thread_unless_the_user_chose(module, arguments, chosen, expected):
    if "ros" in module:
        pytest.importorskip("rclpy")
        pytest.importorskip("hand_object_pose_msgs")
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    if chosen is not None:
        environment["OPENBLAS_NUM_THREADS"] = chosen
    command = [sys.executable, "-c", _PROBE.format(module=module, arguments=arguments)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert result.stdout.split() == ["threads", expected], result.stderr[-2000:]
