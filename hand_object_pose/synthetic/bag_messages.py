"""Rendered frames as ROS messages, built without ROS."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.grasp_state import grasp_of
from hand_object_pose.estimation.interaction import DEFAULT_CONTACT_DISTANCE, find_contacts
from hand_object_pose.estimation.result import Contacts
from hand_object_pose.evaluation.bag_types import DETECTIONS, ESTIMATES, new_message
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.sample import SceneTruth

FloatArray = NDArray[np.floating]

JPEG_QUALITY = 92
HAND_CLASS = "hand_right"
_RIGHT = 1
_NAN = float("nan")


def time_message(nanoseconds: int) -> Any:
    """builtin_interfaces/Time."""
    return new_message("builtin_interfaces/msg/Time", sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def header_message(stamp: int, frame: str) -> Any:
    """std_msgs/Header of a stamp in nanoseconds."""
    return new_message("std_msgs/msg/Header", stamp=time_message(stamp), frame_id=frame)


def image_message(header: Any, image: NDArray[np.uint8]) -> Any:
    """sensor_msgs/Image, rgb8, of an RGB image (H, W, 3)."""
    return _raw_image(header, image, "rgb8", 3)


def jpeg_message(header: Any, image: NDArray[np.uint8]) -> Any:
    """sensor_msgs/CompressedImage, JPEG, of an RGB image (H, W, 3)."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return _compressed(header, "rgb8; jpeg compressed bgr8", data)


def depth_message(header: Any, depth: NDArray[np.float32]) -> Any:
    """sensor_msgs/Image, 16UC1 in millimetres (REP 118), of a depth (H, W) in metres; 0 where there is none."""
    return _raw_image(header, millimetres(depth), "16UC1", 2)


def compressed_depth_message(header: Any, depth: NDArray[np.float32]) -> Any:
    """The same as compressed_depth_image_transport writes it: a header of twelve bytes, then a PNG."""
    _, data = cv2.imencode(".png", millimetres(depth), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return _compressed(header, "16UC1; compressedDepth png", np.concatenate([np.zeros(12, np.uint8), data.ravel()]))


def millimetres(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth in metres as REP 118's integers."""
    return np.clip(np.round(depth * 1000.0), 0, np.iinfo(np.uint16).max).astype(np.uint16)


def camera_info_message(header: Any, camera: Camera) -> Any:
    """sensor_msgs/CameraInfo of a pinhole camera."""
    projection = np.concatenate([camera.matrix, np.zeros((3, 1))], axis=1)
    return new_message(
        "sensor_msgs/msg/CameraInfo",
        header=header,
        height=camera.height,
        width=camera.width,
        distortion_model=camera.distortion_model or "plumb_bob",
        d=np.asarray(camera.distortion, float) if len(camera.distortion) else np.zeros(5),
        k=camera.matrix.astype(float).ravel(),
        r=np.eye(3).ravel(),
        p=projection.astype(float).ravel(),
    )


def detections_message(header: Any, boxes: dict[str, FloatArray], score: float = 0.9) -> Any:
    """vision_msgs/Detection2DArray of boxes (x_min, y_min, x_max, y_max) in pixels by class id."""
    detections = [_detection(header, name, box, score) for name, box in boxes.items()]
    return new_message(DETECTIONS, header=header, detections=detections)


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
        side=_RIGHT,
        confidence=1.0,
        visible_fraction=_NAN,
        vertices=np.ascontiguousarray(truth.hand_vertices, dtype=np.float32).ravel(),
        joints=[_point(joint) for joint in truth.joints],
        wrist_pose_valid=True,
        wrist_pose=_pose(truth.joints[0], Rotation.from_rotvec(pose[:3]).as_matrix()),
        mano_parameters_valid=True,
        mano_pose=np.asarray(pose, dtype=np.float32),
        mano_shape=np.asarray(shape, dtype=np.float32),
        mano_translation=_vector(translation),
    )


def _object(truth: SceneTruth, model: ObjectModel) -> Any:
    placed = new_message(
        "geometry_msgs/msg/PoseWithCovariance", pose=_pose(truth.object_pose[:3, 3], truth.object_pose[:3, :3])
    )
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
            position=_point(point),
            normal=_vector(normal),
            signed_distance=float(distance),
        )
        for vertex, finger, point, normal, distance in rows
    ]


def _detection(header: Any, name: str, box: FloatArray, score: float) -> Any:
    centre = (box[:2] + box[2:]) / 2
    position = new_message("vision_msgs/msg/Point2D", x=float(centre[0]), y=float(centre[1]))
    hypothesis = new_message("vision_msgs/msg/ObjectHypothesis", class_id=name, score=score)
    return new_message(
        "vision_msgs/msg/Detection2D",
        header=header,
        results=[new_message("vision_msgs/msg/ObjectHypothesisWithPose", hypothesis=hypothesis)],
        bbox=new_message(
            "vision_msgs/msg/BoundingBox2D",
            center=new_message("vision_msgs/msg/Pose2D", position=position),
            size_x=float(box[2] - box[0]),
            size_y=float(box[3] - box[1]),
        ),
    )


def _raw_image(header: Any, pixels: NDArray, encoding: str, bytes_a_pixel: int) -> Any:
    height, width = pixels.shape[:2]
    return new_message(
        "sensor_msgs/msg/Image",
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        step=width * bytes_a_pixel,
        data=np.ascontiguousarray(pixels).reshape(-1).view(np.uint8),
    )


def _compressed(header: Any, description: str, data: NDArray) -> Any:
    return new_message(
        "sensor_msgs/msg/CompressedImage", header=header, format=description, data=np.asarray(data, np.uint8).ravel()
    )


def _point(point: FloatArray) -> Any:
    return new_message("geometry_msgs/msg/Point", **dict(zip("xyz", map(float, point), strict=True)))


def _vector(vector: FloatArray) -> Any:
    return new_message("geometry_msgs/msg/Vector3", **dict(zip("xyz", map(float, vector), strict=True)))


def _pose(position: FloatArray, rotation: FloatArray) -> Any:
    x, y, z, w = map(float, Rotation.from_matrix(rotation).as_quat())
    orientation = new_message("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)
    return new_message("geometry_msgs/msg/Pose", position=_point(position), orientation=orientation)
