"""`hand-object-pose evaluate-bag`: bags through the estimator of the node, without ROS, and what came of it."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from hand_object_pose.cli.numbers import LARGEST_DOMAIN, check_range
from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.comparability import differences
from hand_object_pose.evaluation.evaluation_file import COMPLETE, METRICS_FILE, read_evaluation
from hand_object_pose.evaluation.gates import Condition, GateResult, judge_regressions, parse_share
from hand_object_pose.evaluation.report.evaluation_report import REPORT_FILE, write_evaluation_report
from hand_object_pose.evaluation.report.junit import write_junit
from hand_object_pose.evaluation.report.markdown import summary
from hand_object_pose.evaluation.report.terminal import print_summary
from hand_object_pose.live.evaluation import evaluate_live
from hand_object_pose.replay.chosen_images import read_stamps
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.parameter_file import read_parameters
from hand_object_pose.replay.run import evaluate_bags
from hand_object_pose.ros.input_list import read_inputs
from hand_object_pose.ros.parameters import Settings, Value

SUCCESS, GATE_FAILED, ERROR, PARTIAL, INTERRUPTED = 0, 1, 2, 3, 130
SUMMARY = "summary.md"


def run(
    bags: Annotated[tuple[Path, ...], tyro.conf.Positional],
    out: Path = Path("out/evaluation"),
    object_id: Annotated[str | None, tyro.conf.arg(name="object")] = None,
    weights: Path | None = None,
    parameters: Path | None = None,
    root_depth: float | None = None,
    given: Literal["nothing", "root_depth"] = "nothing",
    every: int = 1,
    stamps: Path | None = None,
    live: bool = False,
    domain_id: int | None = None,
    image_topic: str = ReplayConfig.image_topic,
    depth_topic: str = ReplayConfig.depth_topic,
    truth_topic: str = ReplayConfig.truth_topic,
    truth_frame: str = ReplayConfig.truth_frame,
    camera_frame: str = ReplayConfig.camera_frame,
    truth_tolerance: float = ReplayConfig.truth_tolerance,
    processes: int = 1,
    threads: int | None = None,
    fresh: bool = False,
    fail_if: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    baseline: Path | None = None,
    max_regression: str = "5%",
    junit: Path | None = None,
    annotated_bag: bool = ReplayConfig.annotated_bag,
    rerun: bool = ReplayConfig.rerun,
) -> int:
    """Show every image of bags to the node's estimator, compare with the truth, and write what was found.

    With --live, the bags are played into the real node instead.

    Writes metrics.json, summary.md, report.html, and for each bag frames.csv, timings.csv, trajectories (TUM) and a bag
    with the estimates for RViz and Foxglove.
    Bags without ground truth are measured by what needs none. Exit status: 0 success; 1 a gate failed; 2 an error,
    nothing could be evaluated; 3 partial, something could not be read and no gate failed.

    Args:
        bags: rosbag2 (MCAP or SQLite, directories or files) or ROS 1 .bag.
        out: directory for everything that is written; finished bags in it are not evaluated again.
        object_id: what to look for; unless given, what the detections say, or the only one that the weights know.
        weights: a .safetensors file; the weights that ship with this package unless given.
        parameters: a ROS parameter file with the node's parameters; options of this command go before it.
        root_depth: depth of the wrist in metres, for bags without depth images.
        given: what the estimator is told of the truth: nothing, or the wrist's depth, as in the paper's evaluation.
        every: evaluate each n-th image only.
        stamps: the images to evaluate, by their stamps in nanoseconds: a file with one a line, a frames.csv, or, for
            the very images that a live node worked on, its live_inputs.csv or a bag with its topic `estimate`.
        live: play the bags at wall-clock rate into the real node, which needs ROS, and evaluate what it publishes:
            what it drops is counted, and its latencies are measured. Writes live_inputs.csv, for --stamps.
        domain_id: ROS domain of --live; a random one unless given.
        image_topic: the colour images' topic, where there are several.
        depth_topic: the same of the depth images aligned to them.
        truth_topic: ground truth under another name than `ground_truth`: HandObjectEstimates, or PoseStamped of the
            object, in the images' frame or in one that transforms connect with it.
        truth_frame: the object's frame in /tf and /tf_static, where the truth comes from there.
        camera_frame: the camera's optical frame there, unless it is called as in the images.
        truth_tolerance: largest difference of the stamps of an image and its truth, seconds.
        processes: how many bags to evaluate at the same time.
        threads: of the network on a CPU; unless given as many as the node's default.
        fresh: evaluate finished bags again.
        fail_if: a condition such as 'object.add_s_cm.p95 > 1.5' under which the exit status is 1; may be repeated.
        baseline: metrics.json of an earlier evaluation that this one must not be worse than.
        max_regression: by which share of the baseline's value a mean may be worse.
        junit: write bags and gates to this file as JUnit XML.
        annotated_bag: write pictures with the meshes over them, markers, poses and numbers of each bag as a bag.
        rerun: write a recording for Rerun's viewer, too (needs rerun-sdk).
    """
    check_range("--domain-id", domain_id, 0, LARGEST_DOMAIN)
    check_range("--truth-tolerance", truth_tolerance, 0, unit="seconds")
    # What can be wrong with the gates is said before the work, not after it.
    conditions = [Condition.parse(text) for text in fail_if]
    allowed = parse_share("--max-regression", max_regression)
    earlier = read_evaluation(baseline) if baseline else None
    settings = _settings(parameters, object_id, weights, root_depth, given, threads)
    chosen, inputs = (read_stamps(stamps), read_inputs(stamps)) if stamps else (None, None)
    config = ReplayConfig(
        settings=settings,
        image_topic=image_topic,
        depth_topic=depth_topic,
        truth_topic=truth_topic,
        truth_tolerance=truth_tolerance,
        every=every,
        stamps=chosen,
        inputs=inputs,
        truth_frame=truth_frame,
        camera_frame=camera_frame,
        annotated_bag=annotated_bag,
        rerun=rerun,
    )
    try:
        if live:
            content = evaluate_live(bags, config, out, processes, fresh, domain_id)
        else:
            content = evaluate_bags(bags, config, out, processes, fresh)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on with the bags that are not finished", file=sys.stderr)
        return INTERRUPTED
    gates = [condition.judge(content) for condition in conditions]
    warnings = []
    if earlier is not None:
        gates += judge_regressions(content, earlier, allowed)
        warnings = differences(earlier, content)
    return _finish(out, content, gates, warnings, junit)


def _settings(
    parameters: Path | None,
    object_id: str | None,
    weights: Path | None,
    root_depth: float | None,
    given: str,
    threads: int | None,
) -> Settings:
    if root_depth is not None and given == "root_depth":
        raise UserError("--root-depth and --given root_depth: the wrist's depth is fixed or the true one, not both")
    values = read_parameters(parameters) if parameters else {}
    options: dict[str, Value | None] = {
        "object_id": object_id,
        "weights": str(weights) if weights else None,
        "threads": threads,
        "root_depth.value": root_depth,
        "root_depth.mode": "fixed" if root_depth is not None else "ground_truth" if given == "root_depth" else None,
    }
    try:
        return Settings({**values, **{name: value for name, value in options.items() if value is not None}})
    except ValueError as error:
        raise UserError(str(error)) from error


def _finish(
    out: Path, content: dict[str, Any], gates: list[GateResult], warnings: list[str], junit: Path | None
) -> int:
    text = summary(content, gates, warnings)
    (out / SUMMARY).write_text(text, encoding="utf-8")
    written = [out / SUMMARY, out / METRICS_FILE, *_report(out, content, gates, warnings)]
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        write_junit(junit, content, gates)
    print_summary(content)
    print("\n" + ", ".join(map(str, written)))
    for warning in warnings:
        print(f"BEWARE when comparing with the baseline: {warning}", file=sys.stderr)
    for gate in gates:
        if not gate.passed:
            print(f"GATE FAILED: {gate.name}: {gate.words}", file=sys.stderr)
    if not all(gate.passed for gate in gates):
        return GATE_FAILED
    return SUCCESS if content["status"] == COMPLETE else PARTIAL


def _report(out: Path, content: dict[str, Any], gates: list[GateResult], warnings: list[str]) -> list[Path]:
    """Where the report is; nowhere without the library that draws it, which the numbers do not need."""
    (out / REPORT_FILE).unlink(missing_ok=True)
    try:
        return [write_evaluation_report(out, content, gates, warnings)]
    except UserError as error:
        print(f"no {REPORT_FILE}: {error}", file=sys.stderr)
        return []
