"""Several bags: each evaluated in one process, finished ones not again, and what they give together."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.evaluation_file import FAILED, METRICS_FILE, write_evaluation
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.evaluators import Evaluator, Offline
from hand_object_pose.replay.jobs import Job, plan_jobs
from hand_object_pose.replay.progress_bars import Report, progress_bars
from hand_object_pose.replay.results import evaluation, read_bag_result, write_bag_result
from hand_object_pose.replay.side_by_side import side_by_side
from hand_object_pose.ros.estimator_factory import EstimatorFactory, load_estimator


def evaluate_bags(
    bags: Sequence[Path],
    config: ReplayConfig,
    out: Path,
    processes: int = 1,
    fresh: bool = False,
    factory: EstimatorFactory = load_estimator,
    evaluator: Evaluator | None = None,
) -> dict[str, Any]:
    """Evaluate bags and write their results and those of all together; returns the content of metrics.json.

    Args:
        bags: paths; several frames of one bag are never worked on at the same time.
        config: see there.
        out: directory; finished results of the same bags with the same settings in it are not computed again.
        processes: how many bags at the same time.
        fresh: evaluate everything anew.
        factory: makes the estimators; must be importable where ``processes`` is more than one.
        evaluator: evaluates in another way than by estimators of the factory.

    Raises:
        UserError: none of the bags can be evaluated.
    """
    if processes < 1:
        raise UserError(f"--processes: expected at least 1, found {processes}")
    evaluator = evaluator or Offline(factory)
    jobs = plan_jobs(bags, config, out, evaluator.mode)
    entries = {} if fresh else _finished(jobs)
    waiting = [job for job in jobs if job.name not in entries]
    if waiting:
        # It would speak of results that are about to be replaced.
        (out / METRICS_FILE).unlink(missing_ok=True)
    work = partial(_work, evaluator)
    with progress_bars() as report:
        if min(processes, len(waiting)) < 2:
            entries |= {job.name: work(job, report) for job in waiting}
        else:
            entries |= side_by_side(waiting, processes, work, report)
    content = _together(jobs, entries)
    write_evaluation(out / METRICS_FILE, content)
    return content


def _finished(jobs: Sequence[Job]) -> dict[str, dict[str, Any]]:
    """Entries by name of the bags whose results are there already; says so."""
    entries = {job.name: found for job in jobs if (found := job.finished()) is not None}
    for name in entries:
        print(f"{name}: evaluated already, with the same settings")
    return entries


def _work(evaluator: Evaluator, job: Job, report: Report) -> dict[str, Any]:
    """Evaluate one bag and write its results; returns its entry."""
    job.begin()
    evaluate = evaluator.prepare(job.config.settings)
    try:
        result = evaluate(job.path, job.config, job.folder, partial(report, job.name))
    except UserError as error:
        return {**job.entry, "status": FAILED, "reason": str(error), "digest": "", "left_out": [], "remarks": []}
    entry = write_bag_result(job.folder, result, job.entry, job.run)
    job.finish(entry)
    return entry


def _together(jobs: Sequence[Job], entries: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """One evaluation of all bags, from their files, so that it is the same for those that were finished before."""
    ordered = [entries[job.name] for job in jobs]
    good = [(job, entry) for job, entry in zip(jobs, ordered, strict=True) if entry["status"] != FAILED]
    if not good:
        raise UserError("; ".join(entry["reason"] for entry in ordered))
    results = [read_bag_result(job.folder) for job, _ in good]
    timings = [timing for _, found in results for timing in found]
    plain = [{key: value for key, value in entry.items() if key != "made_with"} for entry in ordered]
    return evaluation(plain, [records for records, _ in results], timings, good[0][1]["made_with"])
