"""Comparison of evaluations: what is paired, what is tested, and what readers are warned of."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from replay_data import FRAMES, better_estimator, messages, off_estimator, write_bag
from scipy.stats import false_discovery_control, wilcoxon

from hand_object_pose.cli.main import main
from hand_object_pose.evaluation.comparability import differences
from hand_object_pose.evaluation.comparison import AVAILABLE, Difference, compare
from hand_object_pose.evaluation.evaluation_file import read_evaluation
from hand_object_pose.evaluation.frame_record import FrameRecord
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.run import evaluate_bags

ADD_S, MJE, PD = "object.add_s_cm", "hand.mje_cm", "interaction.cp_percent"
RATE = 10


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def records(values: Any, name: str = ADD_S, missing: Sequence[int] = ()) -> list[FrameRecord]:
    """Frames at 10 Hz; without an estimate in those ``missing``."""
    return [
        FrameRecord(
            number * 10**9 // RATE,
            "invalid" if number in missing else "valid",
            "in_view",
            values={} if number in missing else {name: float(value)},
        )
        for number, value in enumerate(values)
    ]


def by_name(found: list[Difference]) -> dict[str, Difference]:
    return {entry.name: entry for entry in found}


def test_values_are_paired_by_bag_and_stamp() -> None:
    first = {"one": records([1, 2, 3, 4]), "two": records([9, 9])}
    second = {"one": records([0, 1, 1, 1], missing=[0])[:3], "three": records([5])}

    found = by_name(compare(first, second))

    entry = found[ADD_S]
    assert (entry.frames, entry.first, entry.second, entry.change) == (2, 2.5, 1.0, -1.5)
    assert (found[AVAILABLE].first, found[AVAILABLE].second) == (1.0, pytest.approx(2 / 3))
    assert compare({"one": first["one"]}, {"two": first["two"]}) == []


def test_p_value_is_scipys_over_blocks_of_a_second(rng: np.random.Generator) -> None:
    steps = rng.normal(0.1, 0.3, 20)
    first = rng.uniform(1, 2, 20 * RATE)
    second = first + np.repeat(steps, RATE)

    entry = by_name(compare({"bag": records(first)}, {"bag": records(second)}))[ADD_S]

    assert entry.blocks == 20
    # Two were tested, the other one being the availability, which is the same: Holm doubles the smallest.
    assert entry.p_value == pytest.approx(min(1.0, 2 * wilcoxon(steps).pvalue))


def test_frames_of_one_second_count_once() -> None:
    """Ten times as many alike frames are no more evidence."""
    few = compare({"bag": records([1.0] * RATE * 4)}, {"bag": records([2.0] * RATE * 4)})

    assert by_name(few)[ADD_S].p_value is None
    assert by_name(few)[ADD_S].verdict == "too few frames for a test"


@pytest.mark.parametrize(
    ("name", "change", "verdict"),
    [(ADD_S, 0.5, "worse"), (ADD_S, -0.5, "better"), (PD, 0.5, "differs"), ("object.add_0p1d_percent", 0.5, "better")],
)
def test_verdicts(name: str, change: float, verdict: str, rng: np.random.Generator) -> None:
    first = rng.uniform(1, 2, 30 * RATE)

    found = by_name(compare({"bag": records(first, name)}, {"bag": records(first + change, name)}))

    assert found[name].verdict == verdict
    assert found[AVAILABLE].verdict == "no significant difference"


def test_chance_is_seldom_called_a_difference(rng: np.random.Generator) -> None:
    """Of evaluations that differ only by noise that lasts a second, about one in twenty may be called different."""
    called = 0
    for _ in range(100):
        noise = np.repeat(rng.normal(0, 1, 15), RATE)
        entry = by_name(compare({"bag": records([5.0] * len(noise))}, {"bag": records(5.0 + noise)}))[ADD_S]
        called += entry.verdict != "no significant difference"
    assert called <= 12


def test_adjusted_p_values_never_exceed_one_and_keep_their_order(rng: np.random.Generator) -> None:
    names = [ADD_S, MJE, "object.add_cm", "object.mce_cm"]
    first, second = [], []
    for number in range(12 * RATE):
        values = rng.normal(0, 1, len(names))
        shift = dict(zip(names, values + np.array([0, 0.2, 0.5, 2.0]), strict=True))
        stamp = number * 10**9 // RATE
        first.append(FrameRecord(stamp, "valid", "in_view", values=dict.fromkeys(names, 5.0)))
        second.append(FrameRecord(stamp, "valid", "in_view", values={name: 5 + shift[name] for name in names}))

    found = by_name(compare({"bag": first}, {"bag": second}))

    raw = {}
    for name in names:
        steps = np.reshape([record.values[name] - 5 for record in second], (-1, RATE)).mean(axis=1)
        raw[name] = wilcoxon(steps).pvalue
    order = sorted(names, key=raw.__getitem__)
    adjusted = [found[name].p_value for name in order]
    assert adjusted == sorted(adjusted)  # type: ignore[type-var]
    # Five were tested, the availability last: the smallest times 5, the next times 4, ..., and never falling.
    products = np.array([raw[name] for name in order]) * [5, 4, 3, 2]
    assert adjusted == pytest.approx(np.minimum(1.0, np.maximum.accumulate(products)).tolist())
    # Holm is at least as strict as the control of the false discovery rate.
    relaxed = false_discovery_control([*(raw[name] for name in order), 1.0])[:-1]
    assert all(strict >= loose - 1e-12 for strict, loose in zip(adjusted, relaxed, strict=True))  # type: ignore[operator]


def test_warnings_name_what_differs() -> None:
    content = {
        "environment": {"processor": "A", "python": "3.11", "libraries": {"numpy": "2.4"}},
        "device": "cpu",
        "threads": 1,
        "protocol": {
            "name": "live",
            "parameters": {"hand_side": "right"},
            "every": 1,
            "chosen_stamps": None,
            "truth_tolerance_s": 0.02,
        },
        "bags": [{"name": "one", "digest": "1", "frames": {"processed": 10, "digest": "a"}}],
    }
    other = json.loads(json.dumps(content))
    assert differences(content, other) == []
    # The same frames, chosen in another way.
    other["protocol"] |= {"every": 2, "chosen_stamps": 10}
    assert differences(content, other) == []
    other["bags"][0]["frames"] = {"processed": 5, "digest": "b"}
    (words,) = differences(content, other)
    assert words == "the frames differ: 10 and 5 of one were evaluated, and not the same ones"

    other["environment"] |= {"processor": "B", "libraries": {"numpy": "2.5", "scipy": "1.17"}}
    other["protocol"] |= {"truth_tolerance_s": 0.1, "parameters": {"hand_side": "left"}}
    other["bags"] = [{"name": "one", "digest": "2"}]

    words = "; ".join(differences(content, other))
    for part in ("processors differ: A and B", "numpy is 2.4 and 2.5", "scipy is not there and 1.17"):
        assert part in words
    for part in ("truth_tolerance_s is 0.02 and 0.1", "hand_side is right and left", "bags differ: one and one"):
        assert part in words


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = write_bag(tmp_path / "scene")
    evaluate_bags([bag], ReplayConfig(), tmp_path / "a", factory=off_estimator)
    evaluate_bags([bag], ReplayConfig(every=2), tmp_path / "b", factory=better_estimator)
    file = tmp_path / "comparison.md"

    status = main(["compare", str(tmp_path / "a"), str(tmp_path / "b" / "metrics.json"), "--out", str(file)])

    assert status == 0
    assert "BEWARE: the frames differ: 8 and 4 of scene were evaluated" in capsys.readouterr().err
    row = next(line for line in file.read_text().splitlines() if "`object.translation_cm`" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    # Off by 5 cm and by half of it, over the four frames that both processed.
    assert cells[1:5] == ["5", "2.5", "-2.5", "-50.0%"]
    assert cells[-1].startswith("4 in")
    assert main(["compare", str(tmp_path / "a")]) == 2
    # Of the same name and with the same stamps, but with other pictures.
    others = [dict(messages(number)) for number in range(FRAMES)]
    others[0]["/image"] = messages(1)["/image"]
    others[0]["/image"][1].header = messages(0)["/image"][1].header
    namesake = write_bag(tmp_path / "elsewhere" / "scene", frames=others)
    evaluate_bags([namesake], ReplayConfig(), tmp_path / "c", factory=off_estimator)
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "c")]) == 2
    assert "no frame is in both" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "nowhere")]) == 2
    assert read_evaluation(tmp_path / "a")["status"] == "complete"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "scene")
    evaluate_bags([bag], ReplayConfig(annotated_bag=False), tmp_path / "a", factory=off_estimator)
    command = [sys.executable, "-m", "hand_object_pose.cli.main", "compare", str(tmp_path / "a"), str(tmp_path / "a")]

    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    running.stdout.close()

    assert running.stderr is not None
    assert running.stderr.read() == ""
    assert running.wait() == 141
