"""When a demo fails, what is required of it, and the summary over several."""

import json
from pathlib import Path

import pytest
from demo_data import (
    GOOD_COUNTS,
    PUBLISHED,
    heard,
    some_estimates,
)

from hand_object_pose.cli.main import main
from hand_object_pose.demo.requirements import Requirement, requirements
from hand_object_pose.demo.summary import summarise_runs, target_table
from hand_object_pose.demo.verdict import card_errors, failures, remarks
from hand_object_pose.evaluation.summary import Summary
from hand_object_pose.live.counts import ImageCounts, count_images
from hand_object_pose.live.timing import Rate, age_slope


def good_counts() -> ImageCounts:
    return count_images(PUBLISHED, GOOD_COUNTS, some_estimates())


def test_silent_node_fails() -> None:
    counts = count_images(PUBLISHED, {}, [])

    assert failures(0, counts, None, {})[0] == "no estimate arrived"
    assert not counts.add_up


@pytest.mark.parametrize(("value", "failed"), [(1.99, False), (2.0, False), (2.01, True), (float("nan"), True)])
def test_errors_beyond_twice_the_card_fail(value: float, failed: bool) -> None:
    reasons = failures(2, good_counts(), {"hand.mje_cm": value}, {"hand.mje_cm": 1.0})

    assert bool(reasons) is failed
    assert failures(2, good_counts(), None, {"hand.mje_cm": 1.0}) == []


def test_card_values_are_read_where_there_are_any() -> None:
    provenance = {"data": "synthetic", "hand.mje_cm": "1.25", "add_s_cm": "0.9", "object.mce_cm": "not measured"}

    assert card_errors(provenance) == {"hand.mje_cm": 1.25, "object.add_s_cm": 0.9}


def test_inconsistency_fails() -> None:
    assert failures(2, good_counts(), None, {}, ["1 of the transforms on /tf differs"]) == [
        "inconsistent: 1 of the transforms on /tf differs"
    ]


def minute_of_estimates(seconds: float, growth: float) -> list:
    """Ten a second, each ``growth`` seconds older on arrival than the one before."""
    return [heard(number * 100_000_000, None, age=0.05 + growth * number) for number in range(int(10 * seconds))]


def test_what_is_required_is_judged_and_remarked() -> None:
    errors = {"hand.mje_cm": 1.2, "object.add_s_cm": 1.6}
    summary = Summary(10, 0.94, errors, {"hand.mje_cm": 2.0, "object.add_s_cm": 4.0})
    estimates = minute_of_estimates(60, growth=0.001)

    found = requirements(summary, Rate(20.0, 10.0, 27.0), age_slope(estimates), estimates)

    assert {entry.name: entry.reached for entry in found} == {
        "rate.published_hz": False,
        "age_slope_ms_per_s": False,
        "availability": False,
        "hand.mje_cm": True,
        "hand.mje_cm / baseline": False,
        "object.add_s_cm": False,
        "object.add_s_cm / baseline": True,
    }
    said = remarks(summary, {"hand.mje_cm": 1.0}, True, found)
    assert len(said) == 5
    assert "NOT REACHED: rate.published_hz is 20.000, should be at least 27.000." in said


def test_slope_is_judged_over_a_minute_only() -> None:
    brief, whole = minute_of_estimates(10, 0.001), minute_of_estimates(60, 0.0)

    (short,) = requirements(None, None, age_slope(brief), brief)
    (long,) = requirements(None, None, age_slope(whole), whole)

    assert (short.reached, long.reached) == (None, True)
    assert "too briefly" in remarks(None, {}, False, [short])[-1]


def metrics(seed: int, error: float, failed: bool = False) -> dict:
    names = ("hand.mje_cm", "hand.mme_cm", "object.add_s_cm", "object.mce_cm", "object.rotation_deg")
    numbers = dict.fromkeys((*names, "object.translation_cm", "interaction.pd_mm", "interaction.cp_percent"), error)
    return {
        "format": "hand_object_pose demo 1",
        "seed": seed,
        **numbers,
        "baseline": dict.fromkeys(numbers, 4.0),
        "availability": 1.0 - 0.01 * seed,
        "failures": ["no estimate arrived"] if failed else [],
        "rate": {"published_hz": 30.0 - seed},
        "age_slope_ms_per_s": None,
    }


def test_summary_over_sequences() -> None:
    summary = summarise_runs({"a": metrics(1, 1.0), "b": metrics(2, 3.0)})

    entry = summary["numbers"]["hand.mje_cm"]
    assert (entry["mean"], entry["worst"], entry["worst_run"]) == (2.0, 3.0, "b")
    assert (entry["baseline_mean"], entry["ratio_of_means"], entry["worst_ratio"]) == (4.0, 0.5, 0.75)
    assert summary["numbers"]["availability"]["worst_run"] == "b"
    assert summary["numbers"]["rate.published_hz"]["worst"] == 28.0
    assert "age_slope_ms_per_s" not in summary["numbers"]


def test_summary_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    files = [tmp_path / f"{seed}.json" for seed in (1, 2)]
    for seed, file in enumerate(files, 1):
        file.write_text(json.dumps(metrics(seed, 1.0 * seed)))
    out = tmp_path / "summary.json"

    assert main(["demo-summary", *map(str, files), "--out", str(out)]) == 0
    assert json.loads(out.read_text())["runs"] == ["seed 1", "seed 2"]
    files[0].write_text(json.dumps(metrics(1, 1.0, failed=True)))
    assert main(["demo-summary", *map(str, files)]) == 1
    files[0].write_text("{}")
    assert main(["demo-summary", *map(str, files)]) == 2
    assert "expected the metrics.json of a demo" in capsys.readouterr().err


def test_summary_compares_with_the_targets() -> None:
    runs = {"a": metrics(1, 1.0), "b": metrics(2, 3.0)}
    for run in runs.values():
        error = run["hand.mje_cm"]
        wanted = [
            Requirement("hand.mje_cm", error, 1.5),
            Requirement("hand.mje_cm / baseline", error / 4.0, 0.5),
            Requirement("availability", run["availability"], 0.95, at_least=True),
            Requirement("age_slope_ms_per_s", 0.1, 1.0, judged=False),
        ]
        run["requirements"] = {entry.name: entry.as_dict() for entry in wanted}

    summary = summarise_runs(runs)

    reached = {name: (entry["mean_reached"], entry["runs_reached"]) for name, entry in summary["targets"].items()}
    assert reached == {
        "hand.mje_cm": (False, 1),
        "hand.mje_cm / baseline": (True, 1),
        "availability": (True, 2),
        "age_slope_ms_per_s": (None, 0),
    }
    assert target_table(summary).rows[0] == ["hand.mje_cm", "at most 1.50", "2.00", "NO", "1 of 2"]
