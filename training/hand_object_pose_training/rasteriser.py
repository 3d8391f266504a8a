"""Soft rasterising at low resolution, differentiable in the vertices: by PyTorch alone, or by PyTorch3D.

Every face covers the pixels around it with a probability that falls smoothly over its edges (Liu et al. 2019, Soft
Rasterizer, equation 1). Which faces lie near which pixels is found without gradients, and is all that differs in speed.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UserError
from hand_object_pose_training.nearby_faces import candidates, signed_squared_distance

BACKENDS = ("auto", "torch", "pytorch3d")
# Metres: faces with a corner not beyond this depth are not drawn.
NEAREST = 0.02


@dataclass(frozen=True)
class SoftRenderConfig:
    """How soft, how fine, and by which program.

    Attributes:
        size: side of the rendered square, pixels.
        edge_softness: rendered pixels over which a face's edge fades: coverage is the logistic function of the signed
            squared distance divided by this squared.
        depth_softness: metres; how far one part must lie behind another one to be hidden by it, rather than half seen.
        faces_per_pixel: how many of the nearest faces count in a pixel, which bounds memory (150 at most in PyTorch3D).
        cutoff: coverage below which a face is left out of a pixel.
        backend: "torch", "pytorch3d", or "auto": PyTorch3D on a GPU where it can be imported. On a CPU it looks at
            every face in every pixel, and takes twenty times as long as the other one.
    """

    size: int = 64
    edge_softness: float = 0.5
    depth_softness: float = 0.003
    faces_per_pixel: int = 100
    cutoff: float = 1e-4
    backend: str = "auto"

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise UserError(f"rasteriser backend: expected one of {', '.join(BACKENDS)}, found '{self.backend}'")
        if min(self.size, self.edge_softness, self.depth_softness, self.faces_per_pixel) <= 0:
            raise UserError(f"soft rendering: expected sizes and softnesses above zero, found {self}")
        if not 0 < self.cutoff < 0.5:
            raise UserError(f"soft rendering: expected a cutoff between 0 and 0.5, found {self.cutoff}")

    @property
    def radius(self) -> float:
        """Rendered pixels beyond a face at which its coverage reaches the cutoff."""
        return float(self.edge_softness * np.sqrt(np.log(1 / self.cutoff - 1)))


@dataclass(frozen=True)
class Fragments:
    """P pairs of a pixel and a face that may cover it.

    Attributes:
        pixel: (P,) counted through the batch: (b * size + row) * size + column.
        face: (P,) counted through the batch: b * F + f.
        distance: (P,) squared distance of the pixel's centre to the face's edge in square pixels, negative inside.
    """

    pixel: Tensor
    face: Tensor
    distance: Tensor


@lru_cache(maxsize=1)
def has_pytorch3d() -> bool:
    """Whether PyTorch3D can be imported and was built for this PyTorch."""
    try:
        import pytorch3d.renderer.mesh.rasterize_meshes  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def rasterise(points: Tensor, faces: Tensor, config: SoftRenderConfig) -> Fragments:
    """The faces near each pixel, the ``faces_per_pixel`` nearest in depth of them; gradients flow into ``points``.

    Args:
        points: (B, V, 3) float32: pixels of the rendered image, and depth in metres; see ``projected``.
        faces: (F, 3) vertex numbers, drawn from both sides.
        config: which rasteriser, and how soft.

    Raises:
        UserError: PyTorch3D is asked for and not installed.
    """
    check_shape("points", points, ("B", "V", 3))
    check_shape("faces", faces, ("F", 3))
    if _uses_pytorch3d(config.backend, points.device):
        from hand_object_pose_training.pytorch3d_rasteriser import rasterise_with_pytorch3d

        return Fragments(*rasterise_with_pytorch3d(points, faces, config))
    corners = points[:, faces]
    pixel, face = candidates(corners, config.size, config.radius, config.faces_per_pixel, NEAREST)
    place = torch.stack([pixel % config.size, pixel // config.size % config.size], dim=-1).to(points.dtype)
    return Fragments(pixel, face, signed_squared_distance(place, corners[..., :2].flatten(0, 1)[face]))


def projected(vertices: Tensor, camera_matrices: Tensor, image_size: int, size: int) -> Tensor:
    """What ``rasterise`` takes, (B, V, 3), so that a square image is rendered as a whole with ``size`` pixels a side.

    Args:
        vertices: (B, V, 3) metres, camera frame (x right, y down, z forward).
        camera_matrices: (B, 3, 3) K of square images; image_size: their side; both in pixels.
        size: side of the rendered image, pixels; in both images pixel (0, 0) is the centre of the top-left one.
    """
    check_shape("camera_matrices", camera_matrices, (len(vertices), 3, 3))
    vertices = vertices.float()
    depth = vertices[..., 2:]
    # Behind the camera any finite number does: such faces are not drawn.
    pixels = (vertices @ camera_matrices.float().mT)[..., :2] / depth.clamp(min=NEAREST)
    return torch.cat([(pixels + 0.5) * (size / image_size) - 0.5, depth], dim=-1)


def _uses_pytorch3d(backend: str, device: torch.device) -> bool:
    if backend == "pytorch3d" and not has_pytorch3d():
        raise UserError(
            "rasteriser backend 'pytorch3d': PyTorch3D cannot be imported; install a build for this PyTorch "
            "(pip install easypytorch3d), or use the backend 'torch'"
        )
    return backend == "pytorch3d" or (backend == "auto" and device.type == "cuda" and has_pytorch3d())
