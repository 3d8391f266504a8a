"""The renderer against closed forms, an independent ray caster, OpenCV's texture look-up, and invariants."""

import dataclasses
import pickle
from pathlib import Path

import cv2
import igl
import numpy as np
import pytest
import trimesh
from PIL import Image

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.appearance import SKIN_TONES, Appearance, CameraLook, sample_appearance
from hand_object_pose.synthetic.arm_mesh import FOREARM, HAND, ArmBuilder
from hand_object_pose.synthetic.backgrounds import PictureBackgrounds, ProceduralBackgrounds
from hand_object_pose.synthetic.colour import grey_levels_of_linear, linear_to_srgb, srgb_to_linear
from hand_object_pose.synthetic.posed_scene import RenderQuality
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import RenderedScene, SceneTruth
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.sleeve import boundary_loop
from hand_object_pose.synthetic.textured_mesh import TexturedMesh

BACKGROUND, OBJECT, ON_HAND, SLEEVE = 0, 1, 2, 3
CAMERA = Camera(np.array([[300.0, 0, 159.5], [0, 310.0, 119.5], [0, 0, 1]]), 320, 240)
FAR_AWAY = np.array([30.0, 0.0, 5.0])
RADIUS = 0.06
BOX = np.array([0.08, 0.12, 0.04])
TILT = trimesh.transformations.rotation_matrix(0.5, [0.6, 0.8, 0.1])[:3, :3]


def as_model(name: str, mesh: trimesh.Trimesh, directory: Path) -> ObjectModel:
    """A known object that looks like ``mesh``; the renderer takes nothing but the CAD file from it."""
    path = directory / f"{name}.glb"
    mesh.export(path)
    vertices = np.resize(np.asarray(mesh.vertices), (1000, 3))
    return ObjectModel(name, vertices, np.asarray(mesh.faces), visual_mesh=path)


QUAD_PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
QUAD_UV = np.array([[0.1, 0.9], [0.9, 0.9], [0.9, 0.1], [0.1, 0.1]])


def textured_quad() -> trimesh.Trimesh:
    """A square with a random picture, 10 cm wide, facing the camera (towards -z)."""
    vertices = np.array([[-0.05, -0.05, 0], [0.05, -0.05, 0], [0.05, 0.05, 0], [-0.05, 0.05, 0]])
    visual = trimesh.visual.TextureVisuals(uv=QUAD_UV, image=Image.fromarray(QUAD_PICTURE))
    return trimesh.Trimesh(vertices, [[0, 2, 1], [0, 3, 2]], visual=visual, process=False)


@pytest.fixture(scope="module")
def hand() -> HandModel:
    return default_hand()


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ObjectModel]:
    directory = tmp_path_factory.mktemp("objects")
    meshes = {
        "sphere": trimesh.creation.icosphere(subdivisions=5, radius=RADIUS),
        "box": trimesh.creation.box(BOX),
        "quad": textured_quad(),
    }
    return {name: as_model(name, mesh, directory) for name, mesh in meshes.items()}


@pytest.fixture(scope="module")
def renderer(hand: HandModel, catalogue: dict[str, ObjectModel]) -> SceneRenderer:
    return SceneRenderer(hand, catalogue)


def plain_look(seed: int = 0, sleeve: bool = True) -> Appearance:
    """A random appearance, seen by a perfect camera."""
    rng = np.random.default_rng(seed)
    look = sample_appearance(rng)
    while (look.sleeve is not None) != sleeve:
        look = sample_appearance(rng)
    return dataclasses.replace(look, camera=CameraLook())


def hand_at(hand: HandModel, position: np.ndarray) -> np.ndarray:
    """The flat hand with its vertices' mean at a position, its broad side towards the camera."""
    vertices = hand.v_template - hand.v_template.mean(axis=0)
    _, _, axes = np.linalg.svd(vertices, full_matrices=False)
    rotation = np.stack([axes[1], axes[0], np.cross(axes[1], axes[0])])
    return vertices @ rotation.T + position


def scene_of(
    hand: HandModel,
    name: str,
    pose: np.ndarray,
    hand_position: np.ndarray = FAR_AWAY,
    look: Appearance | None = None,
    camera: Camera = CAMERA,
) -> Scene:
    vertices = hand_at(hand, hand_position)
    truth = SceneTruth(vertices, hand.joint_regressor21 @ vertices, name, pose)
    return Scene(truth, camera, look if look is not None else plain_look())


def draw(renderer: SceneRenderer, scene: Scene) -> RenderedScene:
    return renderer.render(scene, np.random.default_rng(1))


def pixel_directions(camera: Camera) -> np.ndarray:
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    pixels = np.stack([x, y], axis=-1).astype(float)
    return camera.unproject(pixels, np.ones(x.shape))


def test_depth_of_a_sphere_is_the_closed_form(renderer: SceneRenderer, hand: HandModel) -> None:
    centre = np.array([0.05, -0.03, 0.5])
    seen = draw(renderer, scene_of(hand, "sphere", pose_matrix(TILT, centre)))
    ray = pixel_directions(CAMERA)
    half = ray @ centre
    squared = (ray**2).sum(axis=-1)
    discriminant = half**2 - squared * (centre @ centre - RADIUS**2)
    well_inside = discriminant > 0.1 * discriminant.max()
    expected = (half - np.sqrt(np.maximum(discriminant, 0))) / squared
    assert well_inside.sum() > 2000
    assert np.abs(seen.depth - expected)[well_inside].max() < 6e-5  # the flatness of the facets
    assert (seen.labels[well_inside] == OBJECT).all()
    outside = discriminant < 0
    assert (seen.labels[outside] == BACKGROUND).all()
    assert (seen.depth[outside] == 0).all()


def test_depth_of_a_tilted_face_is_the_closed_form(renderer: SceneRenderer, hand: HandModel) -> None:
    pose = pose_matrix(TILT, np.array([-0.02, 0.01, 0.4]))
    seen = draw(renderer, scene_of(hand, "box", pose))
    normal = -TILT[:, 2]
    point = transform_points(pose, np.array([[0, 0, -BOX[2] / 2]]))[0]
    depth = (normal @ point) / (pixel_directions(CAMERA) @ normal)
    points = pixel_directions(CAMERA) * depth[..., None]
    local = (points - pose[:3, 3]) @ TILT
    on_face = (np.abs(local[..., :2]) < BOX[:2] / 2 - 1e-4).all(axis=-1)
    assert on_face.sum() > 1000
    assert np.abs(seen.depth - depth)[on_face].max() < 2e-6


@pytest.mark.parametrize("seed", [3, 4])
def test_labels_and_depth_agree_with_another_ray_caster(renderer: SceneRenderer, hand: HandModel, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pose = pose_matrix(TILT, np.array([0.0, 0.0, 0.45]))
    scene = scene_of(hand, "box", pose, np.array([0.03, 0.04, 0.44]), plain_look(seed))
    seen = draw(renderer, scene)
    rows, columns = rng.integers(60, 200, 300), rng.integers(80, 240, 300)
    rays = pixel_directions(CAMERA)[rows, columns]
    box = trimesh.creation.box(BOX)
    box.apply_transform(pose)
    hand_mesh = trimesh.Trimesh(scene.truth.hand_vertices, hand.faces, process=False)
    depth = np.stack([nearest_depth(box, rays), nearest_depth(hand_mesh, rays)])
    expected, expected_label = depth.min(axis=0), np.array([OBJECT, ON_HAND])[depth.argmin(axis=0)]
    label, found = seen.labels[rows, columns], seen.depth[rows, columns]
    direct = np.isin(label, (OBJECT, ON_HAND))
    assert (label[direct] == expected_label[direct]).all()
    np.testing.assert_allclose(found[direct], expected[direct], atol=2e-6)
    assert np.isinf(expected[label == BACKGROUND]).all()
    assert (found[label == SLEEVE] < expected[label == SLEEVE]).all()
    assert min((label == kind).sum() for kind in (BACKGROUND, OBJECT, ON_HAND)) > 20


def nearest_depth(mesh: trimesh.Trimesh, rays: np.ndarray) -> np.ndarray:
    """Depth (N,) of the nearest hits by libigl's ray caster, which tests every triangle; infinite: none."""
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces).astype(np.int64)
    hits = [igl.ray_mesh_intersect(np.zeros(3), ray, vertices, faces) for ray in rays]
    return np.array([min((hit[1] for hit in found), default=np.inf) for found in hits])


def test_projected_vertices_fall_on_the_mask(renderer: SceneRenderer, hand: HandModel) -> None:
    scene = scene_of(hand, "sphere", pose_matrix(np.eye(3), FAR_AWAY), np.array([0, 0, 0.5]), plain_look(1, False))
    seen = draw(renderer, scene)
    pixels = np.round(CAMERA.project(scene.truth.hand_vertices)).astype(int)
    mask = cv2.dilate((seen.labels >= ON_HAND).astype(np.uint8), np.ones((3, 3), np.uint8))
    assert mask[pixels[:, 1], pixels[:, 0]].all()
    x_y = np.stack(np.nonzero(seen.labels == ON_HAND)[::-1], axis=1)
    assert (x_y.min(axis=0) >= pixels.min(axis=0) - 1).all()
    assert (x_y.max(axis=0) <= pixels.max(axis=0) + 1).all()
    visible = np.abs(seen.depth[pixels[:, 1], pixels[:, 0]] - scene.truth.hand_vertices[:, 2]) < 0.003
    assert 0.3 < visible.mean() < 0.75


def test_the_nearer_of_hand_and_object_is_seen(renderer: SceneRenderer, hand: HandModel) -> None:
    pose = pose_matrix(np.eye(3), np.array([0.0, 0.0, 0.5]))
    before = draw(renderer, scene_of(hand, "box", pose, np.array([0, 0, 0.4])))
    behind = draw(renderer, scene_of(hand, "box", pose, np.array([0, 0, 0.6])))
    corners = CAMERA.project(np.array([[-0.03, -0.05, 0.48], [0.03, 0.05, 0.48]])).astype(int)
    box = (slice(corners[0, 1], corners[1, 1]), slice(corners[0, 0], corners[1, 0]))
    assert (behind.labels[box] == OBJECT).all()
    assert (before.labels[box] == ON_HAND).mean() > 0.5
    assert (behind.labels == ON_HAND).sum() > 0


def test_a_crop_camera_sees_its_part_of_the_full_image(renderer: SceneRenderer, hand: HandModel) -> None:
    pose = pose_matrix(TILT, np.array([0.0, 0.0, 0.5]))
    position, look = np.array([0.02, 0.03, 0.45]), plain_look(5)
    full = draw(renderer, scene_of(hand, "quad", pose, position, look))
    matrix = CAMERA.matrix.copy()
    matrix[:2, 2] -= (90, 50)
    crop = draw(renderer, scene_of(hand, "quad", pose, position, look, Camera(matrix, 130, 120)))
    part = (slice(50, 170), slice(90, 220))
    assert (crop.labels == full.labels[part]).mean() > 0.998
    same = crop.labels == full.labels[part]
    np.testing.assert_allclose(crop.depth[same], full.depth[part][same], atol=1e-5)
    difference = np.abs(crop.image.astype(int) - full.image[part])[1:-1, 1:-1]
    assert (difference.max(axis=-1) <= 2).mean() > 0.995


def test_rendering_is_deterministic(renderer: SceneRenderer, hand: HandModel) -> None:
    look = sample_appearance(np.random.default_rng(8))
    scene = scene_of(hand, "sphere", pose_matrix(TILT, np.array([0, 0, 0.5])), np.array([0, 0.05, 0.45]), look)
    first, again = draw(renderer, scene), draw(pickle.loads(pickle.dumps(renderer)), scene)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.depth, again.depth)
    other_noise = renderer.render(scene, np.random.default_rng(2))
    np.testing.assert_array_equal(first.labels, other_noise.labels)
    assert (first.image != other_noise.image).any()


def test_skin_tones_show_in_the_hand_and_nowhere_else(renderer: SceneRenderer, hand: HandModel) -> None:
    look = plain_look(2, sleeve=True)
    pose = pose_matrix(TILT, np.array([0, 0, 0.5]))
    brightness: list[float] = []
    elsewhere: list[np.ndarray] = []
    for tone in (SKIN_TONES[1], SKIN_TONES[5], SKIN_TONES[9]):
        skin = dataclasses.replace(look.skin, tone=srgb_to_linear(np.array(tone) / 255))
        changed = dataclasses.replace(look, skin=skin)
        seen = draw(renderer, scene_of(hand, "sphere", pose, np.array([0, 0.04, 0.45]), changed))
        brightness.append(seen.image[seen.labels == ON_HAND].mean())
        rest = cv2.dilate((seen.labels >= ON_HAND).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
        elsewhere.append(seen.image[rest])
    np.testing.assert_array_equal(elsewhere[0], elsewhere[1])
    np.testing.assert_array_equal(elsewhere[0], elsewhere[2])
    assert brightness[0] > brightness[1] + 10 > brightness[2] + 20


def test_texture_look_up_agrees_with_opencv() -> None:
    mesh = textured_quad()
    surface = TexturedMesh.of(mesh)
    rng = np.random.default_rng(0)
    barycentric = rng.dirichlet(np.ones(3), 200).astype(np.float32)
    face = rng.integers(0, 2, 200)
    uv = (barycentric[:, :, None] * QUAD_UV[np.asarray(mesh.faces)[face]]).sum(axis=1)
    # OpenCV's bilinear look-up; pixel centres lie at half integers of the texture, v runs upwards.
    map_x, map_y = uv[:, 0] * 16 - 0.5, (1 - uv[:, 1]) * 16 - 0.5
    expected = cv2.remap(
        QUAD_PICTURE.astype(np.float32),
        map_x.astype(np.float32)[None],
        map_y.astype(np.float32)[None],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )[0]
    found = surface.colours(face, barycentric, pixels_per_metre=1e5)
    # OpenCV interpolates in steps of 1/32 pixel.
    assert np.abs(found - expected).max() < 10


def test_unlit_texture_reaches_the_image_unchanged(hand: HandModel, catalogue: dict[str, ObjectModel]) -> None:
    """With flat ambient light alone, the picture's sRGB values come back at their places."""
    look = plain_look()
    pose = pose_matrix(np.eye(3), np.array([0.0, 0.0, 0.15]))
    flat = dataclasses.replace(
        look,
        lights=(),
        ambient=np.ones(3),
        object=dataclasses.replace(look.object, gain=np.ones(3), saturation=1.0),
    )
    unshaded = SceneRenderer(hand, catalogue, quality=RenderQuality(0, 0))
    seen = draw(unshaded, scene_of(hand, "quad", pose, look=flat))
    # The centre of the texel in column 3 and row 12 of the texture: u = 3.5 / 16, v = 1 - 12.5 / 16.
    for column, row in ((3, 12), (9, 4), (12, 12), (4, 4)):
        share = (np.array([(column + 0.5) / 16, (row + 0.5) / 16]) - 0.1) / 0.8
        place = np.array([*(share * 0.1 - 0.05), 0.15])
        x, y = np.round(CAMERA.project(place)).astype(int)
        assert seen.labels[y, x] == OBJECT
        assert np.abs(seen.image[y, x].astype(int) - QUAD_PICTURE[row, column]).max() < 25


def test_normals_are_smooth_on_a_sphere_and_sharp_on_a_box() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3)
    found = TexturedMesh.of(sphere).corner_normals
    np.testing.assert_allclose(found, sphere.vertices[sphere.faces], atol=0.02)
    box = trimesh.creation.box((1, 2, 3))
    found = TexturedMesh.of(box).corner_normals
    np.testing.assert_allclose(found, np.repeat(box.face_normals[:, None], 3, axis=1), atol=1e-6)


def test_shadows_only_darken_and_fall_on_the_object(hand: HandModel, catalogue: dict[str, ObjectModel]) -> None:
    look = plain_look(6, sleeve=False)
    light = dataclasses.replace(look.lights[0], direction=np.array([0.0, 0.0, -1.0]), colour=np.ones(3))
    look = dataclasses.replace(look, lights=(light,), object=dataclasses.replace(look.object, specular=0.0))
    pose = pose_matrix(np.eye(3), np.array([0.05, 0.0, 0.6]))
    scene = scene_of(hand, "box", pose, np.array([0.0, 0.0, 0.35]), look)
    lit = draw(SceneRenderer(hand, catalogue, quality=RenderQuality(0, 0)), scene)
    shaded = draw(SceneRenderer(hand, catalogue, quality=RenderQuality(3, 0)), scene)
    on_box = cv2.erode((lit.labels == OBJECT).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    difference = lit.image[on_box].astype(int) - shaded.image[on_box]
    assert difference.min() >= 0
    # Light comes from the camera: what the hand shadows, it also hides, up to parallax.
    assert 0.005 < (difference.max(axis=-1) > 5).mean() < 0.9


def test_the_arm_is_closed_and_continues_the_hand(hand: HandModel) -> None:
    arm = ArmBuilder(hand).build(hand_at(hand, np.array([0, 0, 0.5])), plain_look(1, sleeve=True))
    skin = np.isin(arm.part, (HAND, FOREARM))
    closed = trimesh.Trimesh(arm.vertices, arm.faces[skin], process=False)
    closed.merge_vertices(merge_tex=True, merge_norm=True)
    assert closed.is_watertight
    assert closed.is_winding_consistent
    assert closed.volume > 0
    np.testing.assert_allclose(np.linalg.norm(arm.normals, axis=1), 1, atol=1e-3)


def test_a_closed_mesh_has_no_wrist() -> None:
    with pytest.raises(UserError, match="found a closed mesh"):
        boundary_loop(np.asarray(trimesh.creation.box().faces))


def test_pictures_of_a_directory_become_the_background(
    tmp_path: Path, hand: HandModel, catalogue: dict[str, ObjectModel]
) -> None:
    with pytest.raises(UserError, match="found none"):
        PictureBackgrounds(tmp_path)
    colour = np.array([200, 120, 40], dtype=np.uint8)
    Image.fromarray(np.broadcast_to(colour, (60, 80, 3)).copy()).save(tmp_path / "wall.png")
    look = plain_look()
    look = dataclasses.replace(look, background=dataclasses.replace(look.background, brightness=1.0))
    scene = scene_of(hand, "sphere", pose_matrix(np.eye(3), np.array([0, 0, 0.5])), look=look)
    seen = draw(SceneRenderer(hand, catalogue, PictureBackgrounds(tmp_path)), scene)
    behind = cv2.dilate((seen.labels != BACKGROUND).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    assert np.abs(seen.image[behind].astype(int) - colour).max() <= 1


def test_procedural_backgrounds_follow_their_seed() -> None:
    first, again = ProceduralBackgrounds(), ProceduralBackgrounds()
    pictures = [first.picture(seed) for seed in range(6)]
    np.testing.assert_array_equal(again.picture(4), pictures[4])
    means = np.array([picture.mean(axis=(0, 1)) for picture in pictures])
    assert np.linalg.norm(means[:, None] - means, axis=-1)[np.triu_indices(6, 1)].min() > 1


def test_grey_levels_follow_the_srgb_curve() -> None:
    light = np.random.default_rng(0).random((50, 50, 3)).astype(np.float32) ** 3
    assert np.abs(grey_levels_of_linear(light) - 255 * linear_to_srgb(light)).max() < 0.25
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(light)), light, atol=1e-6)


def test_wrong_scenes_are_refused_in_words(renderer: SceneRenderer, hand: HandModel) -> None:
    pose = pose_matrix(np.eye(3), np.array([0, 0, 0.5]))
    with pytest.raises(UnknownObjectError, match="box, quad, sphere"):
        draw(renderer, scene_of(hand, "teapot", pose))
    distorted = dataclasses.replace(CAMERA, distortion_model="plumb_bob", distortion=np.array([0.1, 0, 0, 0, 0]))
    with pytest.raises(UserError, match="expected no distortion"):
        draw(renderer, scene_of(hand, "box", pose, camera=distorted))
