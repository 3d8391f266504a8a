"""Several bags: each evaluated in one process, finished ones not again, and what they give together."""

import hashlib
import json
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hand_object_pose import __version__
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS
from hand_object_pose.estimation.uncertainty_file import uncertainty_path
from hand_object_pose.evaluation.environment import available_cores, describe_environment
from hand_object_pose.evaluation.evaluation_file import FAILED, METRICS_FILE, read_evaluation, write_evaluation
from hand_object_pose.evaluation.shown_frames import SHOWN_FILE, read_shown_frames
from hand_object_pose.parent_death import ending_with_parent
from hand_object_pose.replay.bag_files import bag_files
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.evaluators import Evaluator, Offline
from hand_object_pose.replay.frame_sinks import sink_files
from hand_object_pose.replay.results import evaluation, read_bag_result, write_bag_result
from hand_object_pose.ros.estimator_factory import EstimatorFactory, load_estimator

_MARK = "fingerprint.json"
_POLL = 0.1

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Job:
    """One bag, what to do with it, and where its results go; ``fingerprint`` changes with all that decides them."""

    path: Path
    name: str
    folder: Path
    config: ReplayConfig
    run: Mapping[str, Any]
    fingerprint: str

    @property
    def entry(self) -> dict[str, Any]:
        """What metrics.json says of the bag before it was read."""
        return {"name": self.name, "folder": self.name, "path": str(self.path)}


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
    jobs = _jobs(bags, config, out, evaluator.mode)
    entries: dict[str, dict[str, Any]] = {}
    if not fresh:
        entries = {job.name: found for job in jobs if (found := _finished(job)) is not None}
        for name in entries:
            print(f"{name}: evaluated already, with the same settings")
    waiting = [job for job in jobs if job.name not in entries]
    with _progress_bars() as report:
        run = _one_after_another if min(processes, len(waiting)) < 2 else _side_by_side
        entries |= run(waiting, processes, evaluator, report)
    content = _together(jobs, entries)
    write_evaluation(out / METRICS_FILE, content)
    return content


def _jobs(bags: Sequence[Path], config: ReplayConfig, out: Path, mode: str) -> list[Job]:
    names = _names(bags)
    environment = describe_environment()
    threads = int(config.settings.number("threads")) or available_cores()
    run = {"mode": mode, "protocol": config.protocol(), "threads": threads, "environment": environment}
    path = Path(config.settings.text("weights") or DEFAULT_WEIGHTS)
    weights = _file_hash(path) + _file_hash(uncertainty_path(path))
    jobs = []
    for path, name in zip(bags, names, strict=True):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        jobs.append(Job(path, name, folder, config, run, _fingerprint(path, config, weights, run)))
    return jobs


def _names(bags: Sequence[Path]) -> list[str]:
    """A folder's name for each bag."""
    if not bags:
        raise UserError("expected at least one bag, found none")
    names: list[str] = []
    for path in bags:
        name = path.resolve().name.split(".")[0] or "bag"
        candidates = chain([name], (f"{name}-{number}" for number in count(2)))
        names.append(next(candidate for candidate in candidates if candidate not in names))
    return names


def _fingerprint(path: Path, config: ReplayConfig, weights: str, run: Mapping[str, Any]) -> str:
    files = []
    if path.exists():
        stats = [(file, file.stat()) for file in bag_files(path)]
        files = [(str(file), stat.st_size, stat.st_mtime_ns) for file, stat in stats]
    facts = {
        "version": __version__,
        "bag": str(path.resolve()),
        "files": files,
        "settings": dict(config.settings),
        "topics": [config.image_topic, config.depth_topic, config.truth_topic, config.truth_tolerance],
        "truth": [config.truth_frame, config.camera_frame],
        "frames": [config.every, config.stamps, config.inputs and [astuple(row) for row in config.inputs]],
        "weights": weights,
        "run": run,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    """SHA-256; empty where there is no such file, which whoever loads it will say better."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _finished(job: Job) -> dict[str, Any] | None:
    """The entry of a bag whose results are there already."""
    try:
        mark = json.loads((job.folder / _MARK).read_text(encoding="utf-8"))
        read_evaluation(job.folder)
        # Results of earlier versions have no frames to show.
        read_shown_frames(job.folder / SHOWN_FILE)
    except (OSError, ValueError, UserError):
        return None
    if not all((job.folder / name).exists() for name in sink_files(job.config)):
        return None
    return mark["entry"] if mark.get("fingerprint") == job.fingerprint else None


def _work(job: Job, evaluator: Evaluator, report: Report) -> dict[str, Any]:
    """Evaluate one bag; the mark is written last, so that an interrupted bag is never taken for a finished one."""
    mark = job.folder / _MARK
    mark.unlink(missing_ok=True)
    (job.folder / METRICS_FILE).unlink(missing_ok=True)
    evaluate = evaluator.prepare(job.config.settings)
    try:
        result = evaluate(job.path, job.config, job.folder, lambda done, total: report(job.name, done, total))
    except UserError as error:
        return {**job.entry, "status": FAILED, "reason": str(error), "digest": "", "left_out": [], "remarks": []}
    entry = write_bag_result(job.folder, result, job.entry, job.run)
    write_evaluation(mark, {"fingerprint": job.fingerprint, "entry": entry})
    return entry


def _one_after_another(
    jobs: Sequence[Job], processes: int, evaluator: Evaluator, report: Report
) -> dict[str, dict[str, Any]]:
    return {job.name: _work(job, evaluator, report) for job in jobs}


_queue: list[Any] = []


def _begin_process(queue: Any) -> None:
    """In each process of the pool, which would otherwise wait for ever for a parent that was killed."""
    ending_with_parent()()
    _queue[:] = [queue]


def _work_elsewhere(job: Job, evaluator: Evaluator) -> dict[str, Any]:
    try:
        return _work(job, evaluator, lambda *message: _queue[0].put(message))
    except UserError as error:
        # Its own kind may not survive the way to another process.
        raise UserError(str(error)) from None


def _side_by_side(
    jobs: Sequence[Job], processes: int, evaluator: Evaluator, report: Report
) -> dict[str, dict[str, Any]]:
    # Not forked: the libraries' threads would not be copied along.
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    found: dict[str, dict[str, Any]] = {}
    with ProcessPoolExecutor(min(processes, len(jobs)), context, _begin_process, (queue,)) as pool:
        with _interrupts_ignored():
            waiting: dict[Future, str] = {pool.submit(_work_elsewhere, job, evaluator): job.name for job in jobs}
        try:
            while waiting:
                done, _ = wait(waiting, timeout=_POLL, return_when=FIRST_COMPLETED)
                while not queue.empty():
                    report(*queue.get())
                for future in done:
                    found[waiting.pop(future)] = _outcome(future)
        except KeyboardInterrupt:
            for child in multiprocessing.active_children():
                child.terminate()
            raise
    return found


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes that are started meanwhile leave Ctrl-C to this one, and do not say each where it met them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _outcome(future: Future) -> dict[str, Any]:
    try:
        return future.result()
    except BrokenProcessPool:
        raise UserError(
            "a process that evaluated a bag was killed, as the system does when memory runs out: try fewer "
            "--processes; bags that were finished are kept, and the same command goes on with the others"
        ) from None


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


@contextmanager
def _progress_bars() -> Iterator[Report]:
    """A bar for each bag, shown on terminals only."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done)

        yield report
