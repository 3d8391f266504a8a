"""One bag through the estimator: every chosen frame, with its errors where the truth is known."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.replay.answers import Answers
from hand_object_pose.replay.bag_files import open_recording
from hand_object_pose.replay.bag_result import BagResult
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.frame_keeper import FrameKeeper
from hand_object_pose.replay.frame_truth import Truth
from hand_object_pose.replay.frames import FrameReader, ReplayedFrame
from hand_object_pose.replay.object_truth import read_transform_truth
from hand_object_pose.replay.opened_bag import OpenedBag, open_with_topics
from hand_object_pose.replay.plan import PlannedFrame, plan_frames
from hand_object_pose.replay.remarks import left_out, refuse_useless, remarks
from hand_object_pose.replay.scored_frame import ScoredFrame
from hand_object_pose.replay.scoring import score_frame, with_stability
from hand_object_pose.replay.truth import read_truth
from hand_object_pose.replay.watchers import BagFacts, SinkFactory

Progress = Callable[[int, int], None]


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
        keeper = FrameKeeper(weights, len(plan), answers.backend)
        scorer = _Scorer(truth, round(config.truth_tolerance * 1e9), weights)
        frames: list[ScoredFrame] = []
        with ExitStack() as stack:
            facts = BagFacts(opened.frame_id(), weights)
            watchers = [keeper, *(stack.enter_context(closing(make(facts))) for make in sinks)]
            for replayed, result in _answered(opened, config, answers, plan):
                frames.append(scorer.score(replayed, result))
                for watcher in watchers:
                    watcher.see(replayed.frame, result, frames[-1])
                progress(len(frames), len(plan))
        refuse_useless(bag.name, frames)
        return BagResult(
            with_stability(frames),
            len(opened.images),
            truth.count,
            truth.topic,
            opened.topics,
            opened.seconds,
            left_out(opened),
            [*bag.remarks, *remarks(frames, truth, len(plan), config)],
            weights,
            answers.device,
            opened.digest(),
            keeper.shown(),
        )


def _truth(opened: OpenedBag, config: ReplayConfig, weights: WeightsInfo) -> Truth:
    bag, frame_id, object_id = opened.bag, opened.frame_id(), config.settings.text("object_id")
    if config.truth_frame:
        return read_transform_truth(bag, config.truth_frame, config.camera_frame or frame_id, weights, object_id)
    return read_truth(bag, opened.truth_topic, frame_id, weights, object_id)


def _answered(
    opened: OpenedBag, config: ReplayConfig, answers: Answers, plan: Sequence[PlannedFrame]
) -> Iterator[tuple[ReplayedFrame, FrameResult | None]]:
    """Each frame that can be read, with the answer to it, if it can be used."""
    known_objects = list(answers.weights.objects)
    reader = FrameReader(opened.bag, opened.topics, opened.depth, config.settings, known_objects)
    for replayed in reader.frames(plan):
        if replayed.planned.jumped:
            # As the node does: a track belongs to the time before.
            answers.reset()
        frame = replayed.frame
        yield replayed, None if frame is None else answers.answer(replayed.planned.stamp, frame)


class _Scorer:
    """Compares answers with the truth of their images; ``tolerance``: of stamps, nanoseconds."""

    def __init__(self, truth: Truth, tolerance: int, weights: WeightsInfo) -> None:
        self._truth, self._tolerance, self._weights = truth, tolerance, weights
        self._camera: Camera | None = None

    def score(self, replayed: ReplayedFrame, result: FrameResult | None) -> ScoredFrame:
        """The next frame of the bag."""
        if replayed.frame is not None:
            self._camera = replayed.frame.camera
        truth = self._truth.at(replayed.planned.stamp, self._tolerance)
        return score_frame(replayed, result, truth, self._weights, self._camera)
