"""From where a camera sees a person who hands something over: the distribution that weights are trained on.

The level frame stands at the camera and is level with the ground: x to the camera's right, y down along gravity,
z horizontally away from the camera. The person stands on the far side. A hand's attitude has three angles there:

* azimuth: where the fingers point, seen from above; 0 towards the camera, positive to the camera's right;
* pitch: how far they point up;
* roll: pronation about the pointing direction; 0 with the thumb up (handshake), +90 degrees with the palm down (of a
  right hand; -90 degrees would be palm up).
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.synthetic.hand_frame import HandFrame


@dataclass(frozen=True)
class ViewConfig:
    """Ranges, uniform; angles in radians, lengths in metres.

    Attributes:
        azimuth, pitch, roll: attitude of the hand in the level frame.
        elevation: how far the camera looks down; camera_roll: rotation about its optical axis.
        distance: from the camera to the middle of hand and object, along the optical axis.
        focal_length: of a 640 pixels wide image, pixels; other widths in proportion.
        principal_shift: largest shift of the principal point from the image's centre, pixels at 640 width.
        image_sizes: (width, height), the first one as often as all others together.
        visible_share: least share of the vertices of each of hand and object that lie in the image.
    """

    azimuth: tuple[float, float] = (-1.15, 1.15)
    pitch: tuple[float, float] = (-1.05, 0.6)
    roll: tuple[float, float] = (-0.7, 1.65)
    elevation: tuple[float, float] = (0.0, 0.87)
    camera_roll: tuple[float, float] = (-0.12, 0.12)
    distance: tuple[float, float] = (0.4, 1.0)
    focal_length: tuple[float, float] = (450.0, 700.0)
    principal_shift: float = 15.0
    image_sizes: tuple[tuple[int, int], ...] = ((640, 480), (848, 480), (1280, 720), (960, 540))
    visible_share: float = 0.8


@dataclass(frozen=True)
class HandAttitude:
    """Azimuth, pitch and roll in radians, as above."""

    azimuth: float
    pitch: float
    roll: float

    def rotation(self, frame: HandFrame) -> FloatArray:
        """(3, 3) from a hand model's axes to the level frame."""
        forward, up, side = _pointing(self.azimuth, self.pitch)
        thumbward = np.cos(self.roll) * up + np.sin(self.roll) * side
        palmar = np.cos(self.roll) * side - np.sin(self.roll) * up
        return np.stack([forward, thumbward, palmar], axis=1) @ frame.axes.T

    @classmethod
    def of(cls, rotation: FloatArray, frame: HandFrame) -> "HandAttitude":
        """The angles of a rotation (3, 3) from a hand model's axes to the level frame."""
        forward, thumbward = rotation @ frame.forward, rotation @ frame.thumbward
        azimuth = np.arctan2(forward[0], -forward[2])
        pitch = np.arcsin(np.clip(-forward[1], -1, 1))
        _, up, side = _pointing(azimuth, pitch)
        return cls(float(azimuth), float(pitch), float(np.arctan2(thumbward @ side, thumbward @ up)))

    def is_within(self, view: ViewConfig, margin: float = 0.0) -> bool:
        """Whether every angle lies inside the range, at least ``margin`` radians from its ends."""
        pairs = ((self.azimuth, view.azimuth), (self.pitch, view.pitch), (self.roll, view.roll))
        return all(low + margin <= angle <= high - margin for angle, (low, high) in pairs)


def _pointing(azimuth: float, pitch: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Forward, the thumb's direction at roll zero, and the right palm's at roll zero, in the level frame."""
    ahead = np.array([np.sin(azimuth), 0.0, -np.cos(azimuth)])
    upwards = np.array([0.0, -1.0, 0.0])
    forward = np.cos(pitch) * ahead + np.sin(pitch) * upwards
    up = np.cos(pitch) * upwards - np.sin(pitch) * ahead
    return forward, up, np.cross(up, forward)


def sample_attitude(view: ViewConfig, rng: np.random.Generator, margin: float = 0.0) -> HandAttitude:
    """Angles drawn uniformly from the ranges, ``margin`` radians away from their ends."""
    ranges = (view.azimuth, view.pitch, view.roll)
    return HandAttitude(*(float(rng.uniform(low + margin, high - margin)) for low, high in ranges))


def level_to_camera(elevation: float, camera_roll: float) -> FloatArray:
    """(3, 3) from the level frame to the optical frame of a camera that looks down by ``elevation``."""
    return Rotation.from_euler("xz", [elevation, camera_roll]).as_matrix()


def sample_camera(view: ViewConfig, rng: np.random.Generator, size: tuple[int, int] | None = None) -> Camera:
    """A pinhole camera without distortion, of the given (width, height) or a random one."""
    if size is None:
        others = len(view.image_sizes) - 1
        chances = [0.5] + [0.5 / others] * others if others else [1.0]
        size = view.image_sizes[rng.choice(len(view.image_sizes), p=chances)]
    scale = size[0] / 640
    focal = rng.uniform(*view.focal_length) * scale
    shift = rng.uniform(-view.principal_shift, view.principal_shift, 2) * scale
    centre = (np.array(size) - 1) / 2 + shift
    aspect = rng.uniform(0.99, 1.01)
    return Camera(np.array([[focal, 0, centre[0]], [0, focal * aspect, centre[1]], [0, 0, 1.0]]), *size)
