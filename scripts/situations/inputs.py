"""What befalls the inputs: publishers, camera_info, people, objects, stamps."""

import time

from hand_object_pose.ros.status import State
from hand_object_pose_msgs.srv import SetObject
from situations.common import Footage, restored_row, row_of
from situations.report import Row, said_since
from situations.stage import LARGEST_ERROR_CM, Stage

_UNDISTURBED = 8.0
_LATER = 1.0
_SECOND = 10**9


def late_publisher(stage: Stage, footage: Footage) -> list[Row]:
    """The node asks for reliable images, as nobody is there yet; the camera is best effort."""
    stage.until_said(State.WAITING, "nobody publishes", 0.0)
    begin = time.monotonic()
    stage.camera.show(footage.first)
    stage.camera.offer(best_effort=True)
    return [row_of(stage, "a camera starts late, best effort where the node asked for reliable", begin)]


def other_reliability(stage: Stage, footage: Footage) -> list[Row]:
    """The driver is started anew with another reliability."""
    begin = time.monotonic()
    stage.camera.offer(best_effort=False)
    return [row_of(stage, "the camera's driver is started anew, reliable now", begin)]


def undisturbed(stage: Stage, footage: Footage) -> list[Row]:
    """How often estimates are right anyway."""
    begin = time.monotonic()
    time.sleep(_UNDISTURBED)
    heard = [estimate for estimate in list(stage.estimates) if estimate.time >= begin]
    right = sum(stage.is_right(estimate) for estimate in heard)
    share = f"{right} of {len(heard)} estimates within {LARGEST_ERROR_CM:g} cm"
    return [Row("nothing", said_since(stage.statuses, begin), share)]


def another_resolution(stage: Stage, footage: Footage) -> list[Row]:
    """Images and their info change together."""
    begin = time.monotonic()
    stage.camera.show(footage.halved)
    row = row_of(stage, "camera_info changes: half the resolution from one image to the next", begin)
    stage.camera.show(footage.first)
    stage.until_right(time.monotonic())
    return [row]


def no_calibration(stage: Stage, footage: Footage) -> list[Row]:
    """A driver that has lost its calibration file."""
    begin = time.monotonic()
    stage.camera.show(footage.uncalibrated)
    stage.until_said(State.WAITING, "not calibrated", begin)
    return [restored_row(stage, footage, "camera_info without a calibration, and then with one", begin)]


def hand_leaves(stage: Stage, footage: Footage) -> list[Row]:
    """Nobody is in view for a while."""
    begin = time.monotonic()
    stage.camera.show(footage.empty)
    stage.until_said(State.LOST, "", begin)
    time.sleep(_LATER)
    return [restored_row(stage, footage, "the hand leaves, and returns elsewhere", begin)]


def images_stop(stage: Stage, footage: Footage) -> list[Row]:
    """A cable is pulled, and put back."""
    begin = time.monotonic()
    stage.camera.show(())
    stage.until_said(State.STALE, "", begin)
    return [restored_row(stage, footage, "images stop, and come again", begin)]


def another_object(stage: Stage, footage: Footage) -> list[Row]:
    """An object that the weights do not know, then one that they know."""
    answer = stage.call(SetObject, "set_object", SetObject.Request(object_id="teapot"))
    refused = Row("`~/set_object` with an object that the weights do not know", f"the answer: “{answer.message}”", "")
    rows = [refused]
    for name, shots in ((footage.second_object, footage.second), (footage.first_object, footage.first)):
        begin = time.monotonic()
        stage.call(SetObject, "set_object", SetObject.Request(object_id=name))
        stage.camera.show(shots)
        rows.append(row_of(stage, f"`~/set_object` {name} in mid-stream, and another scene", begin))
    return rows


def old_stamps(stage: Stage, footage: Footage) -> list[Row]:
    """Clocks that are not synchronised, in both directions; the way back from the future is a jump backwards."""
    rows = []
    for offset, words, name in ((-37, "old", "stamps 37 s old"), (37, "in the future", "stamps 37 s in the future")):
        begin = time.monotonic()
        stage.camera.offset = offset * _SECOND
        stage.until_said(State.WAITING, words, begin)
        time.sleep(_LATER)
        stage.camera.offset = 0
        rows.append(restored_row(stage, footage, f"{name}, and then right ones", begin))
    return rows
