"""Draw what the hand leaves free of an object, as estimated, over rendered handovers.

The picture in the documentation is made by ``python scripts/make_free_surface_picture.py``. Green: free points that
face the camera; dark green: those on the far side; red: contacts; with the estimated hand and object.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import tyro
from handover_pictures import ColourImage, cut_out, estimated_ends, write_joined
from numpy.typing import NDArray
from rendered_handovers import RenderedFrame
from run_script import run_script

from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.free_surface import free_surface
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.drawing.overlay import draw_estimates
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.reachable_surface import reachable_surface

_FACING, _HIDDEN = (60, 230, 90), (20, 110, 60)
_ENLARGED = 2


@dataclass(frozen=True)
class FreeSurfacePicture:
    """What to draw.

    Attributes:
        out: the JPEG file.
        seeds: of the handovers, one a panel; their last frames are shown.
        size: pixels of a panel.
    """

    out: Path = Path("docs/images/free_surface.jpg")
    seeds: tuple[int, ...] = (61, 63, 66, 68)
    size: int = 360


def main(picture: FreeSurfacePicture) -> None:
    """Render, estimate, draw, and write the picture."""
    backend = load_backend()
    ends = estimated_ends(backend, picture.seeds, every=90)
    panels = [_panel(rendered, pair, backend.weights.hand, picture.size) for rendered, pair in ends]
    write_joined(picture.out, panels, axis=1)


def _panel(rendered: RenderedFrame, pair: HandObjectEstimate, hand: HandModel, size: int) -> ColourImage:
    assert pair.hand is not None
    assert pair.object is not None
    assert pair.box is not None
    camera, model = rendered.frame.camera, default_catalogue()[pair.object.name]
    shown = replace(pair, box=None)
    image = draw_estimates(rendered.frame.image, camera, [shown], hand, {model.name: model}, 0.45)
    image = cv2.resize(image, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC)
    free = free_surface(reachable_surface(model), pair.object.pose, pair.hand.vertices)
    facing = (free.points * free.normals).sum(axis=1) < 0
    _dots(image, camera, free.points[~facing], _HIDDEN, 1)
    _dots(image, camera, free.points[facing], _FACING, 2)
    return cut_out(image, pair.box, size, cv2.INTER_AREA, _ENLARGED)


def _dots(
    image: ColourImage, camera: Camera, points: NDArray[np.floating], colour: tuple[int, int, int], radius: int
) -> None:
    for pixel in np.rint(camera.project(points) * _ENLARGED).astype(int).tolist():
        cv2.circle(image, pixel, radius, colour, -1, cv2.LINE_AA)


if __name__ == "__main__":
    run_script(lambda: main(tyro.cli(FreeSurfacePicture)))
