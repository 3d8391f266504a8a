"""Draw random training scenes, as the network sees them, side by side into one picture.

The picture in the documentation is made by ``python scripts/make_contact_sheet.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from run_script import run_script

from hand_object_pose.geometry.crops import crop_camera, projected_box, square_crop
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.backgrounds import PictureBackgrounds
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.scene_sampler import SceneSampler


@dataclass(frozen=True)
class ContactSheet:
    """What to draw.

    Attributes:
        out: the PNG file; reduced to 256 colours to stay small.
        columns: scenes a row.
        rows: how many.
        size: of each scene, pixels.
        seed: chooses the scenes.
        backgrounds: a directory of pictures instead of procedural backgrounds.
    """

    out: Path = Path("docs/images/synthetic_scenes.png")
    columns: int = 8
    rows: int = 4
    size: int = 128
    seed: int = 0
    backgrounds: Path | None = None


def main(sheet: ContactSheet) -> None:
    """Render the scenes and write the picture."""
    hand, catalogue = default_hand(), default_catalogue()
    sampler = SceneSampler(hand, catalogue)
    backgrounds = PictureBackgrounds(sheet.backgrounds) if sheet.backgrounds is not None else None
    renderer = SceneRenderer(hand, catalogue, backgrounds)
    rng = np.random.default_rng(sheet.seed)
    images = []
    for _ in range(sheet.columns * sheet.rows):
        scene = sampler.sample(rng)
        images.append(renderer.render(cropped(scene, catalogue[scene.truth.object_name], sheet.size), rng).image)
    sheet.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(tiled(images, sheet.columns)).quantize(256).save(sheet.out, optimize=True)
    print(f"{sheet.out}: {len(images)} scenes, {sheet.out.stat().st_size / 1000:.0f} kB")


def cropped(scene: Scene, model: ObjectModel, size: int) -> Scene:
    """The scene seen by the camera of the crop (size, size) around hand and object."""
    surface = transform_points(scene.truth.object_pose, model.vertices)
    boxes = [projected_box(scene.camera, points) for points in (scene.truth.hand_vertices, surface)]
    return replace(scene, camera=crop_camera(scene.camera, square_crop(np.stack(boxes)), size))


def tiled(images: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """One picture of images (S, S, 3), row by row."""
    rows = [np.concatenate(images[start : start + columns], axis=1) for start in range(0, len(images), columns)]
    return np.concatenate(rows)


if __name__ == "__main__":
    run_script(lambda: main(tyro.cli(ContactSheet, description=__doc__)))
