"""The same evaluation again, side by side, and after a SIGKILL: with the estimator and weights that people use."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("embreex", reason="the synthesis part is not installed")

from replay_data import OffEstimator
from replay_data import write_bag as write_small_bag

from hand_object_pose.cli.main import main
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.evaluation.evaluation_file import read_evaluation
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.run import evaluate_bags
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.synthetic.bag_writer import BagConfig, write_bag
from hand_object_pose.synthetic.sequence import HandoverSequence

# Name of a bag, and how many frames it holds.
NAMES = {"first": 8, "second": 5}
FILES = (
    *("frames.csv", "shown_frames.npz", "object_estimate.tum", "object_truth.tum"),
    *("wrist_estimate.tum", "wrist_truth.tum"),
)


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder, hand, catalogue = tmp_path_factory.mktemp("bags"), default_hand(), default_catalogue()
    sequence = HandoverSequence(1, hand, catalogue, "can")
    for name, frames in NAMES.items():
        write_bag(folder / name, sequence, hand, catalogue, BagConfig(frames=frames, compressed=True, workers=0))
    return [str(folder / name) for name in NAMES]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, bags: list[str]) -> Path:
    out = tmp_path_factory.mktemp("once")
    assert main(["evaluate-bag", *bags, "--out", str(out)]) == 0
    return out


def assert_same(first: Path, second: Path) -> None:
    contents = [
        {key: value for key, value in read_evaluation(out).items() if key != "latency"} for out in (first, second)
    ]
    assert contents[0] == contents[1]
    for name in NAMES:
        for file in FILES:
            assert (first / name / file).read_bytes() == (second / name / file).read_bytes(), f"{name}/{file}"


def test_twice_gives_the_same(once: Path, bags: list[str], tmp_path: Path) -> None:
    assert main(["evaluate-bag", *bags, "--out", str(tmp_path)]) == 0

    assert read_evaluation(once)["frames"]["valid"] > sum(NAMES.values()) / 2
    assert_same(once, tmp_path)


def test_two_processes_give_the_same_as_one(once: Path, bags: list[str], tmp_path: Path) -> None:
    assert main(["evaluate-bag", *bags, "--out", str(tmp_path), "--processes", "2"]) == 0

    assert_same(once, tmp_path)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_killed_halfway_and_resumed_gives_the_same(
    processes: str, once: Path, bags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL, once the first bag is done, to a process that has no time to tidy up."""
    arguments = ["evaluate-bag", *bags, "--out", str(tmp_path), "--processes", processes]
    command = [sys.executable, "-m", "hand_object_pose.cli.main", *arguments]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    marks = [tmp_path / name / "fingerprint.json" for name in NAMES]
    end = time.monotonic() + 300
    while running.poll() is None and not any(mark.exists() for mark in marks) and time.monotonic() < end:
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert not (tmp_path / "metrics.json").exists()

    assert main(arguments) == 0

    assert "evaluated already" in capsys.readouterr().out
    assert_same(once, tmp_path)


class Waiting(OffEstimator):
    """Says which process it is in, and never ends."""

    def process(self, frame: Frame) -> FrameResult:
        """Wait to be killed."""
        folder = Path(os.environ["WAITING"])
        (folder / str(os.getpid())).touch()
        time.sleep(600)
        raise AssertionError


def waiting(settings: Settings) -> Waiting:
    """For processes of their own."""
    return Waiting()


def suicidal(settings: Settings) -> OffEstimator:
    """The process does not live to see it made."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_processes_end_with_the_command(number: signal.Signals, tmp_path: Path) -> None:
    """A kill reaches the command alone; Ctrl-C all processes of the terminal, of which one alone says so."""
    small = [write_small_bag(tmp_path / name) for name in NAMES]
    program = (
        # Background jobs of a shell ignore Ctrl-C, and so does what they start.
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import sys\nfrom pathlib import Path\nimport test_evaluate_repeated as ours\n"
        "from hand_object_pose.replay.run import evaluate_bags\n"
        "if __name__ == '__main__':\n"
        "    bags = [Path(text) for text in sys.argv[1:]]\n"
        "    out = bags[0].parent / 'out'\n"
        "    evaluate_bags(bags, ours.ReplayConfig(), out, processes=2, factory=ours.waiting)\n"
    )
    script, folder = tmp_path / "program.py", tmp_path / "waiting"
    script.write_text(program)
    folder.mkdir()
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths, "WAITING": str(folder)}
    running = subprocess.Popen(
        [sys.executable, str(script), *map(str, small)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 300
    while running.poll() is None and len(list(folder.iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    workers = [int(file.name) for file in folder.iterdir()]
    assert len(workers) == 2
    if number == signal.SIGKILL:
        running.send_signal(number)
    else:
        os.killpg(running.pid, number)
    _, said = running.communicate(timeout=120)

    end = time.monotonic() + 60
    while any(runs(worker) for worker in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(runs(worker) for worker in workers)
    assert said.count("Traceback") == (number == signal.SIGINT)


def test_a_killed_process_is_said_in_words(tmp_path: Path) -> None:
    small = [write_small_bag(tmp_path / name) for name in NAMES]

    with pytest.raises(UserError, match=r"was killed, as the system does when memory runs out.*--processes"):
        evaluate_bags(small, ReplayConfig(), tmp_path / "out", processes=2, factory=suicidal)


def runs(number: int) -> bool:
    """Whether a process of that id is more than an entry that nobody has read."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
