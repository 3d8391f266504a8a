"""The exit status of a program, and what it says when it ends before its time."""

import os
import sys
from collections.abc import Callable

from hand_object_pose.errors import UserError

MISTAKE = 2
INTERRUPTED = 130
# As shells call it: 128 and the number of SIGPIPE.
PIPE_CLOSED = 141


def exit_status(program: str, run: Callable[[], int | None]) -> int:
    """Run a program's work and return its exit status, None being success.

    A mistake of the user is printed without a traceback (status 2), and so is what the system says of a file: that it
    is missing, may not be written, is a directory, or that the disk is full. An interruption gives 130.
    """
    try:
        status = run()
        sys.stdout.flush()
    except UserError as error:
        return _said(f"{program}: {error}", MISTAKE)
    except BrokenPipeError:
        # Whoever reads has seen enough, as `head`; without this, Python would complain again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        if error.filename is None:
            raise
        return _said(f"{program}: {error.filename}: {error.strerror}", MISTAKE)
    except KeyboardInterrupt:
        return _said(f"\n{program}: interrupted", INTERRUPTED)
    return int(status or 0)


def _said(words: str, status: int) -> int:
    print(words, file=sys.stderr)
    return status
