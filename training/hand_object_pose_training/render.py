"""Render synthetic samples into shards, in worker processes, resuming where a run was cut off."""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from rich.progress import track

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.crops import crop_camera, projected_box, square_crop
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import chosen_objects
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.backgrounds import PictureBackgrounds
from hand_object_pose.synthetic.grasp_library import GraspLibrary
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import RenderedScene
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.scene_sampler import SceneSampler
from hand_object_pose_training.shards import OBJECT_HASHES, open_shard, write_shard


@dataclass(frozen=True)
class RenderConfig:
    """What to render.

    Attributes:
        out: directory of the shards.
        samples: how many, rounded up to whole shards.
        seed: of the whole set; a shard's random numbers depend on it and on the shard's number only.
        image_size: side of the stored square, pixels.
        margin: side of the stored square relative to the hand-object box; wider than any crop made from it.
        shard_size: samples a shard.
        workers: processes; 0 means one for each core.
        backgrounds: directory of pictures to lie behind the scenes, subdirectories included; procedural ones if None.
        objects: directory of a catalogue; the default objects if None.
        names: which of the objects; all if none is given.
        grasps: library of their grasps, from ``hand-object-train grasps``; the default objects' if None.
    """

    out: Path
    samples: int = 50_000
    seed: int = 0
    image_size: int = 176
    margin: float = 1.6
    shard_size: int = 500
    workers: int = 0
    backgrounds: Path | None = None
    objects: Path | None = None
    names: tuple[str, ...] = ()
    grasps: Path | None = None


def render_shards(config: RenderConfig) -> int:
    """Render the missing shards; returns how many there were.

    Raises:
        UserError: nothing is to be rendered, shards that are there were rendered with another seed, the directory of
            backgrounds holds no pictures, that of objects none, or there are no grasps of them.
    """
    if config.samples < 1 or config.shard_size < 1:
        found = f"{config.samples} and {config.shard_size}"
        raise UserError(f"--samples and --shard-size: expected at least 1, found {found}")
    numbers = range(-(-config.samples // config.shard_size))
    missing = [number for number in numbers if not _path(config, number).exists()]
    _require_same_seed(config)
    if not missing:
        return 0
    _tools(config)  # what is missing is refused here, before any process starts
    workers = config.workers or os.cpu_count() or 1
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(_render_shard, config, number) for number in missing]
        for job in track(as_completed(jobs), description="rendering shards", total=len(jobs)):
            job.result()
    return len(missing)


def _require_same_seed(config: RenderConfig) -> None:
    """Scenes of two seeds in one directory are neither what was asked for nor what is there."""
    for path in sorted(config.out.glob("shard_*.safetensors")):
        found = (open_shard(path).metadata() or {}).get("seed")
        if found not in (None, f"{config.seed}"):
            raise UserError(
                f"{path}: rendered with --seed {found}, expected {config.seed}; choose another --out, or that seed"
            )


def _path(config: RenderConfig, number: int) -> Path:
    return config.out / f"shard_{number:05d}.safetensors"


@lru_cache(maxsize=1)
def _tools(config: RenderConfig) -> tuple[SceneSampler, SceneRenderer, Mapping[str, ObjectModel]]:
    """Per process: building them costs seconds, a scene milliseconds."""
    hand, catalogue = default_hand(), chosen_objects(config.objects, config.names)
    pictures = PictureBackgrounds(config.backgrounds) if config.backgrounds is not None else None
    library = GraspLibrary.load(config.grasps) if config.grasps is not None else None
    return SceneSampler(hand, catalogue, library), SceneRenderer(hand, catalogue, backgrounds=pictures), catalogue


def _render_shard(config: RenderConfig, number: int) -> None:
    rng = np.random.default_rng([config.seed, number])
    scenes = [_render_one(config, rng) for _ in range(config.shard_size)]
    _, _, catalogue = _tools(config)
    hashes = {name: model.hash for name, model in catalogue.items()}
    provenance = {"seed": f"{config.seed}", "shard": f"{number}", OBJECT_HASHES: json.dumps(hashes)}
    write_shard(_path(config, number), scenes, sorted(catalogue), provenance)


def _render_one(config: RenderConfig, rng: np.random.Generator) -> RenderedScene:
    sampler, renderer, catalogue = _tools(config)
    scene = sampler.sample(rng)
    hand, posed = scene.truth.hand_vertices, scene.truth.object_pose
    object_vertices = transform_points(posed, catalogue[scene.truth.object_name].vertices)
    boxes = [projected_box(scene.camera, points) for points in (hand, object_vertices)]
    crop = square_crop(np.stack(boxes), config.margin)
    camera = crop_camera(scene.camera, crop, config.image_size)
    return renderer.render(Scene(scene.truth, camera, scene.appearance), rng)
