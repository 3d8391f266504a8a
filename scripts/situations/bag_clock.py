"""What befalls the clock of a bag, and transforms."""

import time

from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from hand_object_pose.ros.status import State
from situations.common import Footage, in_words, restored_row, row_of
from situations.footage import FRAME
from situations.report import Row, said_since
from situations.stage import Stage


def no_clock(stage: Stage, footage: Footage) -> list[Row]:
    """`use_sim_time`, but `/clock` comes late."""
    begin = time.monotonic()
    stage.until_said(State.WAITING, "without a /clock", begin)
    restored = time.monotonic()
    stage.camera.clock_published = True
    return [row_of(stage, "`use_sim_time` without `/clock`, and then with it", begin, restored, "it came")]


def looping_bag(stage: Stage, footage: Footage) -> list[Row]:
    """Time and stamps jump back to the bag's beginning, three times."""
    assert stage.camera.clock is not None
    first, seconds = time.monotonic(), []
    for _ in range(3):
        time.sleep(3.0)
        begin = time.monotonic()
        stage.camera.clock.begin_again()
        stage.camera.show(footage.first)
        seconds.append(stage.until_right(begin))
    stage.until(lambda: stage.statuses[-1].state == State.RUNNING, "RUNNING")
    said = said_since(stage.statuses, first)
    return [Row("a bag begins again three times (`use_sim_time`)", said, f"longest {max(seconds):.1f} s")]


def paused_bag(stage: Stage, footage: Footage) -> list[Row]:
    """Time stands still, and goes on."""
    assert stage.camera.clock is not None
    begin = time.monotonic()
    stage.camera.show(())
    stage.camera.clock.hold()
    stage.until_said(State.STALE, "", begin)
    stage.camera.clock.go_on()
    return [restored_row(stage, footage, "a bag pauses, its clock stands still, and it goes on", begin)]


def missing_calibration(stage: Stage, footage: Footage) -> list[Row]:
    """Nothing leads from the camera to ``base_frame``, and then something does."""
    said = stage.until(lambda: _hand_eye_warning(stage), "the warning")
    begin = time.monotonic()
    profile = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = stage.listener.create_publisher(TFMessage, "/tf_static", profile)
    transform = TransformStamped(child_frame_id=FRAME)
    transform.header.frame_id, transform.transform.rotation.w = "base_link", 1.0
    publisher.publish(TFMessage(transforms=[transform]))
    stage.until(lambda: not _hand_eye_warning(stage), "the end of the warning")
    ended = time.monotonic() - begin
    words = f"the warning “{said}”, until {ended:.1f} s after the transform; {said_since(stage.statuses, begin)}"
    return [Row("no transform to `base_frame`, and then one", words, in_words(stage.until_right(begin), ""))]


def _hand_eye_warning(stage: Stage) -> str:
    return next((line for line in stage.statuses[-1].warnings if "hand-eye" in line), "")
