"""Evaluation of a bag by the real node: it is played over DDS, and what the node publishes is scored."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS
from hand_object_pose.estimation.root_depth_modes import USING_DEPTH_IMAGES
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.live.answers import LiveAnswers, write_estimates
from hand_object_pose.live.counts import ImageCounts, count_images
from hand_object_pose.live.playback import Playback
from hand_object_pose.live.processes import signals_raise
from hand_object_pose.live.recording import Recording, read_recording
from hand_object_pose.live.session import Session, require_ros, run_session
from hand_object_pose.live.timing import age_slope
from hand_object_pose.replay.bag_files import open_recording
from hand_object_pose.replay.bag_result import BagResult
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.evaluators import Evaluation
from hand_object_pose.replay.frame_sinks import frame_sinks
from hand_object_pose.replay.one_bag import Progress, evaluate_one_bag
from hand_object_pose.replay.opened_bag import OpenedBag, open_with_topics
from hand_object_pose.replay.run import evaluate_bags
from hand_object_pose.replay.topics import BagTopics
from hand_object_pose.ros.bag_source import check_playable
from hand_object_pose.ros.input_list import InputStamps, read_inputs, write_inputs
from hand_object_pose.ros.parameters import Settings

# What became of images, for people.
_WORDS = {
    "lost_in_transport": "lost before they arrived",
    "estimated": "with a valid estimate",
    "invalid": "with an invalid one",
    "replaced": "replaced by newer ones while the node was busy",
    "too_old": "too old",
    "refused": "refused",
}
INPUTS_FILE, ESTIMATES_BAG, LOGS = "live_inputs.csv", "live_estimates", "logs"


def evaluate_live(
    bags: Sequence[Path], config: ReplayConfig, out: Path, processes: int, fresh: bool, domain_id: int | None = None
) -> dict[str, Any]:
    """Play bags one after the other into the node, and score what it publishes; see ``evaluate_bags``.

    Raises:
        UserError: none of the bags can be evaluated, ROS is missing, or an option has no meaning here.
    """
    for option, given in (("--processes", processes != 1), ("--every", config.every != 1), ("--stamps", config.stamps)):
        if given:
            raise UserError(f"{option} has no meaning with --live: the node itself takes as many images as it can")
    with signals_raise():
        return evaluate_bags(bags, config, out, fresh=fresh, evaluator=Live(domain_id))


@dataclass(frozen=True)
class Live:
    """By the node, in a process of its own; ``domain_id``: of ROS, None: a random one."""

    domain_id: int | None = None
    mode: str = "live"

    def prepare(self, settings: Settings) -> Evaluation:
        """See that the node can run.

        Raises:
            UserError: ROS or the weights are missing.
        """
        require_ros("evaluate-bag --live", "Without --live, evaluate-bag needs no ROS.")
        weights = load_weights_info(Path(settings.text("weights") or DEFAULT_WEIGHTS))
        return lambda path, config, folder, progress: _evaluate(self, path, config, folder, weights, progress)


def _evaluate(
    live: Live, path: Path, config: ReplayConfig, folder: Path, weights: WeightsInfo, progress: Progress
) -> BagResult:
    inputs = folder / LOGS / INPUTS_FILE
    playback, published = _playback(live, path, config, inputs)
    session = run_session(playback, folder, lambda seconds: progress(round(seconds), round(playback.seconds)))
    recording = read_recording(session.heard)
    counts = count_images(session.published(playback.topics.image.name), recording.counts, recording.estimates)
    rows = [row.moved(-session.shift) for row in read_inputs(inputs) or ()]
    if not rows:
        raise UserError(f"{path}: the live node worked on none of its images: {_sentence(counts)}; see {folder / LOGS}")
    _keep(folder, session, rows)
    chosen = replace(config, stamps=tuple(row.image for row in rows), inputs=tuple(rows))
    answers = LiveAnswers(recording.estimates, session.shift, weights, recording.device)
    result = evaluate_one_bag(path, chosen, answers, progress, frame_sinks(config, folder))
    return replace(
        result,
        left_out=[*result.left_out, *(f"the counts do not add up: {problem}" for problem in counts.problems)],
        remarks=[_sentence(counts), *_missing(published, counts), *result.remarks],
        live=_facts(counts, session, recording),
    )


def _playback(live: Live, path: Path, config: ReplayConfig, inputs: Path) -> tuple[Playback, int]:
    """What to play, and how many images that are."""
    with closing(open_recording(path)) as bag:
        check_playable(bag, path)
        opened = open_with_topics(bag, config)
        settings = {**config.settings, "input_list": str(inputs.resolve()), "autostart": True}
        if weights := config.settings.text("weights"):
            settings["weights"] = str(Path(weights).resolve())
        playback = Playback(
            path,
            _given(opened, config),
            bag.types,
            settings,
            max(opened.seconds, 1.0),
            truth_topic=opened.truth_topic if config.root_depth_mode == "ground_truth" else "",
            domain_id=live.domain_id,
        )
        return playback, len(opened.images)


def _given(opened: OpenedBag, config: ReplayConfig) -> BagTopics:
    """The topics that the node listens to with these settings."""
    return opened.topics if config.root_depth_mode in USING_DEPTH_IMAGES else replace(opened.topics, depth=None)


def _sentence(counts: ImageCounts) -> str:
    """What became of all images."""
    numbers = {words: getattr(counts, name) for name, words in _WORDS.items()}
    fates = " + ".join(f"{number} {words}" for words, number in numbers.items() if number)
    return f"played live: {counts.published} images" + (f" = {fates}" if fates else "")


def _missing(images: int, counts: ImageCounts) -> list[str]:
    short = images - counts.published
    return [f"{short} of {images} images could not be played"] if short else []


def _facts(counts: ImageCounts, session: Session, recording: Recording) -> dict[str, Any]:
    several = len(recording.estimates) > 1
    return {
        "counts": counts.as_dict(),
        "age_slope_ms_per_s": age_slope(recording.estimates) if several else None,
        "player_max_lateness_ms": session.max_lateness_ms,
        "exit_codes": dict(session.exit_codes),
        **{name: recording.counts.get(name) for name in ("unsynchronised", "clock_jumps", "worker_restarts")},
    }


def _keep(folder: Path, session: Session, rows: Sequence[InputStamps]) -> None:
    """What is worth keeping of a playback, with the stamps of the bag."""
    write_inputs(folder / INPUTS_FILE, rows)
    shutil.rmtree(folder / ESTIMATES_BAG, ignore_errors=True)
    write_estimates(folder / ESTIMATES_BAG, session.heard, session.shift)
    shutil.rmtree(session.heard)
