"""Draw what comes out of one image: the image, the estimate over it, and the estimated meshes from two other sides.

The picture at the top of the README is made by ``python scripts/make_overview_picture.py``. The handovers are rendered
ones that neither training nor the demo uses, with true boxes and measured depth.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import tyro
from handover_pictures import ColourImage, cut_out, estimated_ends, write_joined
from rendered_handovers import RenderedFrame
from run_script import run_script

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.drawing.overlay import HAND_COLOUR, OBJECT_COLOUR, draw_estimates
from hand_object_pose.evaluation.drawing.turned_views import ColouredMesh, view_tiles
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points

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
    ends = estimated_ends(backend, picture.seeds, picture.every)
    write_joined(picture.out, [_row(rendered, pair, backend.weights) for rendered, pair in ends], axis=0)


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
    cuts = [cut_out(image, pair.box, _SIZE, cv2.INTER_CUBIC) for image in (rendered.frame.image, drawn)]
    return np.concatenate([*cuts, turned], axis=1)


if __name__ == "__main__":
    run_script(lambda: main(tyro.cli(OverviewPicture)))
