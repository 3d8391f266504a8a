"""The catalogue, symmetries and default objects."""

import json
import tempfile

import numpy as np
import pytest
import trimesh
from PIL import Image
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.resampling import is_closed
from hand_object_pose.geometry.se3 import pose_matrix, rotation_angle, transform_points
from hand_object_pose.objects.cache import default_cache_directory
from hand_object_pose.objects.catalogue import ObjectCatalogue, default_catalogue, default_objects_directory
from hand_object_pose.objects.object_model import Symmetries
from hand_object_pose.objects.preprocessing import content_hash, resampled_file, save_resampled
from hand_object_pose.objects.symmetry import nearest_equivalent_pose, symmetry_transforms
from hand_object_pose.objects.symmetry_file import load_symmetries, rotation_about
from hand_object_pose.objects.visual import load_visual_mesh, texture_image

NAMES = ["banana", "bottle", "can", "carton", "drill", "mug"]


def random_pose(rng):
    return pose_matrix(Rotation.random(rng=rng).as_matrix(), rng.normal(size=3))


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


# Symmetries


def test_symmetries_of_the_default_objects():
    catalogue = default_catalogue()
    assert [name for name in catalogue if catalogue[name].symmetries.is_symmetric] == ["can"]
    np.testing.assert_array_equal(catalogue["can"].symmetries.axes, [[0, 0, 1]])


def test_symmetry_file_gives_the_whole_group(tmp_path):
    path = tmp_path / "symmetries.yaml"
    path.write_text(
        "box:\n  rotations:\n    - {direction: [0, 0, 2], degrees: 180}\n    - {direction: [1, 0, 0], degrees: 180}\n"
        "lid:\n  axes:\n    - {direction: [0, 3, 0], point: [0.1, 0, 0]}\nplain:\n"
    )
    symmetries = load_symmetries(path)
    turns = symmetries["box"].discrete[:, :3, :3]
    assert len(turns) == 4  # the identity and half a turn about each axis
    np.testing.assert_allclose(sorted(np.trace(t) for t in turns), [-1, -1, -1, 3], atol=1e-12)
    np.testing.assert_array_equal(symmetries["box"].discrete[0], np.eye(4))
    np.testing.assert_array_equal(symmetries["lid"].axes, [[0, 1, 0]])
    np.testing.assert_array_equal(symmetries["lid"].axis_points, [[0.1, 0, 0]])
    assert not symmetries["plain"].is_symmetric


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- box", "mapping of object names"),
        ("box: {rotation: []}", "'rotations' and 'axes'"),
        ("box: {axes: [{direction: [0, 0]}]}", "three numbers"),
        ("box: {axes: [{direction: [0, 0, 0]}]}", "non-zero"),
        ("box: {axes: 3}", "expected a list"),
        ("box: {rotations: [{direction: [0, 0, 1]}]}", "angle in degrees"),
        ("box: {rotations: [{direction: [0, 0, 1], degrees: 1.7}]}", "divide 360"),
        ("box: [", "cannot be read"),
    ],
)
def test_a_wrong_symmetry_file_is_explained(tmp_path, text, complaint):
    path = tmp_path / "symmetries.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=complaint):
        load_symmetries(path)


def test_symmetries_of_an_unknown_object_are_refused(tmp_path):
    write_box(tmp_path / "block.stl")
    (tmp_path / "symmetries.yaml").write_text("blok: {}\n")
    with pytest.raises(UserError, match="blok"):
        ObjectCatalogue.from_directory(tmp_path, cache=tmp_path / "cache")


def test_symmetry_transforms_put_a_cylinder_in_the_same_place():
    axis, point = np.array([0.6, 0, 0.8]), np.array([0.1, 0.2, 0.3])
    symmetries = Symmetries(axes=axis[None], axis_points=point[None])
    pose = random_pose(np.random.default_rng(1))
    poses = pose @ symmetry_transforms(symmetries, steps=8)
    assert len(poses) == 8
    np.testing.assert_array_equal(poses[0], pose)
    on_axis = point + np.linspace(-1, 1, 5)[:, None] * axis
    np.testing.assert_allclose(
        transform_points(poses, np.tile(on_axis, (8, 1, 1))),
        np.tile(transform_points(pose, on_axis), (8, 1, 1)),
        atol=1e-12,
    )
    angles = rotation_angle(np.swapaxes(poses[:, :3, :3], 1, 2) @ pose[:3, :3])
    np.testing.assert_allclose(np.sort(np.degrees(angles)), [0, 45, 45, 90, 90, 135, 135, 180], atol=1e-5)


def test_nearest_equivalent_pose_undoes_a_turn_about_the_axis():
    rng = np.random.default_rng(2)
    axis, point = np.array([0.0, 0.6, 0.8]), np.array([0.02, 0, 0.01])
    symmetries = Symmetries(axes=axis[None], axis_points=point[None])
    pose = random_pose(rng)
    turned = pose @ rotation_about(axis, point, 2.345)
    np.testing.assert_allclose(nearest_equivalent_pose(turned, pose, symmetries), pose, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_nearest_equivalent_pose_beats_a_fine_search(seed):
    rng = np.random.default_rng(seed)
    half_turn = rotation_about(np.array([1.0, 0, 0]), np.zeros(3), np.pi)
    symmetries = Symmetries(np.stack([np.eye(4), half_turn]), np.array([[0.0, 0, 1]]), np.zeros((1, 3)))
    pose, reference = random_pose(rng), random_pose(rng)
    nearest = nearest_equivalent_pose(pose, reference, symmetries)
    every = pose @ symmetry_transforms(symmetries, steps=3600)
    searched = rotation_angle(np.swapaxes(every[:, :3, :3], 1, 2) @ reference[:3, :3]).min()
    found = rotation_angle(nearest[:3, :3].T @ reference[:3, :3])
    assert found <= searched + 1e-9
    assert found == pytest.approx(searched, abs=np.radians(0.1))


def test_symmetry_transforms_combine_axis_and_discrete():
    half_turn = rotation_about(np.array([1.0, 0, 0]), np.zeros(3), np.pi)
    symmetries = Symmetries(np.stack([np.eye(4), half_turn]), np.array([[0.0, 0, 1]]), np.zeros((1, 3)))
    transforms = symmetry_transforms(symmetries, steps=4)
    assert len(transforms) == 8
    for i, first in enumerate(transforms):
        for second in transforms[:i]:
            assert not np.allclose(first, second)


def test_a_ball_may_be_turned_as_the_reference_about_its_middle():
    rng = np.random.default_rng(8)
    centre = np.array([0.01, -0.02, 0.03])
    axes = np.array([[1.0, 0, 0], [0, 0.6, 0.8]])
    symmetries = Symmetries(axes=axes, axis_points=centre + np.array([[0.5], [-0.2]]) * axes)
    turns = Rotation.random(2, random_state=rng).as_matrix()
    pose, reference = (pose_matrix(turn, rng.normal(size=3)) for turn in turns)
    nearest = nearest_equivalent_pose(pose, reference, symmetries)
    np.testing.assert_allclose(nearest[:3, :3], reference[:3, :3], atol=1e-12)
    np.testing.assert_allclose(
        transform_points(nearest, centre[None]), transform_points(pose, centre[None]), atol=1e-12
    )
