"""The executable `hand_object_pose_estimator`: says in words what is missing before it imports the node."""

import sys
from importlib.util import find_spec

from hand_object_pose.threads import one_blas_thread

_HINT = """\
hand_object_pose_estimator: {missing} cannot be imported.
{what}
In a ROS 2 workspace, build all three packages of the repository and source the workspace again:

    colcon build --base-paths PATH/TO/hand_object_pose PATH/TO/hand_object_pose/hand_object_pose_msgs \\
                              PATH/TO/hand_object_pose/training
    source install/setup.bash

(or lay them side by side first: PATH/TO/hand_object_pose/scripts/link_workspace.sh YOUR_WORKSPACE)
Without ROS, 'make demo' in the repository makes an environment in which the node runs.
"""
_NEEDED = {
    "rclpy": "It is ROS 2's client library: no ROS 2 environment is sourced, or this Python is not the one ROS 2 uses.",
    "hand_object_pose_msgs": "It holds the node's messages and lies inside the repository, where colcon does not look.",
}


def missing_packages() -> list[str]:
    """Return which of the packages the node cannot do without cannot be imported."""
    return [name for name in _NEEDED if find_spec(name) is None]


def main() -> int:
    """Check, then run the node; returns the exit status."""
    if missing := missing_packages():
        print(_HINT.format(missing=missing[0], what=_NEEDED[missing[0]]), file=sys.stderr)
        return 2
    one_blas_thread()
    from hand_object_pose.ros.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
