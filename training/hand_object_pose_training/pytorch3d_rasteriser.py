"""``rasteriser.rasterise`` by PyTorch3D; imported only where PyTorch3D is installed."""

import torch
from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
from pytorch3d.structures import Meshes
from torch import Tensor

from hand_object_pose_training.rasteriser import NEAREST, SoftRenderConfig


def rasterise_with_pytorch3d(points: Tensor, faces: Tensor, config: SoftRenderConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Pixel, face and squared distance (P,) of ``rasteriser.Fragments``; arguments as of ``rasteriser.rasterise``."""
    half = config.size / 2
    # PyTorch3D's normalised coordinates: x to the left, y up, 1 at the image's border.
    normalised = torch.cat([1 - (points[..., :2] + 0.5) / half, points[..., 2:]], dim=-1)
    face, _, _, distance = rasterize_meshes(
        Meshes(normalised, faces.expand(len(points), -1, -1)),
        image_size=config.size,
        blur_radius=(config.radius / half) ** 2,
        faces_per_pixel=config.faces_per_pixel,
        clip_barycentric_coords=True,
    )
    in_front = (points[:, faces][..., 2] > NEAREST).all(dim=2).flatten()
    kept = (face >= 0) & in_front[face.clamp(min=0)]
    pixel = torch.arange(face[..., 0].numel(), device=face.device).reshape(face.shape[:3])
    return pixel[..., None].expand_as(face)[kept], face[kept], distance[kept] * half**2
