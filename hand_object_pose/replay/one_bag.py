"""One bag through the estimator: every chosen frame, with its errors where the truth is known."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.root_depth_modes import USING_DEPTH_IMAGES
from hand_object_pose.evaluation.frame_record import INVALID, REFUSED, FrameRecord
from hand_object_pose.evaluation.shown_frames import ShownFrames
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.replay.answers import Answers
from hand_object_pose.replay.bag import Bag
from hand_object_pose.replay.bag_files import open_recording
from hand_object_pose.replay.configuration import IMAGE_OPTIONS, ReplayConfig
from hand_object_pose.replay.frame_keeper import FrameKeeper
from hand_object_pose.replay.frame_truth import Truth
from hand_object_pose.replay.frames import FrameReader
from hand_object_pose.replay.object_truth import read_transform_truth
from hand_object_pose.replay.plan import PlannedFrame, plan_frames, read_stamps_of
from hand_object_pose.replay.scoring import ScoredFrame, score_frame, with_stability
from hand_object_pose.replay.topics import ESTIMATES, BagTopics, find_topics
from hand_object_pose.replay.truth import find_truth_topic, read_truth
from hand_object_pose.replay.watchers import BagFacts, SinkFactory, Watcher

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BagResult:
    """Everything that the evaluation of one bag found.

    Attributes:
        frames: see ``ScoredFrame``, in the order of the bag.
        images: how many the bag holds; truths: how many true poses; truth_topic: where they are.
        topics: that were used.
        duration_s: between the first and the last image.
        left_out: what could not be read; remarks: what else a reader should know.
        weights: see there; device: where the network ran.
        digest: tells bags apart whatever they are called.
        shown: what the report shows beyond the rows.
        live: what became of the images that were played into a live node, for JSON; None: it was not one.
    """

    frames: list[ScoredFrame]
    images: int
    truths: int
    truth_topic: str
    topics: BagTopics
    duration_s: float
    left_out: list[str]
    remarks: list[str]
    weights: WeightsInfo
    device: str
    digest: str
    shown: ShownFrames
    live: dict[str, Any] | None = None

    @property
    def records(self) -> list[FrameRecord]:
        """Rows for files."""
        return [frame.record for frame in self.frames]


@dataclass(frozen=True)
class OpenedBag:
    """A bag of which it is known what it holds.

    Attributes:
        bag: open; topics, truth_topic: of it.
        depth: topic that the wrist's depth comes from; None: it is given.
        stamps: of all messages of the topics that are used, nanoseconds, in the order of the bag.
    """

    bag: Bag
    topics: BagTopics
    truth_topic: str
    depth: str | None
    stamps: dict[str, list[int]] = field(default_factory=dict)


def evaluate_one_bag(
    path: Path, config: ReplayConfig, answers: Answers, progress: Progress, sinks: Sequence[SinkFactory] = ()
) -> BagResult:
    """Ask for an answer to every chosen frame of a bag, and score it.

    Args:
        path: of the bag.
        config: see there.
        answers: see there.
        progress: is told how many frames are done, and of how many.
        sinks: who else is shown the frames with their estimates.

    Raises:
        UserError: it cannot be evaluated, for a reason in words.
    """
    with closing(open_recording(path)) as bag:
        opened = open_with_topics(bag, config)
        weights = answers.weights
        truth = _truth(opened, config, weights)
        plan = plan_frames(bag.name, opened.stamps, opened.topics, opened.depth, config)
        side = config.settings.text("hand_side")
        keeper = FrameKeeper(weights, len(plan), side, answers.backend)
        with ExitStack() as stack:
            facts = BagFacts(_frame_id(opened), weights, side)
            watchers = [keeper, *(stack.enter_context(closing(make(facts))) for make in sinks)]
            frames = _frames(opened, config, answers, truth, plan, watchers, progress)
        images = opened.stamps[opened.topics.image.name]
        _refuse_useless(bag, frames)
        return BagResult(
            with_stability(frames),
            len(images),
            truth.count,
            truth.topic,
            opened.topics,
            (max(images) - min(images)) / 1e9,
            [*bag.left_out, *_not_there(bag, opened.topics.image.name, len(images))],
            [*bag.remarks, *_remarks(frames, truth, len(plan), config)],
            weights,
            answers.device,
            _digest(opened),
            keeper.shown(),
        )


def _digest(opened: OpenedBag) -> str:
    """SHA-256 of the images' stamps and of the first image: the same for copies and recompressed files of a bag."""
    bag, topic = opened.bag, opened.topics.image.name
    digest = hashlib.sha256(repr(list(opened.stamps[topic])).encode())
    digest.update(bytes(bag.content(next(iter(bag.messages([topic])))).data))
    return digest.hexdigest()


def open_with_topics(bag: Bag, config: ReplayConfig) -> OpenedBag:
    """Tell topics apart and read all stamps.

    Raises:
        UserError: the bag lacks something that is needed.
    """
    if not bag.types:
        raise UserError(f"{bag.name}: the bag is empty: it holds no message on any topic")
    topics = find_topics(Path(bag.name), bag.types, config.image_topic, config.depth_topic, IMAGE_OPTIONS)
    truth_topic = find_truth_topic(bag.name, bag.types, config.truth_topic)
    depth = _depth_topic(bag, topics, truth_topic, config)
    used = [topics.image.name, topics.camera_info, *(name for name in (depth, topics.detections) if name)]
    stamps = read_stamps_of(bag, used)
    for name in used[:2]:
        if not stamps[name]:
            raise UserError(
                f"{bag.name}: holds no message on {name}, of which every image needs one; found "
                + ", ".join(f"{len(found)} on {topic}" for topic, found in stamps.items())
                + "".join(f"; {damage}" for damage in bag.left_out)
            )
    return OpenedBag(bag, topics, truth_topic, depth, stamps)


def _depth_topic(bag: Bag, topics: BagTopics, truth_topic: str, config: ReplayConfig) -> str | None:
    """What the wrist's depth comes from."""
    if config.root_depth_mode in USING_DEPTH_IMAGES and topics.depth is not None:
        return topics.depth.name
    if config.root_depth_mode == "depth_image":
        raise UserError(
            f"{bag.name}: holds no depth images (a topic of images with 'depth' in its name); give the wrist's "
            "depth in metres with --root-depth"
        )
    if config.root_depth_mode == "ground_truth":
        if bag.types.get(truth_topic) != ESTIMATES:
            raise UserError(
                f"{bag.name}: the wrist's depth is to come from the ground truth, but there is no topic of {ESTIMATES} "
                "with it"
            )
        return truth_topic
    return None


def _truth(opened: OpenedBag, config: ReplayConfig, weights: WeightsInfo) -> Truth:
    bag, frame_id, object_id = opened.bag, _frame_id(opened), config.settings.text("object_id")
    if config.truth_frame:
        return read_transform_truth(bag, config.truth_frame, config.camera_frame or frame_id, weights, object_id)
    return read_truth(bag, opened.truth_topic, frame_id, weights, object_id)


def _frame_id(opened: OpenedBag) -> str:
    """Of the images, as the first one says."""
    first = next(iter(opened.bag.messages([opened.topics.image.name])))
    return str(opened.bag.content(first).header.frame_id)


def _frames(
    opened: OpenedBag,
    config: ReplayConfig,
    answers: Answers,
    truth: Truth,
    plan: Sequence[PlannedFrame],
    watchers: Sequence[Watcher],
    progress: Progress,
) -> list[ScoredFrame]:
    weights = answers.weights
    reader = FrameReader(opened.bag, opened.topics, opened.depth, config.settings, list(weights.objects))
    tolerance = round(config.truth_tolerance * 1e9)
    frames = []
    camera: Camera | None = None
    for replayed in reader.frames(plan):
        if replayed.planned.jumped:
            # As the node does: a track belongs to the time before.
            answers.reset()
        known = truth.at(replayed.planned.stamp, tolerance)
        result = answers.answer(replayed.planned.stamp, replayed.frame) if replayed.frame is not None else None
        camera = replayed.frame.camera if replayed.frame is not None else camera
        frames.append(score_frame(replayed, result, known, weights, camera))
        for watcher in watchers:
            watcher.see(replayed.frame, result, frames[-1])
        progress(len(frames), len(plan))
    return frames


def _refuse_useless(bag: Bag, frames: Sequence[ScoredFrame]) -> None:
    if frames and all(frame.record.outcome == REFUSED for frame in frames):
        raise UserError(
            f"{bag.name}: none of its {len(frames)} images could be used, the first because: {frames[0].record.reason}"
        )


def _not_there(bag: Bag, topic: str, found: int) -> list[str]:
    expected = bag.announced.get(topic, found)
    return [f"{bag.name}: {found} of the {expected} images on {topic} could be read"] if found < expected else []


def _remarks(frames: Sequence[ScoredFrame], truth: Truth, planned: int, config: ReplayConfig) -> list[str]:
    remarks = _unexpected(frames)
    refused = [frame.record for frame in frames if frame.record.outcome == REFUSED]
    if refused:
        remarks.append(f"{len(refused)} images could not be used, the first because: {refused[0].reason}")
    if len(frames) < planned:
        remarks.append(f"{planned - len(frames)} images were announced by the bag and could not be read")
    if not truth.topic:
        remarks.append("no ground truth: no errors, only what can be measured without it")
    elif not truth.count:
        remarks.append(f"{truth.topic} holds no truth that can be used")
    elif unknown := sum(frame.truth is None for frame in frames):
        remarks.append(
            f"{unknown} of {len(frames)} images have no truth on {truth.topic} within {config.truth_tolerance:g} s "
            "(--truth-tolerance), and no errors"
        )
    return remarks


def _unexpected(frames: Sequence[ScoredFrame]) -> list[str]:
    """What looks like a mistake in the settings."""
    invalid = Counter(frame.record.reason for frame in frames if frame.record.outcome == INVALID)
    remarks = []
    if invalid and invalid.total() == len(frames):
        reason, count = invalid.most_common(1)[0]
        remarks.append(f"not one valid estimate; {count} of {len(frames)} because: {reason}")
    wrong = Counter(
        (frame.record.object, frame.truth.object_name)
        for frame in frames
        if frame.record.is_valid and frame.truth and frame.record.object != frame.truth.object_name
    )
    for (estimated, true), count in wrong.items():
        remarks.append(f"{count} valid estimates are of '{estimated}', while '{true}' is true: no errors of the object")
    return remarks
