"""Catalogues of objects: the shipped ones, those of directories, and what is wrong with files."""

import json
import tempfile

import numpy as np
import pytest
import trimesh
from PIL import Image
from scipy.spatial import cKDTree

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.resampling import is_closed
from hand_object_pose.objects.cache import default_cache_directory
from hand_object_pose.objects.catalogue import ObjectCatalogue, default_catalogue, default_objects_directory
from hand_object_pose.objects.preprocessing import content_hash, resampled_file, save_resampled
from hand_object_pose.objects.visual import load_visual_mesh, texture_image

NAMES = ["banana", "bottle", "can", "carton", "drill", "mug"]


def write_box(path, scale=1.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    trimesh.creation.box(extents=np.array([0.1, 0.06, 0.04]) * scale).export(path)


# The default objects


def test_default_catalogue_holds_six_closed_objects_of_a_thousand_vertices():
    catalogue = default_catalogue()
    assert list(catalogue) == NAMES
    for model in catalogue.values():
        mesh = TriangleMesh(model.vertices, model.faces)
        assert model.vertices.shape == (1000, 3)
        assert is_closed(mesh)
        assert trimesh.Trimesh(model.vertices, model.faces, process=False).volume > 0
        assert 0.05 < np.ptp(model.vertices, axis=0).max() < 0.25


@pytest.mark.parametrize("name", NAMES)
def test_resampled_mesh_is_the_shape_of_the_textured_one(name):
    model = default_catalogue()[name]
    visual = load_visual_mesh(model)
    resampled = trimesh.Trimesh(model.vertices, model.faces, process=False)
    assert resampled.volume == pytest.approx(visual.volume, rel=0.04)
    distance, _ = cKDTree(np.asarray(visual.vertices)).query(model.vertices)
    assert distance.max() < 0.005
    back, _ = cKDTree(model.vertices).query(np.asarray(visual.vertices))
    assert back.max() < 0.012


@pytest.mark.parametrize("name", NAMES)
def test_textures_are_complete_and_colourful(name):
    mesh = load_visual_mesh(default_catalogue()[name])
    image = texture_image(mesh)
    assert mesh.visual.uv.shape == (len(mesh.vertices), 2)
    assert mesh.visual.uv.min() >= 0
    assert mesh.visual.uv.max() <= 1
    assert image.shape == (512, 512, 3)
    assert len(np.unique(image.reshape(-1, 3) // 64, axis=0)) >= 5


def texture_colours(mesh, points):
    """Colours (N, 3) at the vertices of the textured mesh nearest to points (N, 3)."""
    image = texture_image(mesh)
    _, nearest = cKDTree(np.asarray(mesh.vertices)).query(points)
    u, v = np.asarray(mesh.visual.uv)[nearest].T
    rows, columns = ((1 - v) * 511).round().astype(int), (u * 511).round().astype(int)
    return image[rows, columns].astype(float)


@pytest.mark.parametrize("name", NAMES)
def test_only_declared_symmetries_leave_the_look_unchanged(name):
    """Turned half around z an object looks the same if, and only if, that is declared."""
    model = default_catalogue()[name]
    mesh = load_visual_mesh(model)
    points = np.asarray(mesh.vertices)
    turned = points * (-1, -1, 1)
    gap, _ = cKDTree(points).query(turned)
    same_shape = gap < 0.003
    change = np.abs(texture_colours(mesh, points) - texture_colours(mesh, turned)).max(axis=1)
    looks_other = np.mean(~same_shape | (change > 60))
    if model.symmetries.is_symmetric:
        assert looks_other < 0.15  # the borders of its rings, sampled at vertices
    else:
        assert looks_other > 0.35


def test_shipped_meshes_belong_to_the_shipped_cad_files():
    for model in default_catalogue().values():
        with np.load(resampled_file(model.visual_mesh)) as arrays:
            assert str(arrays["source"]) == content_hash(model.visual_mesh)


def test_the_vertex_order_that_weights_rely_on_has_not_changed():
    hashes = json.loads((default_objects_directory() / "hashes.json").read_text())
    assert {name: model.hash for name, model in default_catalogue().items()} == hashes


# Catalogues of a user


def test_an_unknown_object_is_refused_with_the_known_ones():
    with pytest.raises(UnknownObjectError, match=r"'teapot'.*banana, bottle, can") as caught:
        default_catalogue()["teapot"]
    assert isinstance(caught.value, KeyError)
    assert "teapot" not in default_catalogue()


def test_folders_of_ycb_and_single_files_are_found_in_order(tmp_path):
    write_box(tmp_path / "models" / "006_mustard_bottle" / "textured_simple.obj")
    write_box(tmp_path / "models" / "004_sugar_box" / "textured.obj")
    write_box(tmp_path / "models" / "block.stl")
    write_box(tmp_path / "models" / "anvil.ply")
    write_box(tmp_path / "models" / "cube" / "cube.glb")
    (tmp_path / "models" / "readme.txt").write_text("not a mesh")
    catalogue = ObjectCatalogue.from_directory(tmp_path, cache=tmp_path / "cache")
    assert list(catalogue) == ["004_sugar_box", "006_mustard_bottle", "anvil", "block", "cube"]
    for model in catalogue.values():
        np.testing.assert_allclose(np.ptp(model.vertices, axis=0), [0.1, 0.06, 0.04], rtol=0.06)
        assert is_closed(TriangleMesh(model.vertices, model.faces))


def test_a_resampled_mesh_is_cached_by_content(tmp_path, monkeypatch):
    write_box(tmp_path / "objects" / "block.stl")
    first = ObjectCatalogue.from_directory(tmp_path / "objects", cache=tmp_path / "cache")["block"]

    def not_again(*_):
        raise AssertionError("resampled a second time")

    monkeypatch.setattr("hand_object_pose.objects.preprocessing.resample", not_again)
    second = ObjectCatalogue.from_directory(tmp_path / "objects", cache=tmp_path / "cache")["block"]
    assert second.hash == first.hash
    write_box(tmp_path / "objects" / "block.stl", scale=1.5)
    with pytest.raises(AssertionError, match="second time"):
        ObjectCatalogue.from_directory(tmp_path / "objects", cache=tmp_path / "cache")


def test_a_cached_mesh_cut_in_half_is_computed_again(tmp_path):
    write_box(tmp_path / "objects" / "block.stl")
    first = ObjectCatalogue.from_directory(tmp_path / "objects", cache=tmp_path / "cache")["block"]
    (cached,) = (tmp_path / "cache").rglob("*.npz")
    whole = cached.read_bytes()
    cached.write_bytes(whole[: len(whole) // 2])
    assert ObjectCatalogue.from_directory(tmp_path / "objects", cache=tmp_path / "cache")["block"].hash == first.hash
    assert cached.read_bytes() == whole


def test_a_mesh_beside_its_cad_file_that_was_cut_in_half_is_named(tmp_path):
    write_box(tmp_path / "block.stl")
    beside = resampled_file(tmp_path / "block.stl")
    save_resampled(beside, tmp_path / "block.stl")
    beside.write_bytes(beside.read_bytes()[: beside.stat().st_size // 2])
    with pytest.raises(UserError, match=rf"{beside.name}.*cannot be read"):
        ObjectCatalogue.from_directory(tmp_path, cache=tmp_path / "cache")


def test_a_cache_that_cannot_be_written_to_does_not_break_a_catalogue(tmp_path):
    write_box(tmp_path / "objects" / "block.stl")
    (tmp_path / "file").write_text("not a directory")
    catalogue = ObjectCatalogue.from_directory(tmp_path / "objects", cache=tmp_path / "file")
    kept = ObjectCatalogue.from_directory(tmp_path / "objects", cache=tmp_path / "cache")
    assert catalogue["block"].hash == kept["block"].hash


def test_tests_do_not_use_this_machines_cache():
    used = default_cache_directory()
    assert used.is_relative_to(tempfile.gettempdir())
    assert used.name.startswith("hand_object_pose_tests_")


def test_millimetres_are_recognised(tmp_path):
    write_box(tmp_path / "block.stl", scale=1000)
    with pytest.raises(UserError, match=r"block\.stl.*longest side of 100.*millimetres"):
        ObjectCatalogue.from_directory(tmp_path, cache=tmp_path / "cache")


@pytest.mark.parametrize("content", [b"", b"solid nothing\nendsolid nothing\n", b"\x00" * 100])
def test_a_broken_mesh_is_named(tmp_path, content):
    (tmp_path / "broken.stl").write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.stl"):
        ObjectCatalogue.from_directory(tmp_path, cache=tmp_path / "cache")


def test_missing_and_empty_directories_and_double_names_are_refused(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        ObjectCatalogue.from_directory(tmp_path / "nowhere")
    with pytest.raises(UserError, match="found none"):
        ObjectCatalogue.from_directory(tmp_path)
    write_box(tmp_path / "block.stl")
    write_box(tmp_path / "block.ply")
    with pytest.raises(UserError, match="'block' is there twice"):
        ObjectCatalogue.from_directory(tmp_path)


def test_a_texture_image_is_read_through_an_obj_and_its_material(tmp_path):
    Image.new("RGB", (8, 8), (200, 10, 30)).save(tmp_path / "texture.png")
    (tmp_path / "box.mtl").write_text("newmtl paint\nmap_Kd texture.png\n")
    corners = "".join(f"v {x} {y} {z}\n" for x, y, z in [(0, 0, 0), (0.1, 0, 0), (0, 0.1, 0), (0, 0, 0.1)])
    faces = "".join(f"f {a}/1 {b}/2 {c}/3\n" for a, b, c in [(1, 3, 2), (1, 2, 4), (1, 4, 3), (2, 3, 4)])
    obj = "mtllib box.mtl\n" + corners + "vt 0 0\nvt 1 0\nvt 0 1\nusemtl paint\n" + faces
    (tmp_path / "box.obj").write_text(obj)
    model = ObjectCatalogue.from_directory(tmp_path, cache=tmp_path / "cache")["box"]
    np.testing.assert_array_equal(texture_image(load_visual_mesh(model))[0, 0], [200, 10, 30])
