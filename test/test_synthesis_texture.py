"""Hand textures in the HTML model's files: layout, mapping, and files that are something else."""

import os
import pickle
from dataclasses import replace

import mano_golden
import numpy as np
import pytest

from hand_object_pose.errors import ForeignDataError, UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.appearance import CameraLook, Light, sample_appearance
from hand_object_pose.synthetic.colour import linear_to_srgb
from hand_object_pose.synthetic.hand_texture import HtmlTextures
from hand_object_pose.synthetic.posed_scene import HAND_LABEL, RenderQuality
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.scene import Scene

SIDE = 1024
HAND = mano_golden.hand("right")


def write_model(directory, places, mean, basis):
    path = directory / "model.pkl"
    path.write_bytes(pickle.dumps({"mean": mean, "basis": basis, "index_map": places}, protocol=2))
    return path


def write_uvs(directory, faces, points, name="uvs.pkl"):
    path = directory / name
    path.write_bytes(pickle.dumps({"faces_uvs": faces, "verts_uvs": points}, protocol=2))
    return path


def flat_uv(hand):
    """One texture point for each vertex: two coordinates of the template, stretched to the unit square."""
    plane = hand.v_template[:, :2]
    return ((plane - plane.min(axis=0)) / np.ptp(plane, axis=0)).astype(np.float32)


@pytest.fixture
def files(tmp_path):
    """A whole texture of one plain colour, (180, 120, 60), without variation."""
    places = np.arange(3 * SIDE * SIDE)
    mean = np.repeat([180.0, 120.0, 60.0], SIDE * SIDE).astype(np.float32)
    model = write_model(tmp_path, places, mean, np.zeros((len(mean), 2), dtype=np.float32))
    return model, write_uvs(tmp_path, HAND.faces.astype(np.int64), flat_uv(HAND))


def test_codes_unfold_as_in_the_authors_code(tmp_path):
    rng = np.random.default_rng(0)
    places = rng.choice(3 * SIDE * SIDE, 500, replace=False)
    mean, basis = rng.uniform(60, 180, 500), rng.normal(0, 5, (500, 101))
    model = write_model(tmp_path, places, mean, basis)
    texture = HtmlTextures(HAND, model, write_uvs(tmp_path, HAND.faces, flat_uv(HAND)), spread=1.5).texture(7)
    code = mean + basis @ np.random.default_rng(7).normal(0, 1.5, 101)
    for place, value in zip(places[:50], code, strict=False):
        # A flat place counts colours, then columns, then rows.
        channel, rest = divmod(int(place), SIDE * SIDE)
        column, row = divmod(rest, SIDE)
        assert texture[row, column, channel] == pytest.approx(np.clip(value, 0, 255), abs=0.6)
    assert (texture > 0).sum() <= 500
    assert texture.shape == (SIDE, SIDE, 3)


def test_different_seeds_are_different_people_and_the_same_seed_the_same(tmp_path):
    rng = np.random.default_rng(0)
    places = np.arange(2000)
    model = write_model(tmp_path, places, np.full(2000, 120.0), rng.normal(0, 10, (2000, 101)))
    textures = HtmlTextures(HAND, model, write_uvs(tmp_path, HAND.faces, flat_uv(HAND)))
    np.testing.assert_array_equal(textures.texture(3), textures.texture(3))
    assert (textures.texture(3) != textures.texture(4)).any()


def test_points_of_the_hand_take_the_colour_under_their_texture_coordinates(tmp_path):
    # Red grows to the right of the picture, green downwards.
    columns, rows = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    picture = np.stack([columns / SIDE * 255, rows / SIDE * 255, 0 * rows], axis=-1)
    code = picture.transpose(2, 1, 0).ravel().astype(np.float32)
    model = write_model(tmp_path, np.arange(len(code)), code, np.zeros((len(code), 1), dtype=np.float32))
    textures = HtmlTextures(HAND, model, write_uvs(tmp_path, HAND.faces, flat_uv(HAND)))
    rng = np.random.default_rng(1)
    face, barycentric = rng.integers(0, 1538, 40), rng.dirichlet([1, 1, 1], 40).astype(np.float32)
    u, v = np.einsum("nk,nkc->nc", barycentric, flat_uv(HAND)[HAND.faces[face]]).T
    seen = 255 * linear_to_srgb(textures.colours(0, face, barycentric))
    np.testing.assert_allclose(seen[:, 0], u * 255, atol=1.5)
    np.testing.assert_allclose(seen[:, 1], (1 - v) * 255, atol=1.5)
    np.testing.assert_allclose(seen[:, 2], 0, atol=0.6)


@pytest.mark.parametrize("count", [0, 1, 40_000])
def test_any_number_of_points_may_be_asked_for(files, count):
    # None where the object hides the hand, many where it is near the camera.
    rng = np.random.default_rng(2)
    face, barycentric = rng.integers(0, 1538, count), rng.dirichlet([1, 1, 1], count).astype(np.float32)
    seen = 255 * linear_to_srgb(HtmlTextures(HAND, *files).colours(0, face, barycentric))
    np.testing.assert_allclose(seen, np.tile([180.0, 120.0, 60.0], (count, 1)), atol=0.6)


def test_the_border_of_a_texture_is_not_that_of_the_opposite_side(tmp_path):
    picture = np.zeros((SIDE, SIDE, 3))
    picture[-1, :, 0] = picture[:, -1, 1] = 200
    code = picture.transpose(2, 1, 0).ravel().astype(np.float32)
    model = write_model(tmp_path, np.arange(len(code)), code, np.zeros((len(code), 1), dtype=np.float32))
    points = np.zeros((778, 2), dtype=np.float32)
    right, top = HAND.faces[0, :2]
    points[right], points[top] = (1, 0), (0, 1)
    textures = HtmlTextures(HAND, model, write_uvs(tmp_path, HAND.faces, points))
    seen = 255 * linear_to_srgb(textures.colours(0, np.array([0, 0]), np.eye(3, dtype=np.float32)[:2]))
    np.testing.assert_allclose(seen, [[200, 200, 0], [0, 0, 0]], atol=1)


def test_a_rendered_hand_wears_the_texture(files):
    textures = HtmlTextures(HAND, *files)
    vertices = ManoLayer(HAND)(np.zeros((1, 48)), translation=np.array([[0.0, 0.0, 0.5]]))
    far = pose_matrix(np.eye(3), np.array([5.0, 0, 5.0]))
    truth = SceneTruth(vertices.vertices[0], vertices.joints[0], "mug", far)
    camera = Camera(np.array([[200.0, 0, 32], [0, 200.0, 32], [0, 0, 1]]), 64, 64)
    look = sample_appearance(np.random.default_rng(0))
    # Light from everywhere, no highlights: what is seen is the colour of the surface, up to its slope.
    look = replace(
        look, camera=CameraLook(), lights=(Light(np.array([0, 0, -1.0]), np.zeros(3)),), ambient=np.ones(3), sleeve=None
    )
    catalogue = default_catalogue()
    drawn = {}
    for name, worn in (("photographed", textures), ("painted", None)):
        renderer = SceneRenderer(HAND, catalogue, quality=RenderQuality(0, 0), hand_textures=worn)
        scene = renderer.render(Scene(truth, camera, look), np.random.default_rng(0))
        drawn[name] = scene.image[scene.labels == HAND_LABEL].astype(float).mean(axis=0)
    ratios = drawn["photographed"] / drawn["photographed"][0]
    np.testing.assert_allclose(ratios, np.array([180, 120, 60]) / 180, atol=0.04)
    assert np.abs(drawn["painted"] / drawn["painted"][0] - ratios).max() > 0.05


def test_the_left_hand_takes_the_same_file_with_its_corners_exchanged(files):
    left = mano_golden.hand("left")
    textures = HtmlTextures(replace(left, faces=HAND.faces[:, [0, 2, 1]]), *files)
    assert textures.colours(0, np.array([0]), np.array([[1.0, 0, 0]], dtype=np.float32)).shape == (1, 3)


def test_other_topologies_and_damaged_files_are_refused_in_words(files, tmp_path):
    with pytest.raises(UserError, match="HTML fits MANO's hands only"):
        HtmlTextures(default_hand(), *files)
    with pytest.raises(UserError, match="no such file"):
        HtmlTextures(HAND, tmp_path / "nothing.pkl", files[1])
    with pytest.raises(UserError, match="lacks faces_uvs, verts_uvs"):
        HtmlTextures(HAND, files[0], files[0])
    short = write_uvs(tmp_path, HAND.faces[:100], flat_uv(HAND), "short.pkl")
    with pytest.raises(UserError, match="expected faces_uvs"):
        HtmlTextures(HAND, files[0], short)
    beyond = write_model(tmp_path, np.array([3 * SIDE * SIDE]), np.ones(1), np.ones((1, 1)))
    with pytest.raises(UserError, match="index_map"):
        HtmlTextures(HAND, beyond, files[1])


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_nothing_in_a_pickle_is_executed(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"mean": Malicious()}))
    with pytest.raises(ForeignDataError, match="mkdir"):
        HtmlTextures(HAND, tmp_path / "model.pkl", files[1])
    assert not (tmp_path / "executed").exists()
