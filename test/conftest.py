"""Settings of every test process: quiet neighbours on the ROS network, and one thread for each library.

Nothing is read from, or left in, this machine's cache.
"""

import os
import shutil
import tempfile
import zlib

import pytest
from hypothesis import settings

from hand_object_pose.ros.localhost import localhost_only

# A domain for each worker of each run: nodes of tests that run at the same time must not hear each other. 0 to 101 are
# the domains whose ports every Linux leaves free; 0 is everyone's default.
_run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
os.environ["ROS_DOMAIN_ID"] = str(1 + (zlib.crc32(_run.encode()) + _worker) % 101)
os.environ.update(localhost_only(os.environ.get("ROS_DISTRO", "")))

# Test processes run side by side; each library would start a thread for every core in each of them.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# On a busy machine, how long one example takes says nothing about the code.
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")

# One for each process of a run: grids are built in a second or two, and the processes that tests start inherit it.
_cache = os.environ["HAND_OBJECT_POSE_CACHE"] = tempfile.mkdtemp(prefix="hand_object_pose_tests_")


@pytest.fixture
def ros(tmp_path_factory):
    """ROS in this process, in the tests that need it; they are skipped where it is missing."""
    rclpy = pytest.importorskip("rclpy")
    pytest.importorskip("hand_object_pose_msgs.msg")
    os.environ.setdefault("ROS_LOG_DIR", str(tmp_path_factory.mktemp("ros_log")))
    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture
def harness(ros):
    """Makes a ``ros_support.Harness``, or another ``kind`` of it; those that were made are closed in the end."""
    from ros_support import Harness

    made = []

    def make(parameters=None, kind=Harness, **arguments):
        made.append(kind(parameters, **arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Twelve training samples of all default objects, which no test may change."""
    pytest.importorskip("torch")
    from training_support import write_shards

    return write_shards(tmp_path_factory.mktemp("shards"), 12, files=2)


@pytest.fixture
def config(shards, tmp_path):
    """A training of four steps on them."""
    from hand_object_pose_training.trainer import TrainConfig

    out = tmp_path / "run"
    return TrainConfig(shards, shards, out, steps=4, batch_size=2, workers=0, device="cpu", validate_every=1000)


def pytest_unconfigure() -> None:
    """Remove this run's cache."""
    shutil.rmtree(_cache, ignore_errors=True)
