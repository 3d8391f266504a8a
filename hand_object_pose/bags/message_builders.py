"""Arrays and numbers as common messages, built without ROS; the inverse of ``message_values``."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.bags.bag_types import DETECTIONS, new_message
from hand_object_pose.geometry.cameras import Camera

JPEG_QUALITY = 92


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


def point_message(point: FloatArray) -> Any:
    """geometry_msgs/Point of (3,)."""
    return new_message("geometry_msgs/msg/Point", **dict(zip("xyz", map(float, point), strict=True)))


def vector_message(vector: FloatArray) -> Any:
    """geometry_msgs/Vector3 of (3,)."""
    return new_message("geometry_msgs/msg/Vector3", **dict(zip("xyz", map(float, vector), strict=True)))


def pose_message(pose: FloatArray) -> Any:
    """geometry_msgs/Pose of (4, 4)."""
    x, y, z, w = map(float, Rotation.from_matrix(pose[:3, :3]).as_quat())
    orientation = new_message("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)
    return new_message("geometry_msgs/msg/Pose", position=point_message(pose[:3, 3]), orientation=orientation)


def transform_message(header: Any, child: str, pose: FloatArray) -> Any:
    """geometry_msgs/TransformStamped to the frame ``child``, whose pose (4, 4) in the header's frame is given."""
    turn = pose_message(pose).orientation
    transform = new_message("geometry_msgs/msg/Transform", translation=vector_message(pose[:3, 3]), rotation=turn)
    return new_message("geometry_msgs/msg/TransformStamped", header=header, child_frame_id=child, transform=transform)


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
