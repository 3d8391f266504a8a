"""Draw the three kinds of training images and the finger rendering, as ``docs/augmentation.md`` shows them.

Rows: images as they were recorded (here: rendered ones stand for them), the same scenes from other directions,
synthesised grasps, the latter after random changes, and what the finger rendering loss compares.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from PIL import Image
from run_script import run_script

from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.backgrounds import PictureBackgrounds
from hand_object_pose.synthetic.grasp_library import shipped_grasps
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.scene_sampler import SceneSampler
from hand_object_pose_training.augmentation import photometric
from hand_object_pose_training.contact_losses import GraspLimits
from hand_object_pose_training.datasets.prepared_samples import StoredCrop
from hand_object_pose_training.finger_loss import face_parts, render_fingers
from hand_object_pose_training.grasp_synthesis import HOLDING, filter_library
from hand_object_pose_training.rasteriser import SoftRenderConfig
from hand_object_pose_training.shards import ShardSample
from hand_object_pose_training.synthetic_crops import (
    RENDERED_AUGMENTATION,
    RenderedGrasps,
    RenderedViews,
)

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Sheet:
    """What to draw.

    Attributes:
        out: the JPEG file.
        columns: how many images a row.
        size: of each image, pixels.
        seed: chooses the scenes.
        backgrounds: a directory of pictures instead of procedural backgrounds.
    """

    out: Path = Path("docs/images/augmentation.jpg")
    columns: int = 7
    size: int = 128
    seed: int = 0
    backgrounds: Path | None = None


def main(sheet: Sheet) -> None:
    """Render the rows and write the picture."""
    hand, catalogue = default_hand(), dict(default_catalogue())
    pictures = PictureBackgrounds(sheet.backgrounds) if sheet.backgrounds is not None else None
    renderer = SceneRenderer(hand, catalogue, pictures)
    size = StoredCrop(sheet.size, margin=1.25)
    sampler = SceneSampler(hand, catalogue)
    grasps = RenderedGrasps(sampler, catalogue, renderer, sheet.columns, sheet.seed, size)
    numbers = range(sheet.columns)
    recorded = [grasps.make(index, np.random.default_rng([sheet.seed, index])) for index in numbers]
    views = RenderedViews(recorded, catalogue, renderer, size=size)
    turned = [views.make(index, np.random.default_rng([sheet.seed, 1, index])) for index in numbers]
    library, _ = filter_library(shipped_grasps(), hand, catalogue, GraspLimits())
    holding = SceneSampler(hand, catalogue, library, HOLDING)
    fresh = RenderedGrasps(holding, catalogue, renderer, sheet.columns, sheet.seed + 1, size)
    made = [fresh.make(index, np.random.default_rng([sheet.seed, 2, index])) for index in numbers]
    plain = replace(RENDERED_AUGMENTATION, erase_probability=0.0, border_probability=0.0)
    changed = [
        _bytes(photometric(plain, sample.image, np.random.default_rng([sheet.seed, 3, index])))
        for index, sample in enumerate(made)
    ]
    rows = [[sample.image for sample in part] for part in (recorded, turned, made)] + [changed, _fingers(made)]
    picture = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    sheet.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(sheet.out, quality=82, optimize=True)
    print(f"{sheet.out}: {sheet.out.stat().st_size / 1000:.0f} kB")


def _fingers(samples: list[ShardSample]) -> list[Picture]:
    """f_r of equation 24 at the loss's resolution, enlarged."""
    hand, size = default_hand(), samples[0].image.shape[0]
    vertices, matrices = (
        torch.from_numpy(np.stack([getattr(sample, name) for sample in samples])).float()
        for name in ("hand_vertices", "camera_matrix")
    )
    faces = torch.tensor(hand.faces, dtype=torch.long)
    images = render_fingers(vertices, matrices, size, faces, face_parts(hand), SoftRenderConfig())
    enlarged = images.permute(0, 2, 3, 1).numpy()
    return [_bytes(cv2.resize(image, (size, size), interpolation=cv2.INTER_NEAREST)) for image in enlarged]


def _bytes(image: NDArray[np.floating]) -> Picture:
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


if __name__ == "__main__":
    run_script(lambda: main(tyro.cli(Sheet, description=__doc__)))
