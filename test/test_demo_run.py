"""The demo from end to end: a short bag, the real node, recorder and player in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("embreex", reason="the synthesis part is not installed")
pytest.importorskip("onnx", reason="the export part is not installed")
pytest.importorskip("rclpy", reason="no ROS environment")
pytest.importorskip("hand_object_pose_msgs", reason="no ROS environment")

from constant_network import write_constant_weights
from rosbags.highlevel import AnyReader

from hand_object_pose.bags.bag_types import typestore
from hand_object_pose.demo.bag_content import read_bag
from hand_object_pose.demo.configuration import DemoConfig
from hand_object_pose.demo.run import chosen_object, run_demo
from hand_object_pose.demo.view_bag import MARKER_TOPIC, PICTURE_TOPIC
from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.evaluation.baseline import Baseline
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.live.processes import Child, ChildFailedError
from hand_object_pose.live.session import require_ros
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.bag_writer import BagConfig, write_sequence_bag
from hand_object_pose.synthetic.scene_sampler import SceneSampler

OBJECT, FRAMES = "can", 40
# Loaded by every Python of the session before anything else. Each process says that it was.
BLOCKS_TORCH = """
import os, pathlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ImportError(name + " is blocked here")

sys.meta_path.insert(0, Blocker())
(pathlib.Path(__file__).parent / f"blocked_{os.getpid()}").write_text(" ".join(sys.orig_argv))
"""


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    catalogue = {OBJECT: default_catalogue()[OBJECT]}
    sampler, rng = SceneSampler(default_hand(), catalogue), np.random.default_rng(0)
    path = tmp_path_factory.mktemp("baseline") / "baseline.npz"
    Baseline.from_truths(sampler.sample(rng).truth for _ in range(30)).save(path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, baseline: Path) -> Path:
    path = tmp_path_factory.mktemp("weights") / "constant.safetensors"
    return write_constant_weights(path, OBJECT, Baseline.load(baseline))


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "short"
    config = BagConfig(frames=FRAMES, compressed=True, workers=0)
    write_sequence_bag(path, 1, default_hand(), default_catalogue(), OBJECT, config)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, bag: Path, weights: Path, baseline: Path) -> Path:
    out = tmp_path_factory.mktemp("out")
    blocker = tmp_path_factory.mktemp("blocker")
    (blocker / "sitecustomize.py").write_text(BLOCKS_TORCH)
    # Two rounds, so that stamps of the second lead back to the bag too.
    domain = int(os.environ["ROS_DOMAIN_ID"])
    config = DemoConfig(out=out, bag=bag, weights=weights, baseline=baseline, duration=2.0, threads=1, domain_id=domain)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(blocker), os.environ.get("PYTHONPATH")))))
        run_demo(config)
    blocked = [file.read_text() for file in blocker.glob("blocked_*")]
    (out / "blocked.json").write_text(json.dumps(blocked))
    return out


def test_every_image_is_accounted_for(finished: Path) -> None:
    metrics = json.loads((finished / "metrics.json").read_text())
    counts = metrics["counts"]

    assert counts["problems"] == []
    assert counts["published"] == 2 * FRAMES == counts["lost_in_transport"] + counts["received"]
    assert counts["received"] == sum(counts[n] for n in ("estimated", "invalid", "replaced", "too_old", "refused"))
    assert metrics["frames_processed"] == counts["heard_valid"] + counts["heard_invalid"] > 0


def test_outputs_carry_stamps_and_frames_and_agree(finished: Path) -> None:
    metrics = json.loads((finished / "metrics.json").read_text())

    assert metrics["consistency_problems"] == []
    assert metrics["session"]["exit_codes"] == {"player": 0, "node": 0, "recorder": 0}
    assert metrics["session"]["torch_loaded_by_node"] is False
    assert metrics["session"]["rounds"] == 2
    assert {"crop", "network", "total", "end_to_end"} <= set(metrics["latency"])


def test_node_runs_with_torch_blocked(finished: Path) -> None:
    blocked = json.loads((finished / "blocked.json").read_text())
    metrics = json.loads((finished / "metrics.json").read_text())

    assert any("hand_object_pose.ros.start" in command for command in blocked)
    assert metrics["counts"]["heard_valid"] > 0
    assert metrics["session"]["exit_codes"]["node"] == 0


def test_errors_stand_beside_the_baselines(finished: Path, weights: Path) -> None:
    metrics = json.loads((finished / "metrics.json").read_text())

    assert 0 < metrics["frames"] <= metrics["frames_processed"]
    assert set(metrics["baseline"]) <= set(metrics)
    # The network answers with a hand placed as the baseline's is, from scenes of the same kind.
    assert metrics["hand.mje_cm"] == pytest.approx(metrics["baseline"]["hand.mje_cm"], rel=0.25)
    assert metrics["weights"]["sha256"] == load_weights_info(weights).hash


def test_report_and_bag_can_be_looked_at(finished: Path) -> None:
    report = (finished / "report.html").read_text()
    with AnyReader([finished / "estimates"], default_typestore=typestore()) as reader:
        counts = {entry.topic: entry.msgcount for entry in reader.connections}
        picture: Any = next(
            reader.deserialize(d, c.msgtype) for c, _, d in reader.messages() if c.topic == PICTURE_TOPIC
        )

    assert report.count("data:image/jpeg") >= 1
    assert "truth on the right" in report
    assert counts["/estimate"] > 0
    assert counts[PICTURE_TOPIC] == counts[MARKER_TOPIC] > 0
    assert bytes(picture.data[:2]) == b"\xff\xd8"
    assert not (finished / "heard").exists()


def test_unknown_objects_and_missing_bags_are_named(tmp_path: Path, bag: Path, weights: Path) -> None:
    config = DemoConfig(out=tmp_path, bag=bag, weights=weights, object_id="teapot")
    with pytest.raises(UnknownObjectError, match="teapot"):
        chosen_object(config, read_bag(bag), load_weights_info(weights))
    with pytest.raises(UserError, match="no such bag"):
        run_demo(DemoConfig(out=tmp_path, bag=tmp_path / "none", weights=weights))


def test_missing_messages_are_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hand_object_pose.ros.start.find_spec", lambda name: None if name.endswith("_msgs") else name)

    with pytest.raises(UserError, match=r"hand_object_pose_msgs cannot be imported.*make demo"):
        require_ros("the demo", "Others do not.")


def test_failed_process_is_reported_with_its_log(tmp_path: Path) -> None:
    arguments = ["hand_object_pose.ros.bag_player", str(tmp_path / "none")]
    with (
        Child("player", arguments, tmp_path, os.environ) as child,
        pytest.raises(ChildFailedError, match="no such bag"),
    ):
        child.finished(60.0)


def test_processes_end_with_an_exception(tmp_path: Path) -> None:
    class Stopped(Exception):  # noqa: N818
        pass

    with pytest.raises(Stopped), Child("http", ["http.server", "0"], tmp_path, os.environ) as child:
        raise Stopped

    assert child.poll() is not None


def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from hand_object_pose.live.processes import Child\n"
        "child = Child('http', ['http.server', '0'], Path(sys.argv[1]), os.environ)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    end = time.monotonic() + 30
    while _runs(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
