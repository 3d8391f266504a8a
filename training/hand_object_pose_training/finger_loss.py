"""The finger rendering loss, equation 24: do the fingers lie in the image where they should?"""

import torch
from torch import Tensor, nn

from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose_training.part_rendering import render_parts
from hand_object_pose_training.rasteriser import SoftRenderConfig

PALM_COLOUR = (1.0, 0.0, 1.0)
FINGER_COLOURS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0), (0.0, 1.0, 1.0))
"""Corners of the colour cube, thumb to little finger: any two differ by a whole channel. The background is black."""


def finger_loss(
    predicted: Tensor,
    truth: Tensor,
    camera_matrices: Tensor,
    image_size: int,
    faces: Tensor,
    parts: Tensor,
    config: SoftRenderConfig | None = None,
) -> Tensor:
    """Equation 24 (B,): L1 between the coloured renderings of two hands, mean over pixels and channels, so in [0, 1].

    The paper leaves resolution and reduction open; here the network's crop is rendered with ``config.size`` pixels.

    Args:
        predicted, truth: vertices (B, 778, 3), metres, camera frame; gradients flow into the predicted ones only.
        camera_matrices: K of the crops (B, 3, 3), pixels; image_size: side of these crops, pixels.
        faces: (1538, 3) of the hand model; parts: (1538,), see ``face_parts``.
        config: resolution, softness and rasteriser.
    """
    drawn = render_fingers(predicted, camera_matrices, image_size, faces, parts, config)
    with torch.no_grad():
        wanted = render_fingers(truth, camera_matrices, image_size, faces, parts, config)
    return (drawn - wanted).abs().mean(dim=(1, 2, 3))


def render_fingers(
    vertices: Tensor,
    camera_matrices: Tensor,
    image_size: int,
    faces: Tensor,
    parts: Tensor,
    config: SoftRenderConfig | None = None,
) -> Tensor:
    """f_r of equation 24: images (B, 3, size, size) in [0, 1] of hands in finger colours on black; as in the loss."""
    shares = render_parts(vertices, faces, parts, camera_matrices, image_size, config)
    table = torch.tensor([PALM_COLOUR, *FINGER_COLOURS], device=shares.device, dtype=shares.dtype)
    return torch.einsum("bchw,ck->bkhw", shares, table)


def face_parts(hand: HandModel) -> Tensor:
    """(1538,) part of each face: 0 palm, 1 thumb ... 5 little finger.

    A vertex belongs to the finger of its largest blending weight, a face to that of most of its corners.
    """
    labels = torch.tensor(hand.finger_labels) + 1
    return labels[torch.tensor(hand.faces, dtype=torch.long)].mode(dim=1).values


class FingerRendering(nn.Module):
    """Equation 24 for one hand model and one size of crops."""

    faces: Tensor
    parts: Tensor

    def __init__(self, hand: HandModel, image_size: int, config: SoftRenderConfig | None = None) -> None:
        """Hold the hand's faces and their parts as buffers.

        Args:
            hand: whose vertices are compared; image_size: side of the network's crops, pixels.
            config: resolution, softness and rasteriser.
        """
        super().__init__()
        self.image_size = image_size
        self.config = config or SoftRenderConfig()
        self.register_buffer("faces", torch.tensor(hand.faces, dtype=torch.long), persistent=False)
        self.register_buffer("parts", face_parts(hand), persistent=False)

    def forward(self, predicted: Tensor, truth: Tensor, camera_matrices: Tensor) -> Tensor:
        """Equation 24 (B,) for refined and true hands (B, 778, 3), metres, and the crops' K (B, 3, 3)."""
        return finger_loss(predicted, truth, camera_matrices, self.image_size, self.faces, self.parts, self.config)
