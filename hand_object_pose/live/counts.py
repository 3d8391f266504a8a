"""What became of every image, and whether it adds up.

``published = lost in transport + received`` and
``received = estimated + invalid + replaced in the mailbox + too old + refused``. The player counts what it published,
the node what it received and what became of it, the recorder what the node published.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from hand_object_pose.live.recording import HeardEstimate
from hand_object_pose.ros.counters import StampGaps

FATES = ("estimated", "invalid", "replaced", "too_old", "refused")


@dataclass(frozen=True)
class ImageCounts:
    """Counts of images.

    Attributes:
        published: by the player.
        received, estimated, invalid, replaced, too_old, refused, pending: by the node.
        missing_in_bag: never published, by gaps between the published stamps.
        lost_in_transport: published and not received.
        lost_seen_by_node: missing by gaps between stamps, as the node saw it while it ran; it cannot tell whether
            they were lost in transport or are missing in the bag.
        heard_valid, heard_invalid: estimates that reached the recorder.
        problems: what does not add up, in words.
    """

    published: int
    received: int
    estimated: int
    invalid: int
    replaced: int
    too_old: int
    refused: int
    pending: int
    missing_in_bag: int
    lost_in_transport: int
    lost_seen_by_node: int
    heard_valid: int
    heard_invalid: int
    problems: tuple[str, ...] = ()

    @property
    def add_up(self) -> bool:
        """Whether they do."""
        return not self.problems

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "problems": list(self.problems), "add_up": self.add_up}


def count_images(published: Sequence[int], node: Mapping[str, int], estimates: Sequence[HeardEstimate]) -> ImageCounts:
    """Put the three parties' counts side by side.

    Args:
        published: stamps of the published images, in order.
        node: counts of the node's newest status, by name; empty: none was heard.
        estimates: what reached the recorder, in order.
    """
    received = node.get("images_received", 0)
    fates = {name: node.get(name, 0) for name in FATES}
    valid = sum(heard.valid for heard in estimates)
    numbers = {
        "published": len(published),
        "received": received,
        **fates,
        "pending": node.get("pending", 0),
        "missing_in_bag": missing_images(published),
        "lost_in_transport": len(published) - received,
        "lost_seen_by_node": node.get("lost_before_arrival", 0),
        "heard_valid": valid,
        "heard_invalid": len(estimates) - valid,
    }
    if not node:
        return ImageCounts(**numbers, problems=("no status of the node was heard",))
    return ImageCounts(**numbers, problems=(*_sums(numbers), *_sequence(published, estimates, received)))


def missing_images(stamps: Sequence[int]) -> int:
    """How many images gaps between these stamps (nanoseconds, in order) show as missing, counted as the node does."""
    gaps = StampGaps()
    return sum(gaps.lost(stamp) for stamp in stamps)


def _sums(numbers: Mapping[str, int]) -> list[str]:
    problems = []
    total = sum(numbers[name] for name in FATES)
    if numbers["received"] != total:
        parts = " + ".join(f"{numbers[name]} {name}" for name in FATES)
        problems.append(f"received {numbers['received']} is not {parts} = {total}")
    if numbers["lost_in_transport"] < 0:
        problems.append(f"the node received {numbers['received']} images, but {numbers['published']} were published")
    elif numbers["lost_seen_by_node"] > numbers["lost_in_transport"] + numbers["missing_in_bag"]:
        seen, lost, missing = (numbers[name] for name in ("lost_seen_by_node", "lost_in_transport", "missing_in_bag"))
        problems.append(
            f"the node saw {seen} images missing, but {lost} were lost in transport and the bag lacks {missing}"
        )
    for fate, heard in (("estimated", "heard_valid"), ("invalid", "heard_invalid")):
        if numbers[fate] != numbers[heard]:
            problems.append(f"the node counts {numbers[fate]} {fate}, the recorder heard {numbers[heard]}")
    return problems


def _sequence(published: Sequence[int], estimates: Sequence[HeardEstimate], received: int) -> list[str]:
    """Each estimate says how many images had been received: that fixes how many were lost up to there."""
    problems = []
    if any(later.sequence <= earlier.sequence for earlier, later in pairwise(estimates)):
        problems.append("the sequence numbers of the estimates do not increase")
    lost_before = 0
    known = set(published)
    for heard in estimates:
        if heard.stamp not in known:
            problems.append(f"an estimate has the stamp {heard.stamp}, with which no image was published")
            break
        lost = bisect_right(published, heard.stamp) - heard.sequence
        if lost < lost_before:
            problems.append(f"image {heard.sequence} at stamp {heard.stamp}: {lost} lost, {lost_before} before")
            break
        lost_before = lost
    if lost_before > len(published) - received >= 0:
        problems.append(f"{lost_before} images were lost before the last estimate, {len(published) - received} in all")
    return problems
