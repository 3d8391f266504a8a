"""The entry point ``hand-object-train``: ``evaluate`` needs no PyTorch and does not wait for it."""

import sys

import tyro

from hand_object_pose.errors import UserError
from hand_object_pose_training.benchmark.command import Evaluate

_PROGRAM = "hand-object-train"


def main() -> None:
    """Run one command; a mistake of the user is printed without a traceback (exit status 2)."""
    if sys.argv[1:2] != ["evaluate"]:
        # Here and not above: every other command loads PyTorch.
        from hand_object_pose_training import main as commands

        commands.main()
        return
    try:
        tyro.cli(Evaluate, prog=f"{_PROGRAM} evaluate", args=sys.argv[2:]).run_command()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
