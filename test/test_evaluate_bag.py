"""Evaluation of bags from the command line: numbers known in closed form, repeated, interrupted, gated."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from demo_data import scene
from replay_data import (
    FRAMES,
    HAND_OFFSET,
    MISSED,
    OBJECT_OFFSET,
    PERIOD,
    STAMPS,
    OffEstimator,
    better_estimator,
    compressed_file,
    messages,
    off_estimator,
    storage_file,
    write_bag,
)

from hand_object_pose.cli.main import main
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult, HandObjectEstimate
from hand_object_pose.evaluation.evaluation_file import known_names, numbers, read_evaluation, read_frames
from hand_object_pose.evaluation.frame_record import read_records
from hand_object_pose.evaluation.metric_table import METRICS
from hand_object_pose.evaluation.report.junit import write_junit
from hand_object_pose.replay.chosen_images import read_stamps
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.parameter_file import read_parameters
from hand_object_pose.replay.run import evaluate_bags
from hand_object_pose.ros.parameters import Settings

TRAJECTORIES = ("object_estimate.tum", "object_truth.tum", "wrist_estimate.tum", "wrist_truth.tum")
FILES = ("frames.csv", "shown_frames.npz", *TRAJECTORIES)
# Depend on when, not on what.
TIMES = ("latency",)


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bag(tmp_path_factory.mktemp("bags") / "scene")


@pytest.fixture(scope="module")
def other_bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bag(tmp_path_factory.mktemp("bags") / "half", frames=[messages(number) for number in range(4)])


@pytest.fixture(scope="module")
def evaluated(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluated")
    evaluate_bags([bag], ReplayConfig(), out, factory=off_estimator)
    return out


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command evaluates with the estimator of these tests."""
    monkeypatch.setattr(
        "hand_object_pose.cli.evaluate_bag.evaluate_bags",
        lambda bags, config, out, processes, fresh: evaluate_bags(bags, config, out, processes, fresh, off_estimator),
    )


class Interrupted(OffEstimator):
    """Is asked to stop at the third image."""

    def process(self, frame: Frame) -> FrameResult:
        """Two images, then no more."""
        if len(self.seen) == 2:
            raise KeyboardInterrupt
        return super().process(frame)


def untimed(out: Path) -> dict:
    return {key: value for key, value in read_evaluation(out).items() if key not in TIMES}


def test_errors_are_those_that_were_put_in(evaluated: Path) -> None:
    content = read_evaluation(evaluated)

    metrics = content["metrics"]
    assert content["status"] == "complete"
    assert metrics["object.translation_cm"]["mean"] == pytest.approx(100 * np.linalg.norm(OBJECT_OFFSET))
    assert metrics["object.add_cm"]["p95"] == pytest.approx(100 * np.linalg.norm(OBJECT_OFFSET))
    assert metrics["object.oce_cm"]["max"] == pytest.approx(100 * np.linalg.norm(OBJECT_OFFSET))
    assert metrics["object.rotation_deg"]["max"] == pytest.approx(0, abs=1e-5)
    assert metrics["hand.mje_camera_cm"]["median"] == pytest.approx(100 * np.linalg.norm(HAND_OFFSET))
    # The whole hand moved: nothing is left once the wrists are aligned.
    assert metrics["hand.mje_cm"]["max"] == pytest.approx(0, abs=1e-5)
    assert 0 < metrics["object.add_s_cm"]["mean"] < metrics["object.add_cm"]["mean"]
    # The scene moves uniformly, the hand keeps its shape, and an estimate is missing in between.
    assert metrics["stability.wrist_jump_cm"]["max"] == pytest.approx(0, abs=1e-4)
    assert metrics["stability.bones_percent"]["max"] == pytest.approx(0, abs=1e-4)


def test_accuracy_stands_beside_availability(evaluated: Path) -> None:
    content = read_evaluation(evaluated)

    assert content["availability"] == (FRAMES - 1) / FRAMES
    assert content["metrics"]["object.add_s_cm"]["availability"] == (FRAMES - 1) / FRAMES
    assert content["frames"]["in_view"] == content["frames"]["processed"] == FRAMES
    assert content["coverage"]["longest_gap_s"] == pytest.approx(2 * PERIOD / 1e9)
    # Frames 2, 3, 4 and 7 follow two others closely; the gap before 6 is two periods, which is near enough.
    assert content["metrics"]["stability.wrist_jump_cm"]["frames"] == 5
    summary_of_latency = content["latency"]["network"]
    assert summary_of_latency == {"p50_ms": 10.0, "p95_ms": 10.0, "mean_ms": 10.0}


def test_what_a_result_was_made_with_is_in_it(evaluated: Path, bag: Path) -> None:
    content = read_evaluation(evaluated)

    assert content["weights"]["sha256"] == "0" * 64
    assert content["threads"] == 1
    assert {"processor", "python", "libraries"} <= set(content["environment"])
    assert content["protocol"]["parameters"]["confidence_threshold"] == Settings()["confidence_threshold"]
    (entry,) = content["bags"]
    assert entry["path"] == str(bag)
    assert entry["topics"]["image"] == "/image"
    # What is written of one bag alone is an evaluation of its own.
    assert read_evaluation(evaluated / "scene")["metrics"] == content["metrics"]


def test_trajectories_are_the_poses_of_the_stamps(evaluated: Path) -> None:
    rows = np.loadtxt(evaluated / "scene" / "object_estimate.tum", dtype=str)

    stamps = [int(text.replace(".", "")) for text in rows[:, 0]]
    assert stamps == [stamp for number, stamp in enumerate(STAMPS) if number != MISSED]
    expected = [scene(number).object_pose[:3, 3] + OBJECT_OFFSET for number in range(FRAMES) if number != MISSED]
    np.testing.assert_allclose(rows[:, 1:4].astype(float), expected, atol=1e-9)
    np.testing.assert_allclose(rows[:, 4:].astype(float), [[0, 0, 0, 1]] * len(rows), atol=1e-9)
    assert len(np.loadtxt(evaluated / "scene" / "wrist_truth.tum")) == FRAMES


def test_rows_are_read_as_they_were_written(evaluated: Path) -> None:
    frames = read_frames(evaluated)["scene"]

    direct = read_records(evaluated / "scene" / "frames.csv")
    assert frames == direct
    assert frames[MISSED].reason == "low confidence: 0.10"
    mean = np.mean([frame.values["object.add_s_cm"] for frame in frames if frame.is_valid])
    assert mean == pytest.approx(read_evaluation(evaluated)["metrics"]["object.add_s_cm"]["mean"], rel=1e-15)


def test_twice_side_by_side_and_resumed_give_the_same(bag: Path, other_bag: Path, tmp_path: Path) -> None:
    bags = [bag, other_bag]
    one, two, resumed = (tmp_path / name for name in ("one", "two", "resumed"))
    evaluate_bags(bags, ReplayConfig(), one, factory=off_estimator)
    evaluate_bags(bags, ReplayConfig(), two, processes=2, factory=off_estimator)
    evaluate_bags([bag], ReplayConfig(), resumed, factory=off_estimator)
    finished = {name: (resumed / "scene" / name).stat().st_mtime_ns for name in FILES}
    with pytest.raises(KeyboardInterrupt):
        evaluate_bags(bags, ReplayConfig(), resumed, factory=lambda settings: Interrupted())
    # What a killed process may leave: rows, but nothing that says they are all.
    (resumed / "half" / "frames.csv").write_text("stamp_ns\n12")
    evaluate_bags(bags, ReplayConfig(), resumed, factory=off_estimator)

    assert untimed(one) == untimed(two) == untimed(resumed)
    for folder in ("scene", "half"):
        for name in FILES:
            contents = {(out / folder / name).read_bytes() for out in (one, two, resumed)}
            assert len(contents) == 1, f"{folder}/{name}"
    assert {name: (resumed / "scene" / name).stat().st_mtime_ns for name in FILES} == finished


def test_a_fresh_evaluation_that_was_interrupted_is_not_taken_for_the_one_before(bag: Path, tmp_path: Path) -> None:
    evaluate_bags([bag], ReplayConfig(), tmp_path, factory=off_estimator)
    with pytest.raises(KeyboardInterrupt):
        evaluate_bags([bag], ReplayConfig(), tmp_path, fresh=True, factory=lambda settings: Interrupted())

    # Nothing speaks of results that are about to be replaced.
    assert not (tmp_path / "metrics.json").exists()
    assert not (tmp_path / "scene" / "metrics.json").exists()
    estimator = OffEstimator()
    evaluate_bags([bag], ReplayConfig(), tmp_path, factory=lambda settings: estimator)
    assert len(estimator.seen) == FRAMES


def test_other_settings_are_evaluated_anew(bag: Path, tmp_path: Path) -> None:
    evaluate_bags([bag], ReplayConfig(), tmp_path, factory=off_estimator)
    content = evaluate_bags([bag], ReplayConfig(every=2), tmp_path, factory=off_estimator)

    assert content["frames"]["processed"] == FRAMES // 2


READ = ("mine.safetensors", "mine.onnx", "mine.uncertainty.npz", "hand.yaml")


@pytest.mark.parametrize("changed", READ)
def test_what_the_estimator_reads_and_has_changed_is_evaluated_anew(changed: str, bag: Path, tmp_path: Path) -> None:
    for name in READ:
        (tmp_path / name).write_bytes(b"1")
    files = {"weights": str(tmp_path / "mine.safetensors"), "calibration_path": str(tmp_path / "hand.yaml")}
    config = ReplayConfig(Settings(files), annotated_bag=False)
    made: list[OffEstimator] = []

    def counted(settings: Settings) -> OffEstimator:
        made.append(OffEstimator())
        return made[-1]

    for _ in range(2):
        evaluate_bags([bag], config, tmp_path / "out", factory=counted)
    assert len(made) == 1
    (tmp_path / changed).write_bytes(b"2")
    evaluate_bags([bag], config, tmp_path / "out", factory=counted)
    assert len(made) == 2


def test_every_second_and_chosen_images(bag: Path, tmp_path: Path) -> None:
    file = tmp_path / "stamps.txt"
    file.write_text(f"# chosen\n{STAMPS[6]}\n{STAMPS[1]}\n{STAMPS[3]}\n")

    second = evaluate_bags([bag], ReplayConfig(every=3), tmp_path / "second", factory=off_estimator)
    evaluate_bags([bag], ReplayConfig(stamps=read_stamps(file)), tmp_path / "chosen", factory=off_estimator)

    assert second["frames"]["processed"] == 3
    assert [frame.stamp_ns for frame in read_frames(tmp_path / "chosen")["scene"]] == [STAMPS[1], STAMPS[3], STAMPS[6]]
    # The rows of an evaluation name its frames, too.
    assert read_stamps(tmp_path / "chosen" / "scene" / "frames.csv") == (STAMPS[1], STAMPS[3], STAMPS[6])
    with pytest.raises(UserError, match="1 of the 1 stamps asked for"):
        evaluate_bags([bag], ReplayConfig(stamps=(STAMPS[0] + 1,)), tmp_path / "none", factory=off_estimator)


def test_images_may_be_chosen_by_what_a_live_node_published(bag: Path, tmp_path: Path) -> None:
    """Its estimates, recorded, name the very images that it worked on."""
    worked_on = [1, 2, 5]
    kind, _ = messages(0)["/ground_truth"]
    frames = [{"/node/estimate": (kind, messages(number)["/ground_truth"][1])} for number in worked_on]
    # Published later than their images were taken.
    live = write_bag(tmp_path / "live", frames=frames, stamps=[STAMPS[number] + 10**8 for number in worked_on])

    for form in (live, storage_file(live), compressed_file(live)):
        assert read_stamps(form) == tuple(STAMPS[number] for number in worked_on)
    with pytest.raises(UserError, match="expected one topic of"):
        read_stamps(bag)


def test_settings_that_cannot_give_anything_are_remarked(bag: Path, tmp_path: Path) -> None:
    class Stubborn(OffEstimator):
        def process(self, frame: Frame) -> FrameResult:
            """Never sure."""
            return FrameResult([HandObjectEstimate(0, False, "no object chosen", 0.0)])

    class Mistaken(OffEstimator):
        def process(self, frame: Frame) -> FrameResult:
            """Of another object."""
            pairs = [
                replace(pair, object=pair.object and replace(pair.object, name="bottle"))
                for pair in super().process(frame).pairs
            ]
            return FrameResult(pairs)

    never = evaluate_bags([bag], ReplayConfig(), tmp_path / "never", factory=lambda settings: Stubborn())
    other = evaluate_bags([bag], ReplayConfig(), tmp_path / "other", factory=lambda settings: Mistaken())

    assert never["metrics"] == {}
    assert "not one valid estimate; 8 of 8 because: no object chosen" in never["bags"][0]["remarks"]
    assert any("are of 'bottle', while 'mug' is true" in words for words in other["bags"][0]["remarks"])
    assert "object.add_s_cm" not in other["metrics"]
    assert "hand.mje_camera_cm" in other["metrics"]


def test_bags_of_one_name_have_folders_of_their_own(bag: Path, tmp_path: Path) -> None:
    """Also where another bag is called what the second of them would be."""
    bags = [shutil.copytree(bag, tmp_path / name) for name in ("a/same", "b/same-2", "c/same")]

    content = evaluate_bags(bags, ReplayConfig(), tmp_path / "out", factory=off_estimator)

    assert [entry["folder"] for entry in content["bags"]] == ["same", "same-2", "same-3"]


def test_bags_that_fail_leave_the_others(bag: Path, tmp_path: Path) -> None:
    empty = write_bag(tmp_path / "empty", frames=[])

    content = evaluate_bags([empty, bag], ReplayConfig(), tmp_path / "out", factory=off_estimator)

    assert content["status"] == "partial"
    assert [entry["status"] for entry in content["bags"]] == ["failed", "complete"]
    assert content["frames"]["processed"] == FRAMES
    with pytest.raises(UserError, match="is empty"):
        evaluate_bags([empty], ReplayConfig(), tmp_path / "alone", factory=off_estimator)


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ([], 0),
        (["--fail-if", "object.translation_cm.p95 > 5.1", "--fail-if", "availability < 0.8"], 0),
        (["--fail-if", "object.translation_cm.p95 > 4.9"], 1),
        (["--fail-if", "availability < 0.8", "--fail-if", "latency.total.p95_ms > 1"], 1),
        (["--fail-if", "latency.unheard_of.p95_ms > 1"], 1),
        (["--fail-if", "latency.total.large_p95_ms > 1"], 2),
        (["--fail-if", "object.add_s.p95 > 1"], 2),
        (["--fail-if", "object.add_s_cm > 1"], 2),
        (["--fail-if", "object.add_s_cm.p95 is large"], 2),
        (["--max-regression", "much"], 2),
        (["--image-topic", "/nothing"], 2),
        (["--root-depth", "-1"], 2),
    ],
)
def test_exit_status(options: list[str], status: int, bag: Path, tmp_path: Path) -> None:
    assert main(["evaluate-bag", str(bag), "--out", str(tmp_path), *options]) == status


@pytest.mark.usefixtures("command")
def test_partial_bag_has_its_own_exit_status_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = write_bag(tmp_path / "cut")
    file = storage_file(cut)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])
    out, junit = tmp_path / "out", tmp_path / "deep" / "junit.xml"

    assert main(["evaluate-bag", str(cut), "--out", str(out), "--junit", str(junit)]) == 3

    assert "cut inside a record" in (out / "summary.md").read_text()
    assert "partial" in capsys.readouterr().out
    (case,) = ElementTree.parse(junit).getroot().iter("testcase")
    skipped = case.find("skipped")
    assert skipped is not None
    assert "cut inside a record" in skipped.attrib["message"]
    failing = ["--fail-if", "frames.processed < 8"]
    assert main(["evaluate-bag", str(cut), "--out", str(out), *failing]) == 1


@pytest.mark.usefixtures("command")
def test_baseline_and_junit(bag: Path, tmp_path: Path) -> None:
    better, junit = tmp_path / "better", tmp_path / "junit.xml"
    evaluate_bags([bag], ReplayConfig(), better, factory=better_estimator)
    options = ["evaluate-bag", str(bag), "--out", str(tmp_path / "now"), "--baseline", str(better / "metrics.json")]

    assert main([*options, "--junit", str(junit)]) == 1
    # It is off by twice as much: 100 % worse.
    assert main([*options, "--max-regression", "100000%"]) == 0

    suite = ElementTree.parse(junit).getroot()[0]
    cases = {case.attrib["name"]: case for case in suite}
    assert int(suite.attrib["tests"]) == len(cases)
    failed = {name for name, case in cases.items() if case.find("failure") is not None}
    assert len(failed) == int(suite.attrib["failures"])
    assert "object.translation_cm.mean no more than 0.05 worse than the baseline" in failed
    assert "hand.mje_camera_cm.mean no more than 0.05 worse than the baseline" in set(cases) - failed


def test_junit_stays_readable_whatever_a_damaged_bag_says(tmp_path: Path) -> None:
    """Bytes of a damaged bag get into messages; XML has no way to write some of them."""
    reason = "damaged: \x00\x1b[1m <&> \ufffe \ud800 é"
    write_junit(tmp_path / "junit.xml", {"bags": [{"name": "a\x07", "status": "failed", "reason": reason}]}, [])

    (case,) = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]

    assert case.attrib["name"] == "a\N{REPLACEMENT CHARACTER}"
    (error,) = case
    assert error.attrib["message"] == "damaged: ??[1m <&> ? ? é".replace("?", "\N{REPLACEMENT CHARACTER}")


def test_evo_reads_the_trajectories(evaluated: Path) -> None:
    """The error that it finds, with nothing aligned, is the one that was put in."""
    file_interface = pytest.importorskip("evo.tools.file_interface", reason="evo is not installed")
    metrics, sync = (pytest.importorskip(f"evo.core.{name}") for name in ("metrics", "sync"))
    files = (evaluated / "scene" / f"object_{kind}.tum" for kind in ("truth", "estimate"))
    pair = sync.associate_trajectories(*(file_interface.read_tum_trajectory_file(str(file)) for file in files))
    error = metrics.APE(metrics.PoseRelation.translation_part)
    error.process_data(pair)

    assert pair[0].num_poses == FRAMES - 1
    assert error.get_statistic(metrics.StatisticsType.max) == pytest.approx(np.linalg.norm(OBJECT_OFFSET), abs=1e-8)


def test_every_documented_number_has_a_name(evaluated: Path) -> None:
    found = set(numbers(read_evaluation(evaluated)))

    assert {name for name in found if not name.startswith("latency.")} <= set(known_names())
    # The mug's wall is open to the hand here and there; everything else is measured in this scene.
    assert set(read_evaluation(evaluated)["metrics"]) == set(METRICS)
    documentation = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text()
    assert [name for name in METRICS if f"`{name}`" not in documentation] == []


def test_the_nodes_parameters_may_come_from_its_file(tmp_path: Path) -> None:
    repository = Path(__file__).parent.parent
    values = read_parameters(repository / "config" / "estimator.yaml")
    assert values["hand_side"] == "right"
    file = tmp_path / "own.yaml"
    file.write_text("/robot:\n  hand_object_pose_estimator:\n    ros__parameters:\n      root_depth: {mode: fixed}\n")
    assert read_parameters(file)["root_depth.mode"] == "fixed"
    file.write_text("a:\n  ros__parameters: {hand_side: both}\n")
    with pytest.raises(UserError, match="hand_side"):
        read_parameters(file)


def test_wrist_depth_comes_from_the_truth_when_it_is_given(bag: Path, tmp_path: Path) -> None:
    estimators: list[OffEstimator] = []

    def remembered(settings: Settings) -> OffEstimator:
        estimators.append(OffEstimator())
        return estimators[-1]

    config = ReplayConfig(Settings({"root_depth.mode": "ground_truth"}))
    content = evaluate_bags([bag], config, tmp_path, factory=remembered)

    assert content["protocol"]["name"] == "root depth: ground_truth"
    depths = [frame.true_root_depth for frame in estimators[0].seen]
    np.testing.assert_allclose(depths, 0.6, atol=1e-6)  # type: ignore[arg-type]


def test_the_command_runs_the_nodes_own_estimator_without_ros_and_torch(bag: Path, tmp_path: Path) -> None:
    """As a user runs it, with the weights that come with the package."""
    blocked = (
        "import sys\n"
        "class Blocker:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('torch', 'rclpy', 'sensor_msgs', 'hand_object_pose_msgs'):\n"
        "            raise ImportError(name + ' is blocked here')\n"
        "sys.meta_path.insert(0, Blocker())\n"
        "from hand_object_pose.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["evaluate-bag", str(bag), "--out", str(tmp_path), "--every", "4", "--object", "mug"]
    done = subprocess.run(
        [sys.executable, "-c", blocked, *arguments], capture_output=True, text=True, env=os.environ, check=False
    )

    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert content["frames"]["processed"] == 2
    assert "ONNX" in content["device"]
