"""`hand-object-pose predict`: estimates in pictures and videos, without ROS."""

from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
import tyro

from hand_object_pose.cli.numbers import camera_matrix, check_range, numbers
from hand_object_pose.cli.pictures import Picture, read_pictures
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import Box, HandObjectEstimate
from hand_object_pose.estimation.still_image import box_around, estimate_still
from hand_object_pose.evaluation.drawing.overlay import draw_estimates
from hand_object_pose.evaluation.estimate_files import estimate_as_dict, write_glb, write_json
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.ros.parameters import SPECS

_BOX = "four numbers x_min,y_min,x_max,y_max in pixels"
_DEPTHS = (SPECS["root_depth.value"].low or 0.0, SPECS["root_depth.value"].high or 0.0)
_DISTORTION = "4, 5 or 8 numbers k1,k2,p1,p2[,k3[,k4,k5,k6]]"


def run(
    images: Annotated[tuple[Path, ...], tyro.conf.Positional],
    camera: str,
    object_id: Annotated[str, tyro.conf.arg(name="object")],
    root_depth: float,
    out: Path = Path("out/predict"),
    box: str | None = None,
    distortion: str | None = None,
    side: Literal["right", "left"] = "right",
    every: int = 1,
    confidence_threshold: float = EstimatorConfig.confidence_threshold,
    weights: Path | None = None,
    backend: Literal["auto", "onnx", "torch"] = "auto",
    device: Literal["auto", "cpu", "cuda"] = "auto",
) -> int:
    """Estimate hand and object; write JSON, a picture with the meshes over it, and the meshes as GLB for each image.

    Exit status 1 if no image has a valid estimate.

    Args:
        images: pictures, directories of pictures, or videos.
        camera: intrinsics fx,fy,cx,cy of the images as they are, pixels.
        object_id: the object that the hand holds, one of those that the weights know.
        root_depth: depth of the wrist along the optical axis, metres.
        out: directory for the results.
        box: x_min,y_min,x_max,y_max around hand and object, pixels; without it, they are searched for.
        distortion: k1,k2,p1,p2[,k3[,k4,k5,k6]] as in OpenCV; none unless given.
        side: right or left hand.
        every: of a video, take each n-th frame.
        confidence_threshold: an estimate below it is not valid (its files are written all the same).
        weights: a .safetensors file; the weights that ship with this package unless given.
        backend: what runs the network.
        device: where the network runs.
    """
    matrix = camera_matrix(camera)
    bent = np.array(numbers("--distortion", distortion, (4, 5, 8), _DISTORTION)) if distortion else np.zeros(0)
    corners = _box(box) if box else None
    check_range("--every", every, 1)
    check_range("--root-depth", root_depth, *_DEPTHS, unit="metres")
    check_range("--confidence-threshold", confidence_threshold, 0, 1)
    settings = EstimatorConfig(
        object_id=object_id,
        hand_side=side,
        root_depth_mode="fixed",
        root_depth_value=root_depth,
        confidence_threshold=confidence_threshold,
    )
    pictures = read_pictures(images, every)
    estimator = Estimator(load_backend(weights, backend, device), settings)
    out.mkdir(parents=True, exist_ok=True)
    valid = total = 0
    nearby: Box | None = None
    for picture in pictures:
        shown = _camera(matrix, bent, picture)
        if corners is not None:
            _require_overlap(corners, picture)
        start = corners or (nearby if picture.follows else None)
        pair = estimate_still(estimator, Frame(picture.image, shown, float(picture.number)), start)
        nearby = box_around(estimator, shown, pair) if pair.valid else None
        _write(out, picture, shown, pair, estimator)
        valid, total = valid + pair.valid, total + 1
    print(f"{valid} of {total} images with a valid estimate; results in {out}")
    return 0 if valid else 1


def _box(text: str) -> Box:
    box = Box(*numbers("--box", text, (4,), _BOX))
    if box.x_min >= box.x_max or box.y_min >= box.y_max:
        raise UserError(f"--box: expected x_min below x_max and y_min below y_max, found '{text}'")
    return box


def _require_overlap(box: Box, picture: Picture) -> None:
    height, width = picture.image.shape[:2]
    if box.x_max <= 0 or box.y_max <= 0 or box.x_min >= width or box.y_min >= height:
        raise UserError(f"--box: lies outside of {picture.source}, which has {width}x{height} pixels")


def _camera(matrix: np.ndarray, distortion: np.ndarray, picture: Picture) -> Camera:
    height, width = picture.image.shape[:2]
    model = "" if not len(distortion) else "plumb_bob" if len(distortion) <= 5 else "rational_polynomial"
    return Camera(matrix, width, height, model, distortion)


def _write(out: Path, picture: Picture, camera: Camera, pair: HandObjectEstimate, estimator: Estimator) -> None:
    known = estimator.backend.weights
    content = estimate_as_dict(pair, known)
    content |= {"image": str(picture.source), "frame": picture.number, "width": camera.width, "height": camera.height}
    content |= {"camera_matrix": camera.matrix.tolist(), "distortion": camera.distortion.tolist()}
    write_json(out / f"{picture.name}.json", content)
    drawn = draw_estimates(picture.image, camera, [pair], known.hand, known.objects)
    cv2.imwrite(str(out / f"{picture.name}_overlay.png"), cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
    if pair.hand is not None:
        write_glb(out / f"{picture.name}.glb", pair, known)
    outcome = "valid" if pair.valid else f"not valid ({pair.reason})"
    print(f"{picture.name}: {outcome}, confidence {pair.confidence:.2f}")
