"""Bags played into the real node, in processes of their own, and the same images once more without it."""

import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("embreex", reason="the synthesis part is not installed")
pytest.importorskip("rclpy", reason="no ROS environment")
pytest.importorskip("hand_object_pose_msgs", reason="no ROS environment")

from replay_data import FRAMES, storage_file, without_definitions, write_ros1_bag
from replay_data import write_bag as write_small_bag
from rosbags.rosbag2 import StoragePlugin

from hand_object_pose.cli.main import main
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult, HandObjectEstimate
from hand_object_pose.evaluation.evaluation_file import read_evaluation, read_frames
from hand_object_pose.evaluation.frame_record import FrameRecord
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.live.recording import read_recording
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.replay.answers import EstimatorAnswers
from hand_object_pose.replay.chosen_images import read_stamps
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.evaluators import Evaluation
from hand_object_pose.replay.one_bag import evaluate_one_bag
from hand_object_pose.replay.run import evaluate_bags
from hand_object_pose.ros.estimator_factory import load_estimator
from hand_object_pose.ros.input_list import read_inputs
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.synthetic.bag_writer import BagConfig, write_sequence_bag

BAG_FRAMES = 90
DOMAIN = ["--domain-id", os.environ["ROS_DOMAIN_ID"]]


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds, with as many detections as images have time for: which of them meet is a matter of luck."""
    path = tmp_path_factory.mktemp("bags") / "short"
    config = BagConfig(frames=BAG_FRAMES, compressed=True, workers=0, detection_rate=10.0)
    write_sequence_bag(path, 3, default_hand(), default_catalogue(), None, config)
    return path


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, bag: Path) -> Path:
    out = tmp_path_factory.mktemp("live")
    assert main(["evaluate-bag", str(bag), "--live", "--out", str(out), *DOMAIN]) == 0
    return out


class Remembering(EstimatorAnswers):
    """The node's own estimator; keeps what it answered by stamp."""

    def __init__(self) -> None:
        super().__init__(load_estimator(ReplayConfig().settings))
        self.pairs: dict[int, HandObjectEstimate] = {}

    def answer(self, stamp: int, frame: Frame) -> FrameResult:
        """Estimate and remember."""
        result = super().answer(stamp, frame)
        self.pairs[stamp] = result.pairs[0]
        return result


@dataclass(frozen=True)
class Remembered:
    """Evaluates by answers that can be looked at afterwards."""

    answers: Remembering
    mode: str = "offline"

    def prepare(self, settings: Settings) -> Evaluation:
        """See Evaluator."""
        return lambda path, config, folder, progress: evaluate_one_bag(path, config, self.answers, progress)


def test_offline_and_live_agree_on_every_image_that_the_node_worked_on(
    bag: Path, live: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = live / "short" / "live_inputs.csv"
    config = ReplayConfig(stamps=read_stamps(file), inputs=read_inputs(file), annotated_bag=False)
    offline = Remembering()

    evaluate_bags([bag], config, tmp_path, evaluator=Remembered(offline))

    heard = {entry.stamp: entry.pair for entry in read_recording(live / "short" / "live_estimates").estimates}
    assert list(heard) == list(offline.pairs) == list(read_stamps(file))
    assert len(heard) >= 5
    largest: Counter[str] = Counter()
    for stamp, ours in offline.pairs.items():
        theirs = heard[stamp]
        assert theirs is not None
        assert (theirs.valid, theirs.reason, theirs.roi_source) == (ours.valid, ours.reason, ours.roi_source)
        if ours.hand and ours.object and theirs.hand and theirs.object:
            differences = {
                "vertices": theirs.hand.vertices - ours.hand.vertices,
                "joints": theirs.hand.joints - ours.hand.joints,
                "object": theirs.object.pose - ours.object.pose,
            }
            largest |= Counter({name: float(np.abs(values).max()) for name, values in differences.items()})
    with capsys.disabled():
        print(f"\n{len(heard)} images, largest difference: {dict(largest)} m")
    assert sum(pair.valid for pair in offline.pairs.values()) > len(heard) / 2
    assert max(largest.values()) <= 1e-5
    assert rounded(read_frames(tmp_path)["short"]) == rounded(read_frames(live)["short"])
    # Nothing to beware of: the same frames, with the same settings.
    capsys.readouterr()
    assert main(["compare", str(live), str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


def rounded(records: list[FrameRecord]) -> list[tuple]:
    """What was said and measured; the node's messages hold float32."""
    facts = [
        (row.stamp_ns, row.outcome, row.truth, row.reason, row.object, row.track_id, row.roi_source) for row in records
    ]
    errors = [round(row.values.get("object.translation_cm", -1.0), 3) for row in records]
    return list(zip(facts, errors, strict=True))


def test_the_true_depth_of_the_wrist_may_be_given_live(bag: Path, tmp_path: Path) -> None:
    live, again = tmp_path / "live", tmp_path / "again"
    options = ["evaluate-bag", str(bag), "--given", "root_depth", "--no-annotated-bag"]

    assert main([*options, "--live", "--out", str(live), *DOMAIN]) == 0
    assert main([*options, "--stamps", str(live / "short" / "live_inputs.csv"), "--out", str(again)]) == 0

    records = read_frames(live)["short"]
    valid = [record for record in records if record.is_valid]
    assert len(valid) >= 5
    assert {record.root_depth_source for record in valid} == {"ground_truth"}
    rows = np.loadtxt(live / "short" / "wrist_truth.tum", dtype=str)
    true_depths = {int(row[0].replace(".", "")): float(row[3]) for row in rows}
    given = np.array([record.root_depth_m for record in valid], dtype=float)
    true = np.array([true_depths[record.stamp_ns] for record in valid])
    np.testing.assert_allclose(given, true, atol=1e-6)
    assert rounded(read_frames(again)["short"]) == rounded(records)
    assert read_evaluation(live)["protocol"]["name"] == "root depth: ground_truth"


def test_every_image_that_was_played_is_accounted_for(live: Path) -> None:
    content = read_evaluation(live)
    totals, (entry,) = content["live"], content["bags"]

    assert content["mode"] == "live"
    assert entry["live"]["counts"]["problems"] == []
    assert totals["published"] == BAG_FRAMES == totals["lost_in_transport"] + totals["received"]
    fates = ("estimated", "invalid", "replaced", "too_old", "refused")
    assert totals["received"] == sum(totals[name] for name in fates)
    assert content["frames"]["processed"] == totals["estimated"] + totals["invalid"]
    assert totals["dropped_share"] == pytest.approx(1 - content["frames"]["processed"] / BAG_FRAMES)
    assert f"played live: {BAG_FRAMES} images = " in entry["remarks"][0]
    assert entry["live"]["exit_codes"] == {"player": 0, "node": 0, "recorder": 0}


def test_latencies_are_those_of_clocks_too(live: Path) -> None:
    latency = read_evaluation(live)["latency"]

    parts = sum(latency[name]["mean_ms"] for name in ("transport", "node"))
    assert 0 < latency["network"]["mean_ms"] < latency["total"]["mean_ms"]
    assert latency["total"]["mean_ms"] < latency["node"]["mean_ms"]
    # What is left is the way to the listener.
    assert parts < latency["end_to_end"]["mean_ms"]


def test_a_bag_that_was_played_is_not_played_again(
    bag: Path, live: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(live, tmp_path / "out")
    arguments = ["evaluate-bag", str(bag), "--live", "--out", str(out), "--fail-if"]

    assert main([*arguments, "live.dropped_share < 0"]) == 0
    assert main([*arguments, "live.published > 1"]) == 1

    assert "evaluated already" in capsys.readouterr().out
    assert json.loads((out / "metrics.json").read_text()) == read_evaluation(live)


def test_a_cut_bag_without_definitions_is_played_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = without_definitions(write_small_bag(tmp_path / "old", StoragePlugin.SQLITE3))
    file = storage_file(path)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])
    out = tmp_path / "out"

    assert main(["evaluate-bag", str(path), "--live", "--out", str(out), *DOMAIN]) == 3

    content = read_evaluation(out)
    assert 0 < content["live"]["published"] < FRAMES
    assert any("damaged after" in words for words in content["bags"][0]["left_out"])
    assert "partial" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--every", "2"], "--every has no meaning with --live"),
        (["--processes", "2"], "--processes has no meaning with --live"),
    ],
)
def test_options_without_meaning_are_refused(
    options: list[str], words: str, bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate-bag", str(bag), "--live", "--out", str(tmp_path), *options]) == 2
    assert words in capsys.readouterr().err


def test_what_cannot_be_played_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write_ros1_bag(tmp_path / "old.bag")
    arguments = ["evaluate-bag", str(old), "--live", "--out", str(tmp_path / "out"), "--object", "mug"]

    assert main(arguments) == 2
    assert "rosbags-convert --src" in capsys.readouterr().err
    monkeypatch.setattr("hand_object_pose.ros.start.find_spec", lambda name: None if name == "rclpy" else name)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "rclpy cannot be imported" in error
    assert "Without --live, evaluate-bag needs no ROS" in error
