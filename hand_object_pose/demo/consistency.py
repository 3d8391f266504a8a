"""Whether everything published for an image carries its stamp and frame, and all topics say the same."""

from collections.abc import Sequence

from hand_object_pose.live.recording import HeardPose, Recording


def consistency_problems(recording: Recording, published: Sequence[int], frame_id: str) -> list[str]:
    """What is inconsistent, in words.

    Args:
        recording: what the node published.
        published: stamps of the images; frame_id: their frame.
    """
    known = set(published)
    problems = []
    outputs = {
        "estimate": [(heard.stamp, heard.frame_id) for heard in recording.estimates],
        "/tf": [(pose.stamp, pose.frame_id) for pose in recording.transforms],
        "object_pose": [(pose.stamp, pose.frame_id) for pose in recording.object_poses],
    }
    for topic, entries in outputs.items():
        if strange := sum(stamp not in known for stamp, _ in entries):
            problems.append(f"{strange} messages on {topic} have a stamp that no image had")
        if frames := {frame for _, frame in entries} - {frame_id}:
            problems.append(f"messages on {topic} are in the frame {sorted(frames)}, the images in '{frame_id}'")
    estimates = recording.estimate_poses
    problems += _differences("the transforms on /tf", recording.transforms, estimates, named=True)
    problems += _differences("the poses on object_pose", recording.object_poses, estimates, named=False)
    return problems


def _differences(what: str, poses: Sequence[HeardPose], estimates: Sequence[HeardPose], named: bool) -> list[str]:
    """Compared exactly: they are copies of the same numbers."""

    def keys(entries: Sequence[HeardPose]) -> set[tuple]:
        return {(entry.stamp, entry.child_frame_id if named else "", entry.numbers) for entry in entries}

    found, expected = keys(poses), keys(estimates)
    problems = []
    if extra := len(found - expected):
        problems.append(f"{extra} of {what} equal no valid estimate's pose")
    if missing := len(expected - found):
        problems.append(f"{missing} valid estimates have no equal among {what}")
    return problems
