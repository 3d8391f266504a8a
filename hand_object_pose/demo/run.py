"""The whole demo, from a seed or a bag to tables, files and an exit status."""

import json
import shutil
from pathlib import Path

from hand_object_pose.demo.bag_content import BagContent, read_bag
from hand_object_pose.demo.configuration import DemoConfig
from hand_object_pose.demo.consistency import consistency_problems
from hand_object_pose.demo.playback import demo_playback, play
from hand_object_pose.demo.report import write_demo_report
from hand_object_pose.demo.requirements import requirements
from hand_object_pose.demo.results import DemoResults
from hand_object_pose.demo.scoring import check_meshes, score_recording
from hand_object_pose.demo.stamps import original_stamps
from hand_object_pose.demo.synthetic_bag import synthetic_bag
from hand_object_pose.demo.tables import print_results
from hand_object_pose.demo.verdict import card_errors, failures, remarks
from hand_object_pose.demo.view_bag import write_view_bag
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.evaluation.baseline import Baseline
from hand_object_pose.evaluation.environment import available_cores, describe_environment
from hand_object_pose.live.counts import count_images
from hand_object_pose.live.recording import HeardEstimate, Recording, read_recording
from hand_object_pose.live.session import Session, require_ros
from hand_object_pose.live.timing import Rate, age_slope, inferred, latencies, publishing_rate

METRICS, REPORT, ESTIMATES = "metrics.json", "report.html", "estimates"


def run_demo(config: DemoConfig) -> DemoResults:
    """Run the demo and write ``metrics.json``, ``report.html`` and the bag ``estimates`` to ``config.out``.

    Raises:
        UserError: something is missing or does not fit, said in words; ``ChildFailedError``: a process failed.
    """
    require_ros("the demo", "'hand-object-pose predict' works without ROS.")
    weights = load_weights_info(config.weights or DEFAULT_WEIGHTS)
    config.out.mkdir(parents=True, exist_ok=True)
    for name in (METRICS, REPORT):
        (config.out / name).unlink(missing_ok=True)
    content = read_bag(config.bag or synthetic_bag(config), config.image, config.depth)
    object_id = chosen_object(config, content, weights)
    if content.truth.scenes:
        check_meshes(content.truth, weights)
    if content.topics.depth is None and config.root_depth is None:
        raise UserError(f"{content.path}: holds no depth images; give the wrist's depth in metres with --root-depth")
    baseline = Baseline.load(config.baseline) if content.truth.scenes else None
    session = play(demo_playback(config, content, object_id), config.out)
    recording = read_recording(session.heard)
    results = evaluate(config, content, object_id, weights, baseline, session, recording)
    _write(config.out, content, results, session.heard)
    print_results(results)
    print(f"\n{config.out / REPORT}, {config.out / METRICS}, {config.out / ESTIMATES}")
    return results


def evaluate(
    config: DemoConfig,
    content: BagContent,
    object_id: str,
    weights: WeightsInfo,
    baseline: Baseline | None,
    session: Session,
    recording: Recording,
) -> DemoResults:
    """Everything that can be measured from what was played and what was heard."""
    published = session.published(content.topics.image.name)
    originals = original_stamps(content, session.played, session.rounds)
    counts = count_images(published, recording.counts, recording.estimates)
    scores = score_recording(content, recording.estimates, originals, weights, baseline)
    card = card_errors(weights.provenance)
    errors = scores.summary.errors if scores.summary else None
    valid = sum(heard.valid for heard in recording.estimates)
    rate = _rate(recording.estimates)
    slope = age_slope(recording.estimates) if len(recording.estimates) > 1 else None
    wanted = requirements(scores.summary, rate, slope, recording.estimates)
    inconsistent = consistency_problems(recording, published, content.frame_id)
    return DemoResults(
        title=_title(config, object_id),
        bag=str(content.path),
        seed=None if config.bag else config.seed,
        object_id=object_id,
        weights=weights,
        device=recording.device,
        threads=config.threads or available_cores(),
        scores=scores,
        counts=counts,
        latency=latencies(recording.estimates),
        rate=rate,
        age_slope=slope,
        consistency=inconsistent,
        card=card,
        failures=failures(valid, counts, errors, card, inconsistent),
        remarks=remarks(scores.summary, card, bool(content.truth.scenes), wanted),
        requirements=wanted,
        session=_session_facts(content, session, recording),
        environment=describe_environment(),
    )


def chosen_object(config: DemoConfig, content: BagContent, weights: WeightsInfo) -> str:
    """What the node is told to look for; empty: it follows the detections.

    Raises:
        UserError: the weights do not know it, or nothing says what it is.
    """
    if told := config.object_id or content.truth.object_name:
        return weights.object(told).name
    if content.topics.detections:
        return ""
    if len(weights.objects) == 1:
        return next(iter(weights.objects))
    raise UserError(
        f"{content.path}: neither a truth nor detections say which object it shows; give one of "
        f"{', '.join(sorted(weights.objects))} with --object"
    )


def _title(config: DemoConfig, object_id: str) -> str:
    source = f"bag {config.bag}" if config.bag else f"synthetic handover, seed {config.seed}"
    return f"Demo: {source}, {object_id or 'object by detection'}"


def _rate(estimates: list[HeardEstimate]) -> Rate | None:
    inference = [heard.timing["total"] for heard in inferred(estimates)]
    if len(estimates) < 2 or not inference:
        return None
    return publishing_rate([heard.arrived for heard in estimates], inference)


def _session_facts(content: BagContent, session: Session, recording: Recording) -> dict[str, object]:
    played = session.played
    names = ("unsynchronised", "clock_jumps", "worker_restarts")
    return {
        "rounds": session.rounds,
        "seconds": content.period * session.rounds,
        "image_transport": content.topics.image.transport,
        "player_max_lateness_ms": session.max_lateness_ms,
        "player_found_all_subscribers": bool(played["subscribed"]),
        "stamp_shift_ns": session.shift,
        "round_period_ns": int(played["period_ns"]),
        "exit_codes": dict(session.exit_codes),
        "torch_loaded_by_node": session.torch_loaded,
        **{name: recording.counts.get(name) for name in names},
    }


def _write(out: Path, content: BagContent, results: DemoResults, heard: Path) -> None:
    (out / METRICS).write_text(json.dumps(results.as_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    write_view_bag(out / ESTIMATES, heard, content, results.scores.frames, results.weights)
    shutil.rmtree(heard)
    write_demo_report(out / REPORT, content, results)
