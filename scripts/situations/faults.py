"""What befalls the node itself: exceptions, hangs, rounds of its lifecycle."""

import time
from statistics import median

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

from hand_object_pose.errors import UserError
from hand_object_pose.ros.status import State
from situations.common import WATCHDOG, Footage, in_words, restored_row, row_of
from situations.report import Row, said_since
from situations.stage import Stage

ROUNDS = 40


def worker_raises(stage: Stage, footage: Footage) -> list[Row]:
    """Once, and for every image of more than a second."""
    begin = time.monotonic()
    stage.make_fail("raise")
    stage.until(lambda: _failed(stage, begin, "made to raise"), "an estimate that says what was raised")
    rows = [row_of(stage, "the estimator raises once", begin)]
    begin = time.monotonic()
    stage.make_fail(*["raise"] * 20)
    stage.until_said(State.LOST, "made to raise", begin)
    stage.until(lambda: not stage.has_orders(), "the last exception")
    return [*rows, restored_row(stage, footage, "the estimator raises twenty times in a row", begin)]


def worker_hangs(stage: Stage, footage: Footage) -> list[Row]:
    """Once."""
    begin = time.monotonic()
    stage.make_fail("hang")
    stage.until(lambda: _failed(stage, begin, "abandoned"), "an estimate that says what was abandoned")
    return [row_of(stage, f"the estimator hangs once (`watchdog_timeout` {WATCHDOG:g} s)", begin)]


def many_activations(stage: Stage, footage: Footage) -> list[Row]:
    """Memory must stay flat."""
    first, seconds, megabytes = time.monotonic(), [], []
    for _ in range(ROUNDS):
        _change(stage, Transition.TRANSITION_DEACTIVATE)
        megabytes.append(stage.resident_megabytes())
        begin = time.monotonic()
        _change(stage, Transition.TRANSITION_ACTIVATE)
        seconds.append(stage.until_right(begin))
    chosen = {number: megabytes[number - 1] for number in (1, 2, 5, *range(10, ROUNDS + 1, 5))}
    memory = ", ".join(f"{size:.0f} ({number}.)" for number, size in chosen.items())
    states = sorted({status.state.name for status in stage.statuses if status.time >= first})
    return [
        Row(
            f"deactivated and activated {ROUNDS} times",
            f"{' and '.join(states)} in turn; MB of memory after the n-th deactivation: {memory}",
            f"median {median(seconds):.1f} s, longest {max(seconds):.1f} s",
        )
    ]


def worker_hangs_three_times(stage: Stage, footage: Footage) -> list[Row]:
    """The process ends, and is started again as `respawn` does."""
    begin = time.monotonic()
    stage.make_fail(*["hang"] * 3)
    child = stage.child
    assert child is not None
    code = stage.until(lambda: child.poll() is not None and f"status {child.poll()}", "the end of the process")
    said = said_since(stage.statuses, begin)
    begin = time.monotonic()
    stage.start_node({"object_id": footage.first_object})
    seconds = stage.until_right(begin)
    return [
        Row("the estimator hangs three times", f"{said}; the process ends: {code}", in_words(seconds, "its new start"))
    ]


def _failed(stage: Stage, begin: float, words: str) -> bool:
    heard = [estimate for estimate in list(stage.estimates) if estimate.time >= begin]
    return any(words in pair.reason for estimate in heard for pair in estimate.message.estimates)


def _change(stage: Stage, transition: int) -> None:
    answer = stage.call(ChangeState, "change_state", ChangeState.Request(transition=Transition(id=transition)))
    if not answer.success:
        raise UserError(f"the node refused the transition {transition}")
