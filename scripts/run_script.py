"""How the scripts end: a mistake of the user, such as a missing file, is said in words."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from hand_object_pose.exit_status import exit_status


def run_script(run: Callable[[], None]) -> NoReturn:
    """Run and end the process with the exit status of ``hand_object_pose.exit_status``."""
    sys.exit(exit_status(Path(sys.argv[0]).name, run))
