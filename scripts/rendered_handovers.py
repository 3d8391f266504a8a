"""Rendered frames of handovers with measured depth, for the scripts that measure the estimator."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.mirroring import MIRROR, mirror_points
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.depth_sensor import DepthSensor
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.sequence import HandoverSequence


@dataclass(frozen=True)
class RenderedFrame:
    """One frame of a handover: its seed, its phase (``sequence.PHASES``), the truth, and what the estimator gets."""

    seed: int
    phase: str
    truth: SceneTruth
    frame: Frame


def rendered_handovers(seeds: tuple[int, ...], every: int, side: str = "right") -> Iterator[RenderedFrame]:
    """Every ``every``-th frame of the handovers of ``seeds``, with true boxes and measured depth.

    The seeds 1 to 10 are left to the demo. With ``side`` "left" a left hand does what the right one does in a mirror,
    to the object itself, see ``with_left_hand``.
    """
    hand, catalogue, sensor = default_hand(), default_catalogue(), DepthSensor()
    renderer = SceneRenderer(default_hand(side), catalogue)
    for seed in seeds:
        sequence, rng = HandoverSequence(seed, hand, catalogue), np.random.default_rng(seed)
        for number in range(0, sequence.num_frames, every):
            scene = sequence.scene(number)
            if side == "left":
                scene = replace(scene, truth=with_left_hand(scene.truth, catalogue[scene.truth.object_name]))
            truth, camera = scene.truth, scene.camera
            rendered = renderer.render(scene, rng)
            vertices = transform_points(truth.object_pose, catalogue[truth.object_name].vertices)
            hands, objects = (projected_box(camera, points)[None] for points in (truth.hand_vertices, vertices))
            depth = sensor.measure(rendered.depth, camera, rng)
            frame = Frame(rendered.image, camera, sequence.time(number), depth, hand_boxes=hands, object_boxes=objects)
            yield RenderedFrame(seed, sequence.phase(number), truth, frame)


def with_left_hand(truth: SceneTruth, model: ObjectModel) -> SceneTruth:
    """A left hand with the object itself, where a mirror would show the object's mirror image, too.

    Objects have a plane about which they are nearly symmetric. Reflected about that plane first, and then with the
    scene, the object is moved rigidly, and the left hand holds it as the right hand did.
    """
    plane, _ = mirror_plane(model)
    pose = np.eye(4)
    pose[:3] = np.concatenate([MIRROR @ truth.object_pose[:3, :3], MIRROR @ truth.object_pose[:3, 3:]], axis=1)
    placed = pose @ plane
    return SceneTruth(mirror_points(truth.hand_vertices), mirror_points(truth.joints), truth.object_name, placed)


def mirror_plane(model: ObjectModel) -> tuple[FloatArray, float]:
    """The reflection (4, 4), in the object's frame, that changes the object least, and by how much, in metres.

    Of the three planes through the middle of its box along the axes; the change is the mean distance of the reflected
    vertices from the object's.
    """
    middle = (model.vertices.min(axis=0) + model.vertices.max(axis=0)) / 2
    tree, found = cKDTree(model.vertices), []
    for axis in range(3):
        flip = np.eye(4)
        flip[axis, axis], flip[axis, 3] = -1.0, 2 * middle[axis]
        distances, _ = tree.query(transform_points(flip, model.vertices))
        found.append((float(distances.mean()), axis, flip))
    change, _, flip = min(found, key=lambda entry: entry[:2])
    return flip, change
