"""What the network is shown of a frame, and how its answer returns to the camera frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.estimation.backend import LixelGeometry, NetworkOutput
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.lift import Lift, lixels_to_relative_depth, object_to_camera
from hand_object_pose.estimation.root_depth import RelativeMeshes
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import CropBox, crop_camera, crop_image, viewing_rotation
from hand_object_pose.geometry.se3 import pose_matrix, rotation_from_wxyz
from hand_object_pose.hand.joints import WRIST
from hand_object_pose.objects.object_model import ObjectModel


@dataclass(frozen=True)
class Lifted:
    """An answer in metres.

    Attributes:
        hand: (778, 3), joints: (21, 3), rough_object: (1000, 3), object_pose: (4, 4); camera frame.
        translation: (3,) and votes: (1000, 7) as in ``NetworkOutput``, but with translations in metres, relative to the
            wrist; in the virtual camera's frame.
    """

    hand: FloatArray
    joints: FloatArray
    rough_object: FloatArray
    object_pose: FloatArray
    translation: FloatArray
    votes: FloatArray


@dataclass(frozen=True)
class View:
    """A crop of a frame.

    Attributes:
        crop: in pixels of the undistorted full image.
        camera: pinhole of the crop; R_view (3, 3) belongs to it.
    """

    crop: CropBox
    camera: Camera
    viewing_rotation: FloatArray
    geometry: LixelGeometry

    @classmethod
    def of(cls, frame: Frame, crop: CropBox, geometry: LixelGeometry) -> "View":
        """The view of a frame through a crop."""
        size = geometry.image_size
        camera = crop_camera(frame.camera, crop, size)
        compensated = geometry.viewing_direction_compensated
        turn = viewing_rotation(camera, CropBox(0.0, 0.0, size)) if compensated else np.eye(3)
        return cls(crop, camera, turn, geometry)

    def network_input(self, frame: Frame) -> NDArray[np.float32]:
        """(1, 3, S, S), RGB in [0, 1], as the camera shows it; see ``either_hand`` for hands of the other side."""
        image = crop_image(frame.image, frame.camera, self.crop, self.geometry.image_size)
        return np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)

    def relative_meshes(self, output: NetworkOutput, hand_faces: IntArray, model: ObjectModel) -> RelativeMeshes:
        """Hand and rough object in full-image pixels and depth relative to the wrist; ``hand_faces`` of its side."""
        hand, rough = (self._relative(lixels[0]) for lixels in (output.hand_lixels, output.object_lixels))
        return RelativeMeshes(hand, hand_faces, rough, model.faces)

    def lift(self, output: NetworkOutput, root_depth: float, regressor: FloatArray) -> Lifted:
        """Metres in the camera frame, given the wrist's depth in metres and G (21, 778)."""
        lift = Lift(self.camera.matrix[None], np.array([root_depth]), self.geometry)
        joints = lift.joints(output.hand_lixels, regressor)
        wrist, turn = joints[:, WRIST], self.viewing_rotation[None]
        voted = lift.translation(output.translation[:, None], wrist, turn)[:, 0]
        voices = lift.translation(output.votes[..., 4:], wrist, turn)
        metric = voted[0], np.concatenate([output.votes[..., :4], voices], axis=-1)[0]
        rotation, translation = object_to_camera(rotation_from_wxyz(output.quaternion), voted, wrist, turn)
        hand, rough = lift.points(output.hand_lixels)[0], lift.points(output.object_lixels)[0]
        return Lifted(hand, joints[0], rough, pose_matrix(rotation, translation)[0], *metric)

    def _relative(self, lixels: FloatArray) -> FloatArray:
        size = self.geometry.image_size
        pixels = lixels[:, :2] * (size / self.geometry.bins)
        full = pixels * (self.crop.side / size) + [self.crop.x, self.crop.y]
        return np.concatenate([full, lixels_to_relative_depth(lixels[:, 2:], self.geometry)], axis=1)
