"""Whole images of synthetic scenes with the boxes of hand and object, rendered small and kept in shards.

Besides hands with objects there are hands alone, objects alone, and empty scenes: what is not there must not be found.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from safetensors.numpy import load_file

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.box_detector import PADDING, Letterbox, letterboxed
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.posed_scene import HAND_LABEL, OBJECT_LABEL
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.scene_sampler import SceneConfig, SceneSampler
from hand_object_pose.synthetic.viewpoints import ViewConfig
from hand_object_pose.tensor_files import write_tensors
from hand_object_pose_training.box_detector.config import STORED_HEIGHT, STORED_WIDTH

_VIEW = ViewConfig(distance=(0.35, 1.3), visible_share=0.35)
# Both, the hand alone, the object alone, neither.
_SHOWN = ((True, True), (True, False), (False, True), (False, False))
_CHANCES = (0.7, 0.1, 0.1, 0.1)
_ELSEWHERE = np.array([100.0, 0.0, 0.0])
# Rendered finer than stored, and averaged, as a camera's image is shrunk.
_FINER = 2
_LEAST_PIXELS = 25


@dataclass(frozen=True)
class LabelledFrames:
    """Images with their boxes.

    Attributes:
        images: (N, 180, 240, 3) uint8 RGB with grey bars.
        boxes: (N, 2, 4) float32 (x_min, y_min, x_max, y_max) of the whole hand and object, hidden parts included, in
            pixels of ``images``; they may leave the image.
        present: (N, 2) whether hand and object are to be seen.
    """

    images: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.images)


def rendered_frames(directory: Path, frames: int, shard_size: int, seed: int) -> LabelledFrames:
    """The frames in ``directory``; those that are missing are rendered first.

    Each shard's random numbers depend on ``seed`` and its number only.
    """
    numbers = range(-(-frames // shard_size))
    paths = [directory / f"shard_{number:04d}.safetensors" for number in numbers]
    missing = [number for number in numbers if not paths[number].exists()]
    for number in track(missing, description=f"rendering {directory.name}", disable=not missing):
        _write(paths[number], shard_size, np.random.default_rng([seed, number]))
    loaded = [load_file(path) for path in paths]
    return LabelledFrames(*(np.concatenate([part[name] for part in loaded]) for name in ("images", "boxes", "present")))


def _write(path: Path, count: int, rng: np.random.Generator) -> None:
    frames = [render_frame(rng) for _ in range(count)]
    images, boxes, present = (np.stack(parts) for parts in zip(*frames, strict=True))
    write_tensors(path, {"images": images, "boxes": boxes.astype(np.float32), "present": present})


def render_frame(rng: np.random.Generator) -> tuple[NDArray[np.uint8], FloatArray, NDArray[np.bool_]]:
    """One random image (180, 240, 3), its boxes (2, 4) and which of them are there (2,)."""
    sampler, renderer = _tools()
    scene = sampler.sample(rng)
    shown = _SHOWN[rng.choice(len(_SHOWN), p=_CHANCES)]
    small, bars = _small(scene)
    rendered = renderer.render(replace(small, truth=_with(scene.truth, shown)), rng)
    image = rendered.image.copy()
    image[bars] = PADDING
    stored, fit = letterboxed(image, STORED_WIDTH, STORED_HEIGHT)
    vertices = transform_points(scene.truth.object_pose, default_catalogue()[scene.truth.object_name].vertices)
    boxes = np.stack([projected_box(small.camera, points) for points in (scene.truth.hand_vertices, vertices)])
    visible = [(rendered.labels == label)[~bars].sum() >= _LEAST_PIXELS for label in (HAND_LABEL, OBJECT_LABEL)]
    return stored, fit.from_image(boxes), np.array(visible)


@lru_cache(maxsize=1)
def _tools() -> tuple[SceneSampler, SceneRenderer]:
    hand, catalogue = default_hand(), default_catalogue()
    return SceneSampler(hand, catalogue, config=SceneConfig(view=_VIEW)), SceneRenderer(hand, catalogue)


def _small(scene: Scene) -> tuple[Scene, NDArray[np.bool_]]:
    """The scene in a small image of the stored shape, and which of its pixels (H, W) the camera does not have."""
    width, height = _FINER * STORED_WIDTH, _FINER * STORED_HEIGHT
    camera, fit = scene.camera, Letterbox.of(scene.camera.width, scene.camera.height, width, height)
    shrink = np.array([[fit.scale, 0, fit.x], [0, fit.scale, fit.y], [0, 0, 1]])
    # Between the centres of pixels and their corners, about which images shrink.
    centre = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    matrix = np.linalg.inv(centre) @ shrink @ centre @ camera.matrix
    bars = np.ones((height, width), bool)
    size = round(camera.width * fit.scale), round(camera.height * fit.scale)
    bars[fit.y : fit.y + size[1], fit.x : fit.x + size[0]] = False
    look = scene.appearance.camera
    softer = replace(
        look,
        blur_sigma=look.blur_sigma * fit.scale,
        motion_blur=look.motion_blur * fit.scale,
        noise_sigma=look.noise_sigma * fit.scale,
    )
    appearance = replace(scene.appearance, camera=softer)
    return Scene(scene.truth, Camera(matrix, width, height), appearance), bars


def _with(truth: SceneTruth, shown: tuple[bool, bool]) -> SceneTruth:
    """The truth with what is not shown far outside of the image."""
    hand_shown, object_shown = shown
    pose = truth.object_pose.copy()
    pose[:3, 3] += (not object_shown) * _ELSEWHERE
    shift = (not hand_shown) * _ELSEWHERE
    return SceneTruth(truth.hand_vertices + shift, truth.joints + shift, truth.object_name, pose)


def batches(frames: LabelledFrames, batch_size: int) -> Iterator[LabelledFrames]:
    """All frames in order."""
    for start in range(0, len(frames), batch_size):
        rows = slice(start, start + batch_size)
        yield LabelledFrames(frames.images[rows], frames.boxes[rows], frames.present[rows])
