"""The objects seen in one image as vision_msgs/Detection3DArray."""

from collections.abc import Mapping, Sequence

import numpy as np
from std_msgs.msg import Header
from vision_msgs.msg import BoundingBox3D, Detection3D, Detection3DArray, ObjectHypothesis, ObjectHypothesisWithPose

from hand_object_pose.estimation.result import HandObjectEstimate, ObjectEstimate
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.ros.results import pose_message, pose_with_covariance_message, vector_message


def objects_message(
    header: Header, pairs: Sequence[HandObjectEstimate], known: Mapping[str, ObjectModel]
) -> Detection3DArray:
    """Every valid object of an image; an empty array where there is none."""
    detections = [
        _detection(header, pair, pair.object, known[pair.object.name])
        for pair in pairs
        if pair.valid and pair.object is not None and pair.object.valid
    ]
    return Detection3DArray(header=header, detections=detections)


def _detection(header: Header, pair: HandObjectEstimate, found: ObjectEstimate, model: ObjectModel) -> Detection3D:
    """Its id is the track's, its score the pair's confidence, its box that of the mesh along the object's own axes."""
    hypothesis = ObjectHypothesis(class_id=found.name, score=float(pair.confidence))
    centre, size = model.bounding_box
    box = BoundingBox3D(center=pose_message(found.pose @ pose_matrix(np.eye(3), centre)), size=vector_message(size))
    result = ObjectHypothesisWithPose(hypothesis=hypothesis, pose=pose_with_covariance_message(found))
    return Detection3D(header=header, results=[result], bbox=box, id=str(pair.track_id))
