"""A network that knows the truth, and can only find out from the pixels it is shown where its crop lies.

Scenes are painted with their own pixel coordinates, so that a wrong crop, mirror or distortion yields a wrong answer.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.backend import LixelGeometry, NetworkOutput, WeightsInfo
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.mirroring import MIRROR, mirror_points, mirror_pose
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.projection import distort
from hand_object_pose.geometry.se3 import (
    pose_matrix,
    quaternion_xyzw_to_wxyz,
    rotation_from_wxyz,
    transform_points,
)
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.lens import undistorted_pixels

GEOMETRY = LixelGeometry(image_size=128, bins=64, depth_radius=0.3)
OBJECTS = ("bottle", "mug")
# Where nothing is.
NONSENSE = pose_matrix(Rotation.from_rotvec([-1.0, 2.0, 0.5]).as_matrix(), np.array([0.1, 0.1, 0.8]))


def camera(width: int = 640, height: int = 480, **distortion: object) -> Camera:
    """A camera with unequal focal lengths and a principal point off the centre."""
    return Camera(np.array([[610.0, 0, 310.0], [0, 590.0, 250.0], [0, 0, 1]]), width, height, **distortion)  # type: ignore[arg-type]


def coordinate_image(shown: Camera) -> np.ndarray:
    """(H, W, 3): red is the undistorted column, green the row, scaled to stay within the range; blue is dim.

    In float32, so that the instrument measures crops, not rounding.
    """
    columns, rows = np.meshgrid(np.arange(shown.width), np.arange(shown.height))
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float64)
    if shown.is_distorted:
        pixels = undistorted_pixels(shown).reshape(-1, 2)
    shades = (pixels * [200 / shown.width, 200 / shown.height] + 30).reshape(shown.height, shown.width, 2)
    image = np.zeros((shown.height, shown.width, 3), np.float32)
    image[..., :2] = np.clip(shades, 1, 255)
    return image


@dataclass(frozen=True)
class Truth:
    """Hand and object in metres, camera frame."""

    hand: np.ndarray
    joints: np.ndarray
    object_pose: np.ndarray
    object_name: str = "mug"

    def moved(self, offset: np.ndarray) -> "Truth":
        """Everything displaced by ``offset`` (3,)."""
        pose = self.object_pose.copy()
        pose[:3, 3] += offset
        return Truth(self.hand + offset, self.joints + offset, pose, self.object_name)


def truth(wrist: tuple[float, float, float] = (0.03, 0.05, 0.6), seed: int = 0, reach: float = 0.1) -> Truth:
    """A right hand with a mug beside it; ``reach`` is the object's distance from the wrist, metres."""
    rng = np.random.default_rng(seed)
    model = default_hand()
    pose = np.concatenate([[1.2, 0.3, -0.4], rng.normal(0, 0.2, 45)])[None]
    mesh = ManoLayer(model)(pose)
    joints = model.joint_regressor21 @ mesh.vertices[0]
    shift = np.array(wrist) - joints[0]
    turn = Rotation.from_rotvec([0.5, -1.0, 0.3]).as_matrix()
    object_pose = pose_matrix(turn, np.array(wrist) + np.array([-reach, -0.02, 0.02]))
    return Truth(mesh.vertices[0] + shift, joints + shift, object_pose)


def left_truth(wrist: tuple[float, float, float] = (-0.03, 0.05, 0.6), **arguments: Any) -> Truth:
    """A left hand, the mirror image of ``truth``'s, with the mug itself."""
    scene = truth((-wrist[0], *wrist[1:]), **arguments)
    return Truth(mirror_points(scene.hand), mirror_points(scene.joints), mirror_pose(scene.object_pose))


def frame_of(shown: Camera, **fields: object) -> Frame:
    """A frame whose image tells where its pixels lie."""
    return Frame(coordinate_image(shown), shown, **fields)  # type: ignore[arg-type]


def boxes_of(shown: Camera, points: np.ndarray) -> np.ndarray:
    """(1, 4) box in pixels of the distorted image."""
    pixels = distort(shown, points)
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])[None]


def detections(shown: Camera, scene: Truth) -> dict[str, np.ndarray]:
    """Boxes of hand and object, as fields of a frame."""
    vertices = default_catalogue()[scene.object_name].vertices
    placed = transform_points(scene.object_pose, vertices)
    return {"hand_boxes": boxes_of(shown, scene.hand), "object_boxes": boxes_of(shown, placed)}


def weights(geometry: LixelGeometry = GEOMETRY) -> WeightsInfo:
    """Weights that know a bottle and a mug."""
    catalogue = default_catalogue()
    known = {name: catalogue[name] for name in OBJECTS}
    return WeightsInfo("fake", "0" * 64, "compact", geometry, default_hand(), known, {})


@dataclass
class FakeBackend:
    """Answers with the truth, which may be exchanged between frames.

    Attributes:
        shown: the full image's camera; scene: the truth.
        side: of the hand, "right" or "left". As weights of right hands do, it knows a left one in a mirror only, but
            an object as it is. Of the rest it says nonsense.
        spread: lixel standard deviation that it reports; vote_noise: radians and metres.
    """

    shown: Camera
    scene: Truth
    side: str = "right"
    spread: float = 0.5
    vote_noise: float = 0.0
    weights: WeightsInfo = field(default_factory=weights)
    device: str = "fake"
    calls: int = 0

    def run(self, images: np.ndarray, objects: list[ObjectModel]) -> NetworkOutput:
        """The answers to all images, in one evaluation."""
        self.calls += 1
        found = [self.answer(image, model) for image, model in zip(images, objects, strict=True)]
        return NetworkOutput(**{name: np.concatenate([getattr(one, name) for one in found]) for name in vars(found[0])})

    def answer(self, image: np.ndarray, model: ObjectModel) -> NetworkOutput:
        """Find the crop in the image (3, S, S), and look up the truth in it."""
        scale, offset = self._crop(image)
        matrix = np.diag([*(1 / scale), 1.0]) @ (self.shown.matrix - [[0, 0, offset[0]], [0, 0, offset[1]], [0, 0, 0]])
        is_mirror = bool(scale[0] < 0)
        pose = NONSENSE if is_mirror else self.scene.object_pose
        placed = transform_points(pose, model.vertices)
        hand = self.scene.hand if is_mirror == (self.side == "left") else self.scene.hand[::-1] + 0.05
        side = self.weights.lixels.image_size
        view = _view(np.linalg.inv(matrix) @ [side / 2, side / 2, 1.0])
        flip = MIRROR if is_mirror else np.eye(3)
        # The mirror image of the camera has a negative focal length in x; the network sees a positive one.
        view = flip @ view @ flip
        rotation = view.T @ flip @ pose[:3, :3] @ flip
        translation = view.T @ flip @ (pose[:3, 3] - self.scene.joints[0])
        quaternion = quaternion_xyzw_to_wxyz(Rotation.from_matrix(rotation).as_quat())
        return NetworkOutput(
            hand_lixels=self._lixels(hand, matrix)[None],
            hand_sigma=np.full((1, 778, 3), self.spread),
            object_lixels=self._lixels(placed, matrix)[None],
            quaternion=-3.0 * quaternion[None],
            translation=translation[None],
            votes=self._votes(quaternion, translation)[None],
        )

    def _crop(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """scale (2,) and offset (2,): full-image pixel = scale * crop pixel + offset, by least squares."""
        columns, rows = np.meshgrid(np.arange(image.shape[2]), np.arange(image.shape[1]))
        seen = (image[0] > 0) & (image[1] > 0)
        if not seen.any():
            return np.ones(2), np.zeros(2)
        # The rim of the image is blended with black.
        seen &= np.roll(seen, 2, 0) & np.roll(seen, -2, 0) & np.roll(seen, 2, 1) & np.roll(seen, -2, 1)
        fits = []
        for channel, positions, extent in ((0, columns, self.shown.width), (1, rows, self.shown.height)):
            values = (image[channel][seen] * 255 - 30) * extent / 200
            fits.append(np.polyfit(positions[seen], values, 1))
        fitted = np.array(fits)
        return fitted[:, 0], fitted[:, 1]

    def _lixels(self, points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        geometry = self.weights.lixels
        homogeneous = points @ matrix.T
        pixels = homogeneous[:, :2] / homogeneous[:, 2:]
        relative = points[:, 2:] - self.scene.joints[0, 2]
        scaled = np.concatenate([pixels / geometry.image_size, (relative / geometry.depth_radius + 1) / 2], axis=1)
        return scaled * geometry.bins

    def _votes(self, quaternion: np.ndarray, translation: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(5)
        turns = Rotation.from_rotvec(rng.normal(0, self.vote_noise, (1000, 3)))
        mean = Rotation.from_matrix(rotation_from_wxyz(quaternion))
        votes = quaternion_xyzw_to_wxyz((turns * mean).as_quat()) * rng.choice([-2.0, 1.5], (1000, 1))
        return np.concatenate([votes, translation + rng.normal(0, self.vote_noise, (1000, 3))], axis=1)


def _view(direction: np.ndarray) -> np.ndarray:
    """The smallest rotation of the optical axis onto a direction: I + [v]x + [v]x^2 / (1 + c)."""
    x, y, z = direction / np.linalg.norm(direction)
    cross = np.array([[0, 0, x], [0, 0, y], [-x, -y, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + z)
