"""What is to be done with each bag of an evaluation, and whether it was done before."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from hand_object_pose import __version__
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS
from hand_object_pose.estimation.box_detector import DEFAULT_WEIGHTS as DETECTOR_WEIGHTS
from hand_object_pose.estimation.onnx_backend import onnx_path_of
from hand_object_pose.estimation.uncertainty_file import uncertainty_path
from hand_object_pose.estimation.weights_file import file_hash
from hand_object_pose.evaluation.environment import available_cores, describe_environment
from hand_object_pose.evaluation.evaluation_file import METRICS_FILE, read_evaluation, write_evaluation
from hand_object_pose.evaluation.report.shown_frames import SHOWN_FILE, read_shown_frames
from hand_object_pose.replay.bag_files import bag_files
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.frame_sinks import sink_files
from hand_object_pose.ros.parameters import Settings

_MARK = "fingerprint.json"


@dataclass(frozen=True)
class Job:
    """One bag, what to do with it, and where its results go.

    Attributes:
        path: of the bag; name: of its results; folder: for them, exists.
        config: see there.
        run: protocol, threads and environment, for metrics.json.
        fingerprint: changes with everything that decides the results.
    """

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

    def finished(self) -> dict[str, Any] | None:
        """The bag's entry, if all of its results are there already."""
        try:
            mark = json.loads((self.folder / _MARK).read_text(encoding="utf-8"))
            read_evaluation(self.folder)
            # Results of earlier versions have no frames to show.
            read_shown_frames(self.folder / SHOWN_FILE)
        except (OSError, ValueError, UserError):
            return None
        if not all((self.folder / name).exists() for name in sink_files(self.config)):
            return None
        return mark["entry"] if mark.get("fingerprint") == self.fingerprint else None

    def begin(self) -> None:
        """From now on the results are not complete."""
        (self.folder / _MARK).unlink(missing_ok=True)
        (self.folder / METRICS_FILE).unlink(missing_ok=True)

    def finish(self, entry: Mapping[str, Any]) -> None:
        """They are, and never before: an interrupted bag must not be taken for a finished one."""
        write_evaluation(self.folder / _MARK, {"fingerprint": self.fingerprint, "entry": entry})


def plan_jobs(bags: Sequence[Path], config: ReplayConfig, out: Path, mode: str) -> list[Job]:
    """A job for each bag, with a folder of its own in ``out``.

    Raises:
        UserError: there is no bag.
    """
    threads = int(config.settings.number("threads")) or available_cores()
    environment = describe_environment()
    run = {"mode": mode, "protocol": config.protocol(), "threads": threads, "environment": environment}
    read = [_file_hash(file) for file in _files_read(config.settings)]
    jobs = []
    for path, name in zip(bags, _names(bags), strict=True):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        jobs.append(Job(path, name, folder, config, run, _fingerprint(path, config, read, run)))
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


def _files_read(settings: Settings) -> list[Path]:
    """What the estimator reads besides the bag, all of which can change under the same names.

    The network's file can be exported anew from the same weights, its uncertainty and the hand calibrated anew.
    """
    weights = Path(settings.text("weights") or DEFAULT_WEIGHTS)
    files = [weights, onnx_path_of(weights), uncertainty_path(weights), DETECTOR_WEIGHTS]
    return [*files, *map(Path, filter(None, [settings.text("calibration_path")]))]


def _fingerprint(path: Path, config: ReplayConfig, read: Sequence[str], run: Mapping[str, Any]) -> str:
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
        "read": read,
        "run": run,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    """SHA-256; empty where there is no such file, which whoever loads it will say better."""
    return file_hash(path) if path.is_file() else ""
