"""From a scan to an entry of a catalogue: units, axes, repair, symmetries, what is written."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_pose.cli.main import main
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.resampling import is_closed
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.new_object import solid
from hand_object_pose.new_object.add import AddConfig, add_object
from hand_object_pose.new_object.entry import RECORD
from hand_object_pose.new_object.placing import PlacingConfig, place, turned_up
from hand_object_pose.new_object.proposal import declare, entry_of
from hand_object_pose.new_object.scan_file import read_scan
from hand_object_pose.new_object.surface_samples import SurfaceSamples
from hand_object_pose.new_object.symmetry_search import CONTINUOUS, find_symmetries
from hand_object_pose.new_object.turntable import turntable, viewing_axes
from hand_object_pose.objects.catalogue import ObjectCatalogue
from hand_object_pose.objects.symmetry_file import load_symmetries
from hand_object_pose.synthetic.surface_colours import SurfaceColours

SIDES = (0.1, 0.06, 0.04)
TILT = Rotation.from_rotvec([0.3, 0.5, -0.8]).as_matrix()


def box(sides=SIDES):
    return trimesh.creation.box(extents=sides)


def l_shape():
    """Arms of unequal length: nothing but a mirror, which is no rotation."""
    outline = np.array([(0, 0), (0.1, 0), (0.1, 0.03), (0.03, 0.03), (0.03, 0.07), (0, 0.07)])
    vertices = np.concatenate([np.column_stack([outline, np.full(6, height)]) for height in (0.0, 0.04)])
    cap = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 5]])
    around = [[i, (i + 1) % 6, (i + 1) % 6 + 6] for i in range(6)] + [[i, (i + 1) % 6 + 6, i + 6] for i in range(6)]
    return trimesh.Trimesh(vertices, np.concatenate([cap[:, ::-1], cap + 6, around]), process=False)


def cylinder(sections=48):
    return trimesh.creation.cylinder(0.03, 0.1, sections=sections)


def symmetries_of(mesh, colours=None):
    surface = TriangleMesh(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    return find_symmetries(surface, SurfaceSamples(surface, colours, points=500))


# Reading


def test_what_is_no_solid_is_refused_in_words(tmp_path):
    trimesh.PointCloud(np.random.default_rng(0).random((50, 3))).export(tmp_path / "cloud.ply")
    with pytest.raises(UserError, match="with triangles, found none"):
        read_scan(tmp_path / "cloud.ply")
    sheet = trimesh.Trimesh([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0.1], [0.1, 0.1, 0.1]], [[0, 1, 2], [1, 3, 2]])
    sheet.export(tmp_path / "sheet.stl")
    with pytest.raises(UserError, match="flat sheet"):
        read_scan(tmp_path / "sheet.stl")
    (tmp_path / "numbers.obj").write_text(
        "v 0 0 0\nv nan 0 0\nv 0 0.1 0\nv 0 0 0.1\nf 1 2 3\nf 1 2 4\nf 2 3 4\nf 1 3 4\n"
    )
    with pytest.raises(UserError, match="1 vertices that are no numbers"):
        read_scan(tmp_path / "numbers.obj")
    (tmp_path / "damaged.glb").write_bytes(b"glTF and nothing else")
    with pytest.raises(UserError, match="cannot be read"):
        read_scan(tmp_path / "damaged.glb")
    (tmp_path / "part.step").write_text("")
    with pytest.raises(UserError, match=r"expected one of .obj, .ply, .stl, .glb, found '.step'"):
        read_scan(tmp_path / "part.step")
    (tmp_path / "empty.glb").write_bytes(b"")
    with pytest.raises(UserError, match="the file is empty"):
        read_scan(tmp_path / "empty.glb")
    with pytest.raises(UserError, match="no such file"):
        read_scan(tmp_path / "missing.glb")
    with pytest.raises(UserError, match="a directory; give a scan"):
        read_scan(tmp_path)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".stl", ".glb"])
def test_every_format_is_read_with_all_its_parts(tmp_path, suffix):
    other = box()
    other.apply_translation([0.2, 0, 0])
    path = tmp_path / f"two{suffix}"
    whole = trimesh.Scene([box(), other]) if suffix == ".glb" else box() + other
    whole.export(path)
    mesh = read_scan(path)
    assert mesh.volume == pytest.approx(2 * np.prod(SIDES), rel=1e-5)


# Unit, axes, origin


@pytest.mark.parametrize(("factor", "unit"), [(1000, "mm"), (100, "cm"), (1 / 0.0254, "in")])
def test_another_unit_than_metres_is_refused_with_the_unit_that_fits(factor, unit):
    vertices = np.asarray(box().vertices) * 1.8 * factor
    with pytest.raises(UserError, match=rf"longest side of .* metres; it would be .*--unit {unit}"):
        place(Path("scan.stl"), vertices, PlacingConfig())
    placing = place(Path("scan.stl"), vertices, PlacingConfig(unit=unit))
    np.testing.assert_allclose(np.ptp(transform_points(placing.transform, vertices), axis=0), np.multiply(SIDES, 1.8))
    assert "18.0 cm" in placing.findings[0]


def test_a_size_that_no_unit_explains_is_refused():
    with pytest.raises(UserError, match="no usual unit"):
        place(Path("scan.stl"), np.asarray(box().vertices) * 1e6, PlacingConfig())


def test_what_is_possible_but_unusual_is_said():
    finding = place(Path("scan.obj"), np.asarray(box().vertices) * 8, PlacingConfig()).findings[0]
    assert "assumed" in finding
    assert "unusual" in finding


@pytest.mark.parametrize("up", ["x", "y", "z", "-x", "-y", "-z"])
def test_the_up_axis_becomes_z_by_a_rotation(up):
    axis = np.eye(3)["xyz".index(up[-1])] * (-1 if up[0] == "-" else 1)
    matrix = turned_up(up)
    np.testing.assert_array_equal(matrix @ axis, [0, 0, 1])
    np.testing.assert_array_equal(matrix @ matrix.T, np.eye(3))
    assert np.linalg.det(matrix) == 1


def test_only_glb_stands_on_its_y_axis():
    vertices = np.asarray(box().vertices)
    for name, sides in (("scan.glb", (0.1, 0.04, 0.06)), ("scan.ply", SIDES)):
        placing = place(Path(name), vertices, PlacingConfig())
        np.testing.assert_allclose(np.ptp(transform_points(placing.transform, vertices), axis=0), sides)


def test_the_origin_is_moved_to_the_middle_or_left_and_judged():
    vertices = np.add(box().vertices, [0.5, 0, 0])
    moved = transform_points(place(Path("a.stl"), vertices, PlacingConfig()).transform, vertices)
    np.testing.assert_allclose(moved.max(axis=0), np.array(SIDES) / 2)
    kept = place(Path("a.stl"), vertices, PlacingConfig(origin="file"))
    np.testing.assert_array_equal(kept.transform, np.eye(4))
    assert "45.0 cm outside" in kept.findings[2]


# Repair


def test_a_missing_side_is_closed():
    whole = box()
    missing = np.asarray(whole.face_normals)[:, 2] > 0.9
    surface, findings = solid.solid_of(trimesh.Trimesh(whole.vertices, whole.faces[~missing], process=False))
    assert is_closed(surface)
    assert trimesh.Trimesh(surface.vertices, surface.faces).volume == pytest.approx(np.prod(SIDES))
    assert findings == ("watertight: no, 1 holes (the widest 11.7 cm) were closed",)


def test_faces_that_point_inward_are_turned():
    faces = np.array(box().faces)
    faces[::3] = faces[::3, ::-1]
    surface, findings = solid.solid_of(trimesh.Trimesh(box().vertices, faces, process=False))
    assert trimesh.Trimesh(surface.vertices, surface.faces, process=False).volume == pytest.approx(np.prod(SIDES))
    assert "turned" in findings[0]


def test_debris_is_left_out_and_said():
    crumb = trimesh.creation.icosphere(1, 0.001)
    crumb.apply_translation([0.2, 0, 0])
    surface, findings = solid.solid_of(box() + crumb)
    assert np.ptp(surface.vertices, axis=0) == pytest.approx(SIDES)
    assert findings[0].startswith("parts: 2 that do not touch, 1 of them kept")


def test_what_cannot_be_closed_is_used_and_said():
    whole = box()
    fin = trimesh.Trimesh(
        np.concatenate([whole.vertices, [[0.0, 0.0, 0.1]]]), np.concatenate([whole.faces, [[0, 1, 8]]]), process=False
    )
    surface, findings = solid.solid_of(fin)
    assert len(surface.faces) == 13
    assert "could not be closed" in findings[-1]


def test_needless_triangles_are_spared_and_colours_stay(monkeypatch):
    monkeypatch.setattr(solid, "MOST_FACES", 600)
    ball = trimesh.creation.icosphere(4, 0.04)
    red = np.asarray(ball.vertices)[:, 0] > 0
    ball.visual = trimesh.visual.ColorVisuals(ball, vertex_colors=np.where(red[:, None], [255, 0, 0], [0, 0, 255]))
    surface, findings = solid.solid_of(ball)
    assert len(surface.faces) <= 600
    assert is_closed(surface)
    assert trimesh.Trimesh(surface.vertices, surface.faces).volume == pytest.approx(ball.volume, rel=0.03)
    assert "5120, simplified to" in findings[0]
    drawn, said = solid.drawable(ball)
    colours = np.asarray(drawn.visual.vertex_colors)
    clear = np.abs(drawn.vertices[:, 0]) > 0.004
    np.testing.assert_array_equal(colours[clear, 0] > 128, np.asarray(drawn.vertices)[clear, 0] > 0)
    assert said


# Symmetries: solids whose groups are known


@pytest.mark.parametrize("matrix", [np.eye(3), TILT], ids=["along the axes", "tilted"])
def test_rotations_of_known_solids_are_found(matrix):
    expected = {
        "cylinder": (cylinder(), [CONTINUOUS, 2]),
        "cone": (trimesh.creation.cone(0.03, 0.1, sections=64), [CONTINUOUS]),
        "box": (box(), [2, 2, 2]),
        "square bar": (box((0.06, 0.06, 0.1)), [4, 2, 2]),
        "cube": (box((0.06, 0.06, 0.06)), [4, 4, 4]),
        "hexagonal bar": (cylinder(6), [6, 2, 2]),
        "L": (l_shape(), []),
    }
    for name, (mesh, folds) in expected.items():
        mesh.vertices = np.asarray(mesh.vertices) @ matrix.T + 0.05
        found = symmetries_of(mesh)
        assert [axis.fold for axis in found] == folds, name
        assert all(axis.look_fold is None for axis in found)
    # The main axis of the last but one, and all axes through its centre.
    mesh = cylinder()
    mesh.vertices = np.asarray(mesh.vertices) @ matrix.T + 0.05
    main, across = symmetries_of(mesh)
    assert abs(main.direction @ matrix[:, 2]) > np.cos(np.radians(0.5))
    assert main.direction @ across.direction == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(main.point, 0.05, atol=1e-4)


def test_what_is_proposed_can_be_declared_and_closes_to_a_finite_group(tmp_path):
    for name, mesh, size in (("cube", box((0.06,) * 3), 24), ("bar", box((0.06, 0.06, 0.1)), 8), ("box", box(), 4)):
        mesh.vertices = np.asarray(mesh.vertices) @ TILT.T + 0.013
        declare(tmp_path, name, entry_of(symmetries_of(mesh), "shape"))
        assert len(load_symmetries(tmp_path / "symmetries.yaml")[name].discrete) == size


@pytest.mark.parametrize(
    ("light", "fold"),
    [
        (lambda x, y, z: z > 0.01, CONTINUOUS),
        (lambda x, y, z: x > 0, 1),
        (lambda x, y, z: x * y > 0, 2),
    ],
    ids=["rings", "halves", "quarters"],
)
def test_colours_decide_which_symmetries_are_of_the_look(light, fold):
    def colours(points):
        return np.where(light(*points.T)[:, None], [250, 40, 40], [20, 20, 200]).astype(np.uint8)

    main = symmetries_of(cylinder(), colours)[0]
    assert (main.fold, main.look_fold) == (CONTINUOUS, fold)


def test_a_small_handle_is_seen_and_many_sides_are_round():
    """The handle has 5 % of the surface; half a turn about the axis through it is all that it leaves."""
    handle = trimesh.creation.box(extents=(0.02, 0.006, 0.02))
    handle.apply_translation((0.04, 0, 0))
    (axis,) = symmetries_of(trimesh.util.concatenate([cylinder(), handle]))
    assert axis.fold == 2
    assert abs(axis.direction[0]) > 0.999
    assert symmetries_of(cylinder(32))[0].fold == CONTINUOUS
    assert symmetries_of(cylinder(8))[0].fold == 8


@pytest.mark.parametrize(
    ("share", "grey_levels", "round_to_the_eye"), [(0.05, 200, True), (0.12, 200, False), (1 / 2, 50, True)]
)
def test_a_small_spot_and_faint_colours_leave_the_look_as_it_is(share, grey_levels, round_to_the_eye):
    """A turn changes twice the spot's share of the places: 10 % may, 24 % may not."""

    def colours(points):
        spot = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi) < 2 * np.pi * share
        return np.where(spot[:, None], np.uint8(20 + grey_levels), np.uint8(20)).repeat(3, axis=1)

    assert (symmetries_of(cylinder(), colours)[0].look_fold == CONTINUOUS) == round_to_the_eye


def test_nothing_is_declared_unless_it_is_chosen():
    axes = symmetries_of(box())
    assert entry_of(axes, "none") == {}
    with pytest.raises(UserError, match="no colours"):
        entry_of(axes, "look")
    assert len(entry_of(axes, "shape")["rotations"]) == 3


# The entry


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """The L in millimetres, y up as GLB has it: red in front, blue on top."""
    mesh = l_shape()
    normals = np.asarray(mesh.face_normals)
    colours = np.full((len(normals), 4), [120, 120, 120, 255], dtype=np.uint8)
    colours[normals[:, 2] > 0.9] = [230, 30, 30, 255]
    colours[normals[:, 1] > 0.9] = [30, 30, 230, 255]
    mesh.unmerge_vertices()
    mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.repeat(colours, 3, axis=0))
    mesh.apply_scale(1000)
    path = tmp_path_factory.mktemp("scan") / "bracket.glb"
    mesh.export(path)
    return path


@pytest.fixture(scope="module")
def added(scan, tmp_path_factory):
    directory = tmp_path_factory.mktemp("objects")
    return directory, add_object(AddConfig(scan, directory, placing=PlacingConfig(unit="mm")))


def test_the_catalogue_reads_the_entry_and_its_record_leads_back_to_the_scan(scan, added):
    directory, result = added
    model = ObjectCatalogue.from_directory(directory)["bracket"]
    assert model.hash == result.model.hash
    assert model.vertices.shape == (1000, 3)
    np.testing.assert_allclose(np.ptp(model.vertices, axis=0), [0.1, 0.04, 0.07], rtol=0.05)
    assert not model.symmetries.is_symmetric
    record = json.loads((directory / "bracket" / RECORD).read_text())
    original = trimesh.load_mesh(scan)
    moved = transform_points(np.array(record["T_object_file"]), np.asarray(original.vertices))
    gap = trimesh.proximity.closest_point_naive(trimesh.Trimesh(moved, original.faces, process=False), model.vertices)
    assert gap[1].max() < 1e-6
    assert record["findings"] == list(result.findings)


def test_the_turntable_shows_the_front_first_and_the_top(added):
    picture = cv2.imread(str(added[1].picture))[..., ::-1].astype(int)
    assert picture.shape == (480, 960, 3)
    front, top = picture[:240, :240].reshape(-1, 3), picture[240:, 480:720].reshape(-1, 3)
    assert np.sum((front[:, 0] > 120) & (front[:, 2] < 60)) > 2000
    assert np.sum((top[:, 2] > 120) & (top[:, 0] < 60)) > 500
    assert np.sum((top[:, 0] > 120) & (top[:, 2] < 60)) == 0


def test_cameras_of_the_turntable_look_at_the_middle_from_where_they_say():
    right, down, forward = viewing_axes(np.pi / 2, 0.0)
    np.testing.assert_allclose(forward, [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(np.cross(right, down), forward, atol=1e-12)
    np.testing.assert_allclose(viewing_axes(0.7, 0.3) @ viewing_axes(0.7, 0.3).T, np.eye(3), atol=1e-12)
    assert viewing_axes(0.7, 0.3)[1] @ [0, 0, 1] < 0


def test_the_same_scan_may_be_added_again_and_another_one_not(scan, added, tmp_path):
    directory, first = added
    again = add_object(AddConfig(scan, directory, placing=PlacingConfig(unit="mm")))
    assert again.model.hash == first.model.hash
    other = tmp_path / "bracket.stl"
    box().export(other)
    with pytest.raises(UserError, match="another 'bracket' already"):
        add_object(AddConfig(other, directory))
    assert ObjectCatalogue.from_directory(directory)["bracket"].hash == first.model.hash


def test_confirmed_symmetries_join_those_of_other_objects(tmp_path, capsys):
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "symmetries.yaml").write_text("block: {axes: [{direction: [0, 1, 0]}]}\n")
    box().export(tmp_path / "objects" / "block.stl")
    box().export(tmp_path / "brick.ply")
    command = ["add-object", str(tmp_path / "brick.ply"), "--catalogue", str(tmp_path / "objects")]
    assert main([*command, "--symmetry", "shape"]) == 0
    assert "turns by 180 degrees about the z axis: keeps the shape" in capsys.readouterr().out
    catalogue = ObjectCatalogue.from_directory(tmp_path / "objects")
    assert len(catalogue["brick"].symmetries.discrete) == 4
    assert len(catalogue["block"].symmetries.axes) == 1
    assert main([*command, "--name", "not a name"]) == 2
    assert main([*command, "--symmetry", "look", "--name", "tile"]) == 2
    assert "tile" not in ObjectCatalogue.from_directory(tmp_path / "objects")


def test_colours_of_a_texture_are_those_of_its_pixels(tmp_path):
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = [250, 10, 10]
    from PIL import Image

    visual = trimesh.visual.TextureVisuals(uv=uv, image=Image.fromarray(image))
    square = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]], process=False)
    square.visual = visual
    colours = SurfaceColours(square)(np.array([[0.25, 0.4, 0.1], [0.75, 0.4, -0.1]]))
    np.testing.assert_array_equal(colours, [[0, 0, 0], [250, 10, 10]])


def test_the_picture_is_refused_in_words_where_it_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        turntable(box(), tmp_path / "missing" / "turntable.png")


def test_painting_without_its_package_says_how_to_get_it(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parent.parent / "scripts")
    monkeypatch.setitem(sys.modules, "xatlas", None)
    from build_default_objects import textured

    with pytest.raises(UserError, match=r"xatlas, found none: pip install -e '\.\[synthesis,assets\]'"):
        textured("hammer", None, None)
