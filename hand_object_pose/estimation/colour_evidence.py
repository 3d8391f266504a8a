"""What an image says of a posed object by its colours: whether the CAD file's are where they should be.

A depth image cannot tell a bottle from one that is upside down; its label can. The light of a scene, its colour and the
camera's exposure multiply what is seen, so that logarithms are compared, and means do not count.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import BoolArray, FloatArray
from hand_object_pose.estimation.depth_sampling import sample_depth
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.visibility import image_points, visible_points
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.projection import distort
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel

# Fewer vertices say nothing. Metres between the object's surface and the measured one; see also ``sample_depth``.
_FEWEST, _NEAR, _LARGEST_STEP = 15, 0.015, 0.02
# Added to bytes before the logarithm; variance of a logarithm below which a surface is of one colour.
_DARK, _PLAIN = 8.0, 0.02


@dataclass(frozen=True)
class ColourEvidence:
    """How well an object's colours agree with an image.

    Attributes:
        compared: vertices that are seen, and measured where they should be if there is a depth image.
        agreement: correlation, from -1 to 1, of the logarithms of their colours and the image's, each channel without
            its mean; 0 where nothing is compared, nearly so where the object or the image is of one colour.
    """

    compared: int = 0
    agreement: float = 0.0


def colour_evidence(frame: Frame, model: ObjectModel, pose: FloatArray, hiding: TriangleMesh) -> ColourEvidence:
    """How well the colours of a posed object agree with an image.

    Args:
        frame: the image.
        model: the object; pose: (4, 4), object frame to camera frame.
        hiding: another mesh that may hide parts of it, metres, camera frame.
    """
    points = transform_points(pose, model.vertices)
    if model.colours is None or min(points[:, 2].min(), hiding.vertices[:, 2].min()) <= 0:
        return ColourEvidence()
    placed = image_points(frame.camera, points)
    hidden_by = image_points(frame.camera, hiding.vertices), hiding.faces
    seen = np.flatnonzero(visible_points((placed, model.faces), hidden_by)[0])
    seen = seen[_measured(frame, placed[seen])]
    image, inside = _image_colours(frame, placed[seen, :2])
    if inside.sum() < _FEWEST:
        return ColourEvidence(int(inside.sum()))
    return ColourEvidence(int(inside.sum()), _agreement(image[inside], model.colours[seen][inside]))


def _measured(frame: Frame, placed: FloatArray) -> BoolArray:
    """Whether points (N, 3) as of ``image_points`` lie on the surface that is measured; all if none is."""
    if frame.depth is None:
        return np.ones(len(placed), dtype=bool)
    depth, smooth = sample_depth(frame, placed[:, :2], _LARGEST_STEP)
    return smooth & (np.abs(depth - placed[:, 2]) < _NEAR)


def _image_colours(frame: Frame, pixels: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Colours (N, 3) at undistorted pixels (N, 2), and whether these lie inside the image."""
    if frame.camera.is_distorted:
        pixels = distort(frame.camera, frame.camera.unproject(pixels, np.ones(len(pixels))))
    last = np.array([frame.camera.width - 1, frame.camera.height - 1])
    inside: BoolArray = np.all((pixels >= 0) & (pixels <= last), axis=1)
    if not inside.any():
        return np.zeros((len(pixels), 3)), inside
    places = np.where(inside[:, None], pixels, 0).astype(np.float32)[None]
    return np.asarray(cv2.remap(frame.image, places, None, cv2.INTER_LINEAR)[0], dtype=np.float64), inside


def _agreement(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    """Correlation of the logarithms of colours (N, 3)."""
    one, two = (np.log(colours + _DARK) for colours in (first.astype(float), second.astype(float)))
    one, two = one - one.mean(axis=0), two - two.mean(axis=0)
    spread = np.sqrt((np.square(one).mean() + _PLAIN / 3) * (np.square(two).mean() + _PLAIN / 3))
    return float((one * two).mean() / spread)
