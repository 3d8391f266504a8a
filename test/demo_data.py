"""A small bag's content and what a node might have said about it, without bags and without a node."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from fake_backend import camera, weights

from hand_object_pose.demo.bag_content import BagContent, Truth
from hand_object_pose.demo.pictures import truth_as_estimate
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.baseline import Baseline
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.live.recording import HeardEstimate
from hand_object_pose.replay.topics import BagTopics, StreamTopic
from hand_object_pose.synthetic.sample import SceneTruth

PERIOD = 33_333_333
FRAME = "camera"
TOPICS = BagTopics(
    StreamTopic("/image", "raw"), "/camera_info", StreamTopic("/depth/image", "raw"), None, "/ground_truth"
)


def scene(number: int) -> SceneTruth:
    """A hand at rest 0.6 m away beside a mug, each a little elsewhere."""
    model = default_hand()
    place = np.array([0.01 * number, 0.0, 0.6])
    joints = model.joint_regressor21 @ model.v_template
    shift = place - joints[0]
    pose = np.eye(4)
    pose[:3, 3] = place + np.array([-0.05, 0.03, 0.02])
    return SceneTruth(model.v_template + shift, joints + shift, "mug", pose)


def content(frames: int = 10) -> BagContent:
    """A bag of so many frames."""
    stamps = [number * PERIOD for number in range(frames)]
    known = weights()
    scenes = {stamp: scene(number) for number, stamp in enumerate(stamps)}
    truth = Truth(scenes, {known.hand.hash}, {"mug": known.objects["mug"].hash})
    return BagContent(Path("bag"), TOPICS, {}, 1.0, camera(), stamps, FRAME, truth)


def heard(stamp: int, pair: HandObjectEstimate | None, sequence: int = 1, age: float = 0.05) -> HeardEstimate:
    """An estimate that arrived ``age`` seconds after its stamp."""
    arrived = stamp + round(age * 1e9)
    received, published = stamp + 1_000_000, arrived - 1_000_000
    return HeardEstimate(stamp, FRAME, received, published, arrived, sequence, pair, {"network": 0.015, "total": 0.02})


def moved_object(pair: HandObjectEstimate, offset: np.ndarray) -> HandObjectEstimate:
    """The same with its object displaced by ``offset`` (3,) metres."""
    assert pair.object is not None
    pose = pair.object.pose.copy()
    pose[:3, 3] += offset
    return replace(pair, object=replace(pair.object, pose=pose))


def moved_hand(pair: HandObjectEstimate, offset: np.ndarray, wrist_too: bool) -> HandObjectEstimate:
    """The same with its hand displaced; without the wrist, every joint but the wrist's."""
    assert pair.hand is not None
    joints = pair.hand.joints + offset
    if not wrist_too:
        joints[0] = pair.hand.joints[0]
    return replace(pair, hand=replace(pair.hand, vertices=pair.hand.vertices + offset, joints=joints))


def baseline() -> Baseline:
    """Means over three scenes whose hands are turned by 0, 90 and -90 degrees about the optical axis."""
    turned = []
    for angle in (0.0, np.pi / 2, -np.pi / 2):
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        first = scene(0)
        turned.append(replace(first, hand_vertices=first.hand_vertices @ turn.T, joints=first.joints @ turn.T))
    return Baseline.from_truths(turned)


def known_weights() -> WeightsInfo:
    """Weights that know a bottle and a mug."""
    return weights()


def true_estimate(number: int = 0) -> HandObjectEstimate:
    """What a network without error says of a scene."""
    return truth_as_estimate(scene(number))


INVALID = HandObjectEstimate(0, False, "low confidence", 0.01)
# Of five images, number 1 was lost and number 3 replaced.
PUBLISHED = [number * PERIOD for number in range(5)]
GOOD_COUNTS = {"images_received": 4, "estimated": 2, "invalid": 1, "replaced": 1, "lost_before_arrival": 1}


def some_estimates() -> list[HeardEstimate]:
    """The estimates of those images whose counts are ``GOOD_COUNTS``."""
    pairs = [(0, true_estimate(), 1), (2, true_estimate(), 2), (4, INVALID, 4)]
    return [heard(PUBLISHED[index], pair, sequence) for index, pair, sequence in pairs]
