"""What colours say of a pose, against rendered scenes of known poses and closed forms."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.colour_evidence import ColourEvidence, colour_evidence
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.visual import load_visual_mesh
from hand_object_pose.synthetic.surface_colours import with_colours

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from still_scenes import StillScene, still_scenes

SCENES = 12
DISTORTION = np.array([0.1, -0.05, 0.001, -0.001, 0.01])


@lru_cache(maxsize=1)
def coloured() -> Mapping[str, ObjectModel]:
    return {name: with_colours(model) for name, model in default_catalogue().items()}


@lru_cache(maxsize=1)
def scenes() -> list[StillScene]:
    return list(still_scenes(default_hand(), default_catalogue(), 4321, range(SCENES)))


def evidence(scene: StillScene, turn: NDArray | None = None, **changes: Any) -> ColourEvidence:
    """Of the true pose, turned about the object's middle."""
    model = coloured()[scene.truth.object_name]
    turn = np.eye(3) if turn is None else turn
    middle = model.vertices.mean(axis=0)
    pose = scene.truth.object_pose @ pose_matrix(turn, middle - turn @ middle)
    hand = TriangleMesh(scene.truth.hand_vertices, default_hand().faces)
    return colour_evidence(replace(scene.frame, **changes), model, pose, hand)


def test_true_poses_agree_and_half_turns_do_not() -> None:
    """Objects are looked at that show their look: none of the turns is one of their symmetries."""
    half_turns = [Rotation.from_rotvec(np.pi * axis).as_matrix() for axis in np.eye(3)]
    right = np.array([evidence(scene).agreement for scene in scenes()])
    wrong = np.array([[evidence(scene, turn).agreement for turn in half_turns] for scene in scenes()])
    assert np.median(right) > 0.6
    assert np.median(wrong) < 0.3
    assert (wrong.max(axis=1) < right).mean() > 0.8


def test_light_and_exposure_do_not_count() -> None:
    for scene in scenes()[:4]:
        dimmed = np.rint(scene.frame.image * [0.9, 0.7, 0.6]).astype(np.uint8)
        assert evidence(scene, image=dimmed).agreement == pytest.approx(evidence(scene).agreement, abs=0.06)


def test_an_image_of_one_colour_says_nothing() -> None:
    scene = scenes()[0]
    found = evidence(scene, image=np.full_like(scene.frame.image, 90))
    assert found.compared == evidence(scene).compared
    assert found.agreement == pytest.approx(0.0, abs=1e-9)


def test_what_is_measured_elsewhere_is_not_compared() -> None:
    scene = scenes()[0]
    assert scene.frame.depth is not None
    assert evidence(scene, depth=scene.frame.depth + np.float32(0.1)) == ColourEvidence()
    assert evidence(scene, depth=None).compared >= evidence(scene).compared > 15


def test_an_object_without_colours_behind_the_camera_or_hidden_says_nothing() -> None:
    scene = scenes()[0]
    model, pose = coloured()[scene.truth.object_name], scene.truth.object_pose
    hand = TriangleMesh(scene.truth.hand_vertices, default_hand().faces)
    assert colour_evidence(scene.frame, replace(model, colours=None), pose, hand) == ColourEvidence()
    behind = pose_matrix(pose[:3, :3], pose[:3, 3] * [1, 1, -1])
    assert colour_evidence(scene.frame, model, behind, hand) == ColourEvidence()
    wall = np.array([[-1.0, -1, 0.1], [1, -1, 0.1], [1, 1, 0.1], [-1, 1, 0.1]])
    wall_mesh = TriangleMesh(_many(wall), np.zeros((0, 3), dtype=np.int64))
    assert colour_evidence(scene.frame, model, pose, wall_mesh).compared == 0


def _many(corners: NDArray) -> NDArray:
    """Points spread over the rectangle."""
    u, v = np.meshgrid(np.linspace(0, 1, 300), np.linspace(0, 1, 300))
    return corners[0] + u.reshape(-1, 1) * (corners[1] - corners[0]) + v.reshape(-1, 1) * (corners[3] - corners[0])


def test_a_lens_changes_nothing_but_by_resampling() -> None:
    """The image is warped by OpenCV as the lens would show it, and the same colours are found."""
    for scene in scenes()[:4]:
        plain = replace(scene.frame, depth=None)
        found = evidence(scene, image=_through_lens(plain), camera=_lens(plain.camera), depth=None)
        assert found.agreement == pytest.approx(evidence(scene, depth=None).agreement, abs=0.06)


def _lens(camera: Camera) -> Camera:
    return replace(camera, distortion_model="plumb_bob", distortion=DISTORTION)


def _through_lens(frame: Frame) -> NDArray[np.uint8]:
    camera = frame.camera
    grid = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1).astype(np.float32)
    straight = cv2.undistortPoints(grid.reshape(-1, 1, 2), camera.matrix, DISTORTION, P=camera.matrix)
    places = straight.reshape(camera.height, camera.width, 2)
    return np.asarray(cv2.remap(frame.image, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))  # type: ignore[call-overload]


def test_colours_are_those_of_the_cad_files_nearest_corners() -> None:
    """Against the texture looked up at the nearest corner of the CAD mesh: the same but at borders."""
    for name in ("can", "drill"):
        mesh, model = load_visual_mesh(default_catalogue()[name]), coloured()[name]
        assert model.colours is not None
        visual: Any = mesh.visual
        corners = np.asarray(visual.to_color().vertex_colors)[:, :3].astype(float)
        ways = np.linalg.norm(np.asarray(mesh.vertices)[:, None] - model.vertices[None], axis=2)
        expected, near = corners[ways.argmin(axis=0)], ways.min(axis=0) < 0.003
        assert near.sum() > 100
        assert np.median(np.abs(model.colours[near] - expected[near]).max(axis=1)) < 12
