"""Mean and worst over several demo sequences."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hand_object_pose.demo.requirements import SHARE, Requirement
from hand_object_pose.demo.results import FORMAT
from hand_object_pose.demo.tables import ERROR_NAMES, verdict
from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose.evaluation.report.html_report import Table

# For these, the smallest value is the worst one.
_HIGHER_IS_BETTER = ("availability", "rate.published_hz")
_OTHERS = (
    "availability",
    "latency.total.p95_ms",
    "latency.end_to_end.p95_ms",
    "rate.published_hz",
    "age_slope_ms_per_s",
)
# Not an error: neither more nor less of it is worse.
_NEUTRAL = ("interaction.cp_percent",)


def read_metrics(path: Path) -> dict[str, Any]:
    """A demo's metrics.json.

    Raises:
        UserError: it is not there, or something else.
    """
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: expected the metrics.json of a demo, found: {in_one_line(error)}") from error
    if not isinstance(metrics, dict) or metrics.get("format") != FORMAT:
        raise UserError(f"{path}: expected the metrics.json of a demo ('{FORMAT}'), found another file")
    return metrics


def summarise_runs(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and worst of each number over runs by name, the baseline's beside them, and which targets they reach.

    ``worst_ratio`` is the largest quotient of a run's error and its baseline's.

    Raises:
        UserError: there are none, or one has no errors.
    """
    if not runs:
        raise UserError("expected at least one metrics.json, found none")
    without = [name for name, run in runs.items() if "baseline" not in run]
    if without:
        raise UserError(f"{', '.join(without)}: no errors in it, because its bag has no ground truth")
    numbers: dict[str, Any] = {}
    for name in ERROR_NAMES:
        entry = _extremes({key: float(run[name]) for key, run in runs.items()}, name)
        baselines = {key: float(run["baseline"][name]) for key, run in runs.items()}
        entry["baseline_mean"] = sum(baselines.values()) / len(baselines)
        if name not in _NEUTRAL and all(baselines.values()):
            entry["ratio_of_means"] = entry["mean"] / entry["baseline_mean"]
            entry["worst_ratio"] = max(float(run[name]) / baselines[key] for key, run in runs.items())
        numbers[name] = entry
    for name in _OTHERS:
        values = {key: value for key, run in runs.items() if (value := _nested(run, name)) is not None}
        if values:
            numbers[name] = _extremes(values, name)
    failed = {key: list(run["failures"]) for key, run in runs.items() if run["failures"]}
    return {"runs": list(runs), "numbers": numbers, "targets": _targets(runs, numbers), "failed": failed}


def summary_table(summary: Mapping[str, Any]) -> Table:
    """Mean, worst and the baseline."""
    rows = []
    for name, entry in summary["numbers"].items():
        texts = [_text(entry.get(key)) for key in ("mean", "worst", "baseline_mean", "ratio_of_means", "worst_ratio")]
        rows.append([name, texts[0], texts[1], str(entry["worst_run"] or ""), *texts[2:]])
    columns = ("", "mean", "worst", "in", "baseline", "share of it", "largest share")
    return Table(f"{len(summary['runs'])} demo sequences", columns, rows)


def target_table(summary: Mapping[str, Any]) -> Table:
    """What should be reached, by the mean and by each run."""
    rows = [
        [
            name,
            ("at least " if entry["at_least"] else "at most ") + _text(entry["limit"]),
            _text(entry["mean"]),
            verdict(entry["mean_reached"]),
            f"{entry['runs_reached']} of {entry['runs_judged']}",
        ]
        for name, entry in summary["targets"].items()
    ]
    return Table("Targets", ("", "target", "mean", "reached", "reached by runs"), rows)


def run_names(paths: Sequence[Path], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Short names: the seeds where these differ, else the paths."""
    seeds = [f"seed {run['seed']}" if run.get("seed") is not None else "" for run in runs]
    return seeds if all(seeds) and len(set(seeds)) == len(seeds) else [str(path) for path in paths]


def _targets(runs: Mapping[str, Mapping[str, Any]], numbers: Mapping[str, Any]) -> dict[str, Any]:
    """By name; a limit that differs between runs, such as the rate's, is given as its mean."""
    targets = {}
    for name in dict.fromkeys(name for run in runs.values() for name in run.get("requirements", {})):
        entries = [run["requirements"][name] for run in runs.values() if name in run.get("requirements", {})]
        limit = sum(entry["limit"] for entry in entries) / len(entries)
        mean = sum(entry["measured"] for entry in entries) / len(entries)
        if name.endswith(SHARE):
            mean = numbers[name.removesuffix(SHARE)].get("ratio_of_means", mean)
        judged = [entry["reached"] for entry in entries if entry["reached"] is not None]
        whole = Requirement(name, mean, limit, entries[0]["at_least"], judged=bool(judged))
        targets[name] = {
            "limit": limit,
            "at_least": whole.at_least,
            "mean": mean,
            "mean_reached": whole.reached,
            "runs_reached": sum(judged),
            "runs_judged": len(judged),
        }
    return targets


def _extremes(values: Mapping[str, float], name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"mean": sum(values.values()) / len(values), "worst": None, "worst_run": None}
    if name not in _NEUTRAL:
        pick = min if name in _HIGHER_IS_BETTER else max
        entry["worst_run"] = pick(values, key=lambda key: values[key])
        entry["worst"] = values[entry["worst_run"]]
    entry["values"] = dict(values)
    return entry


def _nested(run: Mapping[str, Any], name: str) -> float | None:
    value: Any = run
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return None if value is None else float(value)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
