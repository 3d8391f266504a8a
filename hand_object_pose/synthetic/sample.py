"""One rendered image with everything that losses and metrics need to know of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.cameras import Camera


@dataclass(frozen=True)
class SceneTruth:
    """Ground truth of one scene; metres, camera optical frame.

    Attributes:
        hand_vertices: (778, 3); joints: (21, 3), in the order of ``hand.joints``, tips at the model's fingertips.
        object_name: id in the catalogue; object_pose: (4, 4) object frame to camera frame.
    """

    hand_vertices: FloatArray
    joints: FloatArray
    object_name: str
    object_pose: FloatArray


@dataclass(frozen=True)
class RenderedScene:
    """A rendered scene.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 metres along the optical axis, without sensor noise; 0 where nothing was hit.
        labels: (H, W) uint8: 0 background, 1 object, 2 hand, 3 sleeve.
        camera: pinhole, no distortion.
        truth: see ``SceneTruth``.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    labels: NDArray[np.uint8]
    camera: Camera
    truth: SceneTruth
