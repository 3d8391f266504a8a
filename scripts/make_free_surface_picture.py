"""Draw what the hand leaves free of an object, as estimated, over rendered handovers.

The picture in the documentation is made by ``python scripts/make_free_surface_picture.py``. Green: free points that
face the camera; dark green: those on the far side; red: contacts; with the estimated hand and object.
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

from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
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
    estimator = Estimator(backend, EstimatorConfig(roi_mode="topic"))
    panels = []
    for seed in picture.seeds:
        *_, rendered = rendered_handovers((seed,), 90)
        frame = replace(rendered.frame, object_id=rendered.truth.object_name)
        panels.append(_panel(rendered, estimator.process(frame).pairs[0], backend.weights.hand, picture.size))
    picture.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(panels, axis=1)).save(picture.out, quality=88)
    print(f"{picture.out}: {len(panels)} handovers, {picture.out.stat().st_size / 1000:.0f} kB")


def _panel(rendered: RenderedFrame, pair: HandObjectEstimate, hand: HandModel, size: int) -> NDArray[np.uint8]:
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
    box = pair.box
    corners = np.array([box.x_min, box.y_min, box.x_max, box.y_max]).clip(0) * _ENLARGED
    left, top, right, bottom = corners.astype(int)
    return cv2.resize(image[top:bottom, left:right], (size, size), interpolation=cv2.INTER_AREA)


def _dots(
    image: NDArray[np.uint8], camera: Camera, points: NDArray[np.floating], colour: tuple[int, int, int], radius: int
) -> None:
    for pixel in np.rint(camera.project(points) * _ENLARGED).astype(int).tolist():
        cv2.circle(image, pixel, radius, colour, -1, cv2.LINE_AA)


if __name__ == "__main__":
    run_script(lambda: main(tyro.cli(FreeSurfacePicture)))
