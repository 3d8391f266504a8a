"""What our ROS processes share: signals that end them in order, and the shared memory of those that publish images."""

import os
import signal
import sys
import threading
from pathlib import Path

import rclpy
from rclpy.signals import SignalHandlerOptions

PROFILES_VARIABLE = "FASTDDS_DEFAULT_PROFILES_FILE"


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set; a second signal during the shutdown changes nothing.

    rclpy's own handlers shut the context down at once, and nothing could be ended in order any more.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def init_ros(arguments: list[str] | None) -> None:
    """``rclpy.init`` that leaves signals alone."""
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)


def enlarge_shared_memory() -> Path | None:
    """Make Fast DDS share 32 MB with subscribers on this machine, unless the user has set profiles of their own.

    To be called before ``init_ros``; acts in the publisher's process. Returns the file, None where it is not found.
    """
    path = config_file("fastdds_publisher.xml")
    if path is not None and not os.environ.get(PROFILES_VARIABLE):
        os.environ[PROFILES_VARIABLE] = str(path)
    return path


def config_file(name: str) -> Path | None:
    """A file of ``config/``, in the source tree or where it was installed to."""
    prefixes = [sys.prefix, *os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    installed = [Path(prefix) / "share" / "hand_object_pose" / "config" for prefix in prefixes if prefix]
    candidates = [Path(__file__).resolve().parents[2] / "config", *installed]
    return next((folder / name for folder in candidates if (folder / name).is_file()), None)


def split_ros_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What comes before ``--ros-args``, and the rest from there on."""
    if "--ros-args" not in arguments:
        return arguments, []
    place = arguments.index("--ros-args")
    return arguments[:place], arguments[place:]
