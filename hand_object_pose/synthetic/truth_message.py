"""The truth of a rendered scene as our message, built without ROS."""

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.bags.bag_types import ESTIMATES, new_message
from hand_object_pose.bags.message_builders import point_message, pose_message, vector_message
from hand_object_pose.bags.message_values import SIDE_RIGHT
from hand_object_pose.estimation.grasp_state import grasp_of
from hand_object_pose.estimation.interaction import DEFAULT_CONTACT_DISTANCE, find_contacts
from hand_object_pose.estimation.result import Contacts
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.sample import SceneTruth

HAND_CLASS = "hand_right"
_NAN = float("nan")


def truth_message(
    header: Any, truth: SceneTruth, hand: HandModel, model: ObjectModel, mano: tuple[FloatArray, FloatArray, FloatArray]
) -> Any:
    """hand_object_pose_msgs/HandObjectEstimates that holds the truth of one scene.

    Args:
        header: of the image.
        truth: the scene; hand, model: what it shows.
        mano: pose (48,), shape (10,) and translation (3,) of the hand in the camera frame.
    """
    contacts = find_contacts(truth.hand_vertices, hand.finger_labels, truth.object_pose, grid_of(model))
    pair = new_message(
        "hand_object_pose_msgs/msg/HandObjectEstimate",
        valid=True,
        confidence=1.0,
        last_valid=header.stamp,
        root_depth=float(truth.joints[0, 2]),
        root_depth_source="ground_truth",
        hand=_hand(truth, hand, mano),
        object=_object(truth, model),
        interaction_valid=True,
        contacts=_contacts(contacts),
        contact_distance=DEFAULT_CONTACT_DISTANCE,
        min_distance=contacts.min_distance,
        penetration_mean=contacts.penetration_mean,
        penetration_max=contacts.penetration_max,
        finger_contacts=contacts.touching[1:],
        palm_contact=bool(contacts.touching[0]),
        grasp_state=int(grasp_of(contacts.touching)),
    )
    return new_message(ESTIMATES, header=header, estimates=[pair])


def _hand(truth: SceneTruth, hand: HandModel, mano: tuple[FloatArray, FloatArray, FloatArray]) -> Any:
    pose, shape, translation = mano
    return new_message(
        "hand_object_pose_msgs/msg/HandEstimate",
        valid=True,
        model_name=hand.name,
        model_hash=hand.hash,
        side=SIDE_RIGHT,
        confidence=1.0,
        visible_fraction=_NAN,
        vertices=np.ascontiguousarray(truth.hand_vertices, dtype=np.float32).ravel(),
        joints=[point_message(joint) for joint in truth.joints],
        wrist_pose_valid=True,
        wrist_pose=pose_message(pose_matrix(Rotation.from_rotvec(pose[:3]).as_matrix(), truth.joints[0])),
        mano_parameters_valid=True,
        mano_pose=np.asarray(pose, dtype=np.float32),
        mano_shape=np.asarray(shape, dtype=np.float32),
        mano_translation=vector_message(translation),
    )


def _object(truth: SceneTruth, model: ObjectModel) -> Any:
    placed = new_message("geometry_msgs/msg/PoseWithCovariance", pose=pose_message(truth.object_pose))
    return new_message(
        "hand_object_pose_msgs/msg/ObjectEstimate",
        valid=True,
        object_id=model.name,
        mesh_hash=model.hash,
        confidence=1.0,
        visible_fraction=_NAN,
        pose=placed,
        covariance_valid=True,
    )


def _contacts(contacts: Contacts) -> list[Any]:
    rows = zip(
        contacts.hand_vertices,
        contacts.fingers,
        contacts.points,
        contacts.normals,
        contacts.signed_distances,
        strict=True,
    )
    return [
        new_message(
            "hand_object_pose_msgs/msg/Contact",
            hand_vertex=int(vertex),
            finger=int(finger),
            position=point_message(point),
            normal=vector_message(normal),
            signed_distance=float(distance),
        )
        for vertex, finger, point, normal, distance in rows
    ]
