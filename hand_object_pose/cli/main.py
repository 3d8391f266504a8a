"""The command line `hand-object-pose COMMAND ...`: one module a command, imported only when it is asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from hand_object_pose import __version__
from hand_object_pose.exit_status import exit_status
from hand_object_pose.threads import one_blas_thread

# Command -> (module, what it does). A module's function `run` carries the arguments as type hints and its help as
# docstring; it returns an exit status, or None for success. Modules are imported late: some of them need torch or ROS.
COMMANDS: dict[str, tuple[str, str]] = {
    "predict": ("hand_object_pose.cli.predict", "estimate hand and object in pictures or a video, without ROS"),
    "demo": ("hand_object_pose.cli.demo", "make a bag, play it into the real node, score and report what it publishes"),
    "demo-summary": ("hand_object_pose.cli.demo_summary", "mean and worst over the metrics.json of several demo runs"),
    "evaluate-bag": (
        "hand_object_pose.cli.evaluate_bag",
        "replay bags without ROS, compare with truth, gate builds",
    ),
    "compare": ("hand_object_pose.cli.compare", "evaluations of the same bags beside each other, with a paired test"),
    "synthesize-bag": ("hand_object_pose.cli.synthesize_bag", "write a synthetic handover with its truth as a rosbag2"),
    "calibrate": ("hand_object_pose.cli.calibrate", "measure a person's hand: its distance without a depth image"),
    "add-object": ("hand_object_pose.cli.add_object", "a scan or CAD file becomes an entry of a catalogue"),
    "import-checkpoint": ("hand_object_pose.cli.import_checkpoint", "import a snapshot of the authors' release"),
    "export-onnx": ("hand_object_pose.cli.export_onnx", "export weights for ONNX Runtime"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0 success, 1 the command's own failure, 2 a mistake of the user."""
    command, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("-h", "--help"):
        print(_usage())
        return 0
    if command == "--version":
        print(f"hand-object-pose {__version__}")
        return 0
    if command not in COMMANDS:
        print(f"unknown command '{command}'\n\n{_usage()}", file=sys.stderr)
        return 2
    return _run(command, rest)


def _run(command: str, arguments: list[str]) -> int:
    one_blas_thread()
    import tyro

    program = f"hand-object-pose {command}"

    def run() -> int | None:
        function = importlib.import_module(COMMANDS[command][0]).run
        status: int | None = tyro.cli(function, prog=program, args=arguments)
        return status

    return exit_status(program, run)


def _usage() -> str:
    lines = [f"  {name:<20} {purpose}" for name, (_, purpose) in COMMANDS.items()]
    head = "usage: hand-object-pose COMMAND [ARGUMENT ...]      (hand-object-pose COMMAND --help explains one)\n\n"
    return head + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
