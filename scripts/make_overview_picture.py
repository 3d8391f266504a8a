"""Draw what comes out of one image: the image, the estimate over it, and the estimated meshes from two other sides.

The picture at the top of the README is made by ``python scripts/make_overview_picture.py``. The handovers are rendered
ones that neither training nor the demo uses, with true boxes and measured depth.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from rendered_handovers import RenderedFrame, rendered_handovers
from run_script import run_script

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.result import Box, HandObjectEstimate
from hand_object_pose.evaluation.drawing.overlay import HAND_COLOUR, OBJECT_COLOUR, draw_estimates
from hand_object_pose.evaluation.drawing.turned_views import ColouredMesh, view_tiles
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points

ColourImage = NDArray[np.uint8]

_SIZE = 240


@dataclass(frozen=True)
class OverviewPicture:
    """What to draw.

    Attributes:
        out: the JPEG file.
        seeds: of the handovers, one a row; their last looked-at frames are shown.
        every: look at each n-th frame of a handover.
    """

    out: Path = Path("docs/images/overview.jpg")
    seeds: tuple[int, ...] = (61, 62, 63)
    every: int = 90


def main(picture: OverviewPicture) -> None:
    """Render, estimate, draw, and write the picture."""
    backend = load_backend()
    estimator = Estimator(backend, EstimatorConfig(roi_mode="topic"))
    rows = []
    for seed in picture.seeds:
        *_, rendered = rendered_handovers((seed,), picture.every)
        frame = replace(rendered.frame, object_id=rendered.truth.object_name)
        rows.append(_row(rendered, estimator.process(frame).pairs[0], backend.weights))
    picture.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows, axis=0)).save(picture.out, quality=88)
    print(f"{picture.out}: {len(rows)} handovers, {picture.out.stat().st_size / 1000:.0f} kB")


def _row(rendered: RenderedFrame, pair: HandObjectEstimate, weights: WeightsInfo) -> ColourImage:
    """(240, 960, 3): the image around hand and object, the same with the estimate, and the meshes turned."""
    assert pair.hand is not None
    assert pair.object is not None
    assert pair.box is not None
    camera, model = rendered.frame.camera, weights.objects[pair.object.name]
    shown = replace(pair, box=None, contacts=None)
    drawn = draw_estimates(rendered.frame.image, camera, [shown], weights.hand, weights.objects, 0.85)
    hand = TriangleMesh(pair.hand.vertices, weights.hand.faces_of(pair.hand.side))
    thing = TriangleMesh(transform_points(pair.object.pose, model.vertices), model.faces)
    turned = view_tiles([ColouredMesh(thing, OBJECT_COLOUR), ColouredMesh(hand, HAND_COLOUR)], (90, 180))
    return np.concatenate([_cut(rendered.frame.image, pair.box), _cut(drawn, pair.box), turned], axis=1)


def _cut(image: ColourImage, box: Box) -> ColourImage:
    left, top, right, bottom = np.array([box.x_min, box.y_min, box.x_max, box.y_max]).clip(0).astype(int)
    return cv2.resize(image[top:bottom, left:right], (_SIZE, _SIZE), interpolation=cv2.INTER_CUBIC)


if __name__ == "__main__":
    run_script(lambda: main(tyro.cli(OverviewPicture)))
