"""Estimates to messages. Arrays are copied as they are: the core already speaks metres and the camera's frame."""

from array import array
from collections.abc import Mapping

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import (
    Point,
    Pose,
    PoseWithCovariance,
    PoseWithCovarianceStamped,
    Quaternion,
    Transform,
    TransformStamped,
    Twist,
    TwistWithCovariance,
    Vector3,
)
from numpy.typing import NDArray
from shape_msgs.msg import Mesh, MeshTriangle
from std_msgs.msg import Header

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation import result
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.smoothing.motion import Motion
from hand_object_pose.geometry.se3 import quaternion_wxyz_to_xyzw, wxyz_from_rotation
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.joints import JOINT_NAMES, JOINT_PARENTS
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_msgs.msg import (
    Box2D,
    Contact,
    HandEstimate,
    HandObjectEstimate,
    HandObjectEstimates,
    HandTopology,
    ObjectEstimate,
    ObjectInfo,
    StageTiming,
)

SIDES: Mapping[str, int] = {"right": HandEstimate.SIDE_RIGHT, "left": HandEstimate.SIDE_LEFT}
_NAN = float("nan")


def time_message(nanoseconds: int) -> Time:
    """A time."""
    return Time(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


def point_message(point: FloatArray) -> Point:
    """A point (3,)."""
    x, y, z = map(float, point)
    return Point(x=x, y=y, z=z)


def vector_message(vector: FloatArray) -> Vector3:
    """A vector (3,)."""
    x, y, z = map(float, vector)
    return Vector3(x=x, y=y, z=z)


def pose_message(pose: FloatArray) -> Pose:
    """A pose (4, 4)."""
    x, y, z, w = map(float, quaternion_wxyz_to_xyzw(wxyz_from_rotation(pose[:3, :3])))
    return Pose(position=point_message(pose[:3, 3]), orientation=Quaternion(x=x, y=y, z=z, w=w))


def pose_with_covariance_message(estimate: result.ObjectEstimate) -> PoseWithCovariance:
    """An object's raw pose."""
    return PoseWithCovariance(
        pose=pose_message(estimate.pose), covariance=np.asarray(estimate.covariance, float).reshape(36)
    )


def stages_message(timing: Mapping[str, float]) -> list[StageTiming]:
    """Seconds by stage."""
    return [StageTiming(stage=stage, seconds=float(seconds)) for stage, seconds in timing.items()]


def estimate_message(
    pair: result.HandObjectEstimate, weights: WeightsInfo, contact_distance: float, last_valid: int
) -> HandObjectEstimate:
    """One hand-object pair.

    Args:
        pair: the estimate.
        weights: what it was made with.
        contact_distance: metres.
        last_valid: stamp of the newest valid estimate, nanoseconds; 0: none yet.
    """
    message = HandObjectEstimate(
        track_id=pair.track_id,
        valid=pair.valid,
        reason=pair.reason,
        confidence=float(pair.confidence),
        last_valid=time_message(last_valid),
        hand=hand_message(pair.hand, weights.hand, pair.confidence),
        object=object_message(pair.object, weights.objects, pair.confidence),
        track_state=_track_state(pair),
        roi_source=pair.roi_source,
        root_depth=float(pair.root_depth),
        root_depth_source=pair.root_depth_source,
        grasp_state=int(pair.grasp),
        contact_distance=contact_distance,
        min_distance=_NAN,
    )
    if pair.box is not None:
        box = pair.box
        corners = map(float, (box.x_min, box.y_min, box.x_max, box.y_max))
        message.box = Box2D(**dict(zip(("x_min", "y_min", "x_max", "y_max"), corners, strict=True)))
    if pair.contacts is not None:
        _add_contacts(message, pair.contacts)
    return message


def hand_message(hand: result.HandEstimate | None, model: HandModel, confidence: float) -> HandEstimate:
    """One hand; an invalid one where there is none. ``confidence`` of the pair, whose parts are judged together."""
    message = HandEstimate(model_name=model.name, model_hash=model.hash, visible_fraction=_NAN)
    if hand is None:
        message.reason = "no hand was estimated"
        return message
    message.valid = True
    message.side = SIDES[hand.side]
    message.confidence = float(confidence)
    message.vertices = _floats(hand.vertices)
    message.vertex_sigmas = _floats(hand.vertex_sigma)
    message.joints = [point_message(joint) for joint in hand.joints]
    message.joint_sigmas = _floats(hand.joint_sigma)
    if hand.wrist is not None:
        message.wrist_pose_valid, message.wrist_pose = True, pose_message(hand.wrist)
    return message


def object_message(
    estimate: result.ObjectEstimate | None, known: Mapping[str, ObjectModel], confidence: float
) -> ObjectEstimate:
    """One object; an invalid one where there is none. ``confidence`` of the pair; 0 where the object is not valid."""
    message = ObjectEstimate(visible_fraction=_NAN)
    if estimate is None:
        message.reason = "no object was estimated"
        return message
    message.valid, message.reason = estimate.valid, estimate.reason
    message.object_id = estimate.name
    message.confidence = float(confidence) if estimate.valid else 0.0
    message.mesh_hash = known[estimate.name].hash if estimate.name in known else ""
    message.pose = pose_with_covariance_message(estimate)
    message.covariance_valid = estimate.covariance_valid
    if estimate.filtered is not None:
        message.filtered_valid = message.twist_valid = True
        message.filtered_pose = motion_pose_message(estimate.filtered)
        message.twist = twist_message(estimate.filtered)
    return message


def motion_pose_message(motion: Motion) -> PoseWithCovariance:
    """The pose of a motion."""
    return PoseWithCovariance(pose=pose_message(motion.pose), covariance=motion.pose_covariance.reshape(36))


def twist_message(motion: Motion) -> TwistWithCovariance:
    """The twist of a motion."""
    twist = Twist(linear=vector_message(motion.twist[:3]), angular=vector_message(motion.twist[3:]))
    return TwistWithCovariance(twist=twist, covariance=motion.twist_covariance.reshape(36))


def object_pose_message(header: Header, estimate: ObjectEstimate) -> PoseWithCovarianceStamped:
    """The raw pose alone."""
    return PoseWithCovarianceStamped(header=header, pose=estimate.pose)


def transform_message(header: Header, pose: Pose, child_frame: str) -> TransformStamped:
    """A pose as a transform: the very same numbers."""
    position = pose.position
    return TransformStamped(
        header=header,
        child_frame_id=child_frame,
        transform=Transform(translation=Vector3(x=position.x, y=position.y, z=position.z), rotation=pose.orientation),
    )


def frame_message(
    header: Header, pairs: list[HandObjectEstimate], timing: Mapping[str, float], weights: WeightsInfo
) -> HandObjectEstimates:
    """All pairs of one image; times and sequence are set by the caller."""
    return HandObjectEstimates(
        header=header,
        estimates=pairs,
        timing=stages_message(timing),
        weights_name=weights.name,
        weights_hash=weights.hash,
    )


def hand_topology_message(model: HandModel, side: str, stamp: Time) -> HandTopology:
    """What does not change about a hand of ``side``; a side that is not the model's own is its mirror image."""
    return HandTopology(
        header=Header(stamp=stamp),
        model_name=model.name,
        model_hash=model.hash,
        side=SIDES[side],
        vertex_count=len(model.v_template),
        triangles=_triangles(model.faces_of(side)),
        finger_labels=array("b", np.asarray(model.finger_labels, np.int8).tobytes()),
        joint_names=list(JOINT_NAMES),
        joint_parents=list(JOINT_PARENTS),
        fingertip_vertices=[int(vertex) for vertex in model.fingertips],
    )


def object_info_message(
    model: ObjectModel, mesh_uri: str, child_frame: str, known: list[str], stamp: Time
) -> ObjectInfo:
    """What does not change about an object."""
    centre, size = model.bounding_box
    symmetries = model.symmetries
    return ObjectInfo(
        header=Header(stamp=stamp, frame_id=child_frame),
        object_id=model.name,
        mesh_uri=mesh_uri,
        mesh_scale=Vector3(x=1.0, y=1.0, z=1.0),
        mesh_hash=model.hash,
        mesh=Mesh(vertices=[point_message(vertex) for vertex in model.vertices], triangles=_triangles(model.faces)),
        box_centre=point_message(centre),
        box_size=vector_message(size),
        symmetries=[pose_message(pose) for pose in symmetries.discrete],
        symmetry_axes=[vector_message(axis) for axis in symmetries.axes],
        symmetry_axis_points=[point_message(point) for point in symmetries.axis_points],
        known_objects=known,
    )


def _track_state(pair: result.HandObjectEstimate) -> int:
    if pair.valid:
        return HandObjectEstimate.TRACK_CONTINUED if pair.tracked else HandObjectEstimate.TRACK_NEW
    return HandObjectEstimate.TRACK_LOST if pair.track_id else HandObjectEstimate.TRACK_UNKNOWN


def _add_contacts(message: HandObjectEstimate, contacts: result.Contacts) -> None:
    touching = contacts.touching.tolist()
    message.interaction_valid = True
    message.contacts = [
        Contact(
            hand_vertex=int(contacts.hand_vertices[number]),
            finger=int(contacts.fingers[number]),
            position=point_message(contacts.points[number]),
            normal=vector_message(contacts.normals[number]),
            signed_distance=float(contacts.signed_distances[number]),
        )
        for number in range(len(contacts.hand_vertices))
    ]
    message.min_distance = float(contacts.min_distance)
    message.penetration_mean = float(contacts.penetration_mean)
    message.penetration_max = float(contacts.penetration_max)
    message.palm_contact, message.finger_contacts = touching[0], touching[1:]


def _floats(values: FloatArray) -> array:
    # Assigning an array.array of the right type is the one quick way in every distribution.
    return array("f", np.ascontiguousarray(values, np.float32).tobytes())


def _triangles(faces: NDArray[np.integer]) -> list[MeshTriangle]:
    return [MeshTriangle(vertex_indices=face) for face in np.asarray(faces, np.uint32)]
