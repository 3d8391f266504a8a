"""What the detector's network should say of an image with known boxes, and how far it is from that."""

import torch
from torch import Tensor

from hand_object_pose_training.box_detector.network import cell_centres

# A middle's heat falls off with this share of the box; cells warmer than _REGRESSED learn the box.
_SPREAD, _REGRESSED = 0.12, 0.3
_BOX_WEIGHT = 2.0


def heat_of(boxes: Tensor, present: Tensor, height: int, width: int) -> Tensor:
    """(B, 2, h, w) in [0, 1]: Gaussians about the middles of boxes (B, 2, 4), one at the nearest cell; 0 where absent.

    The middle is that of the box's part inside the image, because there is no cell outside.
    """
    cells = cell_centres(height, width).to(boxes)
    limit = (cells[:, -1, -1] + cells[:, 0, 0]).repeat(2)
    inside = torch.minimum(boxes.clamp(min=0), limit)
    middle = (inside[..., :2] + inside[..., 2:]) / 2
    spread = (_SPREAD * (inside[..., 2:] - inside[..., :2])).clamp(min=4.0)
    offset = (cells[None, None] - middle[..., None, None]) / spread[..., None, None]
    heat = torch.exp(-0.5 * offset.square().sum(dim=2))
    peak = heat.amax(dim=(2, 3), keepdim=True).clamp(min=1e-6)
    return heat / peak * present[..., None, None]


def detection_loss(logits: Tensor, boxes: Tensor, true_boxes: Tensor, present: Tensor) -> dict[str, Tensor]:
    """``total``, ``score`` (penalty-reduced focal loss of CenterNet, Zhou et al. 2019) and ``box`` (1 - GIoU).

    Args:
        logits: (B, 2, h, w); boxes: (B, 2, 4, h, w), of the network.
        true_boxes: (B, 2, 4), pixels; present: (B, 2), 1 where there is a box.
    """
    heat = heat_of(true_boxes, present, *logits.shape[-2:])
    count = present.sum().clamp(min=1.0)
    probability = logits.sigmoid()
    is_middle = heat > 0.999
    hit = is_middle * (1 - probability).square() * torch.nn.functional.logsigmoid(logits)
    miss = ~is_middle * (1 - heat).pow(4) * probability.square() * torch.nn.functional.logsigmoid(-logits)
    score = -(hit + miss).sum() / count
    weight = heat * (heat > _REGRESSED)
    overlap = generalised_overlap(boxes, true_boxes[..., None, None])
    box = (weight * (1 - overlap)).sum() / weight.sum().clamp(min=1.0)
    return {"total": score + _BOX_WEIGHT * box, "score": score, "box": box}


def generalised_overlap(first: Tensor, second: Tensor) -> Tensor:
    """Generalised intersection over union (Rezatofighi et al. 2019) of boxes along dimension 2, which it removes."""
    low, high = torch.maximum(first[:, :, :2], second[:, :, :2]), torch.minimum(first[:, :, 2:], second[:, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    around = torch.maximum(first[:, :, 2:], second[:, :, 2:]) - torch.minimum(first[:, :, :2], second[:, :, :2])
    areas = [(box[:, :, 2:] - box[:, :, :2]).prod(dim=2) for box in (first, second)]
    union = areas[0] + areas[1] - shared
    hull = around.prod(dim=2)
    return shared / union - (hull - union) / hull
