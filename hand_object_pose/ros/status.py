"""What the node is doing, and if nothing comes out, the first condition that is not met, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum


class State(IntEnum):
    """The states of ``Status.msg``."""

    UNKNOWN = 0
    WAITING = 1
    RUNNING = 2
    LOST = 3
    STALE = 4
    ERROR = 5


@dataclass(frozen=True)
class Problem:
    """A condition that is not met, in words, and the resolved name of the topic it is about."""

    reason: str
    topic: str = ""


class Outcome(Enum):
    """What became of the newest image that was not merely replaced."""

    NONE = "none yet"
    VALID = "valid"
    INVALID = "nothing valid was seen in it"
    UNFIT = "it, or what belongs to it, could not be used"


@dataclass(frozen=True)
class TopicFacts:
    """What the graph knows about a subscribed topic.

    Attributes:
        name: fully resolved.
        expected_type: message type that is subscribed to.
        publishers: how many publish that type.
        other_types: types that are published under the same name.
        incompatible_qos: whether a publisher was refused by the middleware for its quality of service.
    """

    name: str
    expected_type: str = ""
    publishers: int = 0
    other_types: tuple[str, ...] = ()
    incompatible_qos: bool = False

    def problem(self) -> Problem | None:
        """Why nothing can arrive, or None."""
        if self.incompatible_qos:
            return Problem(
                f"a publisher of {self.name} offers an incompatible quality of service; set the parameter "
                "reliability to auto or best_effort",
                self.name,
            )
        if self.publishers:
            return None
        if self.other_types:
            return Problem(
                f"{self.name} is published as {', '.join(self.other_types)}; expected {self.expected_type}", self.name
            )
        return Problem(f"nobody publishes {self.name} ({self.expected_type})", self.name)


@dataclass(frozen=True)
class Observations:
    """Everything a verdict depends on. Times are seconds of a steady clock; None means never.

    Attributes:
        fatal: what the node cannot recover from.
        active: images are worked on; enabled: false where a service has switched the node off.
        setup: what keeps an active node from working at all, such as an unknown object.
        waiting_since: when the first of the images arrived that came after the newest outcome; None: none did.
        outcome, problem: of the newest image of which it is known.
    """

    now: float
    active: bool
    image: TopicFacts
    lost_after: float
    stale_after: float
    fatal: Problem | None = None
    setup: Problem | None = None
    last_image: float | None = None
    last_valid: float | None = None
    waiting_since: float | None = None
    outcome: Outcome = Outcome.NONE
    problem: Problem | None = None
    enabled: bool = True


@dataclass(frozen=True)
class Verdict:
    """A state, and the problem that explains it; an empty one when RUNNING."""

    state: State
    problem: Problem = Problem("")


def evaluate(seen: Observations) -> Verdict:
    """The state, and the first condition that is not met."""
    if seen.fatal:
        return Verdict(State.ERROR, seen.fatal)
    if not seen.enabled:
        return Verdict(State.WAITING, Problem("switched off; call the service ~/set_enabled with true"))
    if not seen.active:
        return Verdict(State.WAITING, seen.setup or Problem("the node is not active; activate it, or set autostart"))
    if seen.setup:
        return Verdict(State.WAITING, seen.setup)
    if seen.last_image is None or seen.now - seen.last_image > seen.stale_after:
        return _no_images(seen)
    if seen.outcome is Outcome.UNFIT:
        return Verdict(State.WAITING, seen.problem or Problem(""))
    if seen.outcome is Outcome.NONE:
        return Verdict(State.WAITING, Problem("the first image is being worked on", seen.image.name))
    if seen.outcome is Outcome.INVALID and _is_lost(seen):
        state = State.WAITING if seen.last_valid is None else State.LOST
        return Verdict(state, seen.problem or Problem(""))
    patience = max(seen.lost_after, seen.stale_after)
    if seen.waiting_since is not None and seen.now - seen.waiting_since > patience:
        return Verdict(State.LOST, Problem(f"one image has been worked on for longer than {patience:g} s"))
    return Verdict(State.RUNNING)


def explained(verdict: Verdict, topics: Iterable[TopicFacts]) -> Verdict:
    """The same, with the reason why nothing arrives on the topic that it is about, if that is known."""
    facts = next((entry for entry in topics if entry.name == verdict.problem.topic), None)
    cause = facts.problem() if facts is not None else None
    if cause is None or cause.reason in verdict.problem.reason:
        return verdict
    return Verdict(verdict.state, Problem(f"{verdict.problem.reason}; {cause.reason}", cause.topic))


def _is_lost(seen: Observations) -> bool:
    return seen.last_valid is None or seen.now - seen.last_valid > seen.lost_after


def _no_images(seen: Observations) -> Verdict:
    state = State.WAITING if seen.last_image is None else State.STALE
    problem = seen.image.problem()
    if problem is None:
        never, no_more = "has a publisher, but no image has arrived", "has a publisher, but no image arrives any more"
        problem = Problem(f"{seen.image.name} {never if seen.last_image is None else no_more}", seen.image.name)
    return Verdict(state, problem)
