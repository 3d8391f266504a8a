"""The entry point ``hand-object-train``: ``evaluate`` needs no PyTorch and does not wait for it."""

import sys

import tyro

from hand_object_pose.exit_status import exit_status
from hand_object_pose_training.benchmark.command import Evaluate

_PROGRAM = "hand-object-train"


def main() -> int:
    """Run one command and return the exit status; a mistake of the user is printed without a traceback (2)."""
    if sys.argv[1:2] != ["evaluate"]:
        # Here and not above: every other command loads PyTorch.
        from hand_object_pose_training import main as commands

        return commands.main()
    program = f"{_PROGRAM} evaluate"
    return exit_status(program, lambda: tyro.cli(Evaluate, prog=program, args=sys.argv[2:]).run_command())


if __name__ == "__main__":
    sys.exit(main())
