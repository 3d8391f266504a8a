"""The wrist's depth from synthetic depth images with holes, occluders and noise; visibility against ray casting."""

import numpy as np
import pytest

from hand_object_pose.estimation.bone_length_root import KnownBones
from hand_object_pose.estimation.bone_lengths import resting_bone_lengths
from hand_object_pose.estimation.depth_image_root import DepthImageRootDepth
from hand_object_pose.estimation.depth_sampling import sample_depth
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.root_depth import FixedRootDepth, RelativeMeshes, RootDepth, TrueRootDepth
from hand_object_pose.estimation.root_depth_modes import MODES, make_root_depth
from hand_object_pose.estimation.visibility import front_facing, visible_points
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_layer import ManoLayer

trimesh = pytest.importorskip("trimesh")
CAMERA = Camera(np.array([[600.0, 0, 160.0], [0, 600.0, 120.0], [0, 0, 1]]), 320, 240)
WRIST_DEPTH = 0.62


def hand_mesh(turn: tuple[float, float, float] = (1.6, 0.2, -0.3)) -> tuple[np.ndarray, np.ndarray]:
    """A posed default hand about the optical axis, its wrist at WRIST_DEPTH."""
    model = default_hand()
    pose = np.concatenate([turn, np.full(45, 0.1)])[None]
    mesh = ManoLayer(model)(pose)
    vertices = mesh.vertices[0] - mesh.vertices[0].mean(axis=0)
    wrist = (model.joint_regressor21 @ vertices)[0]
    return vertices + np.array([0, 0, WRIST_DEPTH - wrist[2]]), model.faces


def ball(centre: tuple[float, float, float], radius: float) -> tuple[np.ndarray, np.ndarray]:
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    return np.asarray(sphere.vertices) + centre, np.asarray(sphere.faces)


def render(*meshes: tuple[np.ndarray, np.ndarray], background: float = 1.2) -> np.ndarray:
    """(H, W) depth by ray casting with trimesh."""
    scene = trimesh.util.concatenate([trimesh.Trimesh(*mesh, process=False) for mesh in meshes])
    columns, rows = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(float)
    rays = CAMERA.unproject(pixels, np.ones(len(pixels)))
    hits, ids, _ = scene.ray.intersects_location(np.zeros_like(rays), rays, multiple_hits=False)
    depth = np.full(len(pixels), background)
    depth[ids] = np.minimum(hits[:, 2], background)
    return depth.reshape(CAMERA.height, CAMERA.width).astype(np.float32)


def relative(hand: tuple[np.ndarray, np.ndarray], held: tuple[np.ndarray, np.ndarray]) -> RelativeMeshes:
    parts = []
    for vertices, _ in (hand, held):
        parts.append(np.concatenate([CAMERA.project(vertices), vertices[:, 2:] - WRIST_DEPTH], axis=1))
    return RelativeMeshes(parts[0], hand[1], parts[1], held[1])


def frame(depth: np.ndarray | None, camera: Camera = CAMERA, **fields: float) -> Frame:
    return Frame(np.zeros((camera.height, camera.width, 3), np.uint8), camera, depth=depth, **fields)  # type: ignore[arg-type]


HAND = hand_mesh()
BESIDE = ball((0.12, 0.0, WRIST_DEPTH), 0.03)
IN_FRONT = ball((0.0, 0.0, WRIST_DEPTH - 0.12), 0.035)
MESHES = relative(HAND, BESIDE)


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return render(HAND, BESIDE)


def test_clean_depth(clean: np.ndarray) -> None:
    found = DepthImageRootDepth().estimate(frame(clean), MESHES)
    assert found.depth == pytest.approx(WRIST_DEPTH, abs=0.002)
    assert found.support > 0.8
    # However well everything fits, a sensor is not better than that.
    assert 0.003 <= found.sigma < 0.005
    assert found.residual < 0.004


def test_noise_quantisation_and_holes(clean: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    depth = np.round((clean + rng.normal(0, 0.003, clean.shape)) * 1000) / 1000
    holes = rng.random((24, 32)) < 0.15
    depth[np.kron(holes, np.ones((10, 10), bool))] = 0
    depth[::17] = np.nan
    found = DepthImageRootDepth().estimate(frame(depth), MESHES)
    assert found.depth == pytest.approx(WRIST_DEPTH, abs=0.004)
    assert found.sigma > DepthImageRootDepth().estimate(frame(clean), MESHES).sigma


def test_an_unknown_occluder_before_the_fingers(clean: np.ndarray) -> None:
    depth = clean.copy()
    hand = depth < 0.8
    columns = np.flatnonzero(hand.any(axis=0))
    depth[:, : int(np.quantile(columns, 0.25))] = 0.45
    found = DepthImageRootDepth().estimate(frame(depth), MESHES)
    assert found.depth == pytest.approx(WRIST_DEPTH, abs=0.004)
    assert found.support < 0.9


def test_the_predicted_object_in_front_is_not_taken_for_the_hand() -> None:
    found = DepthImageRootDepth().estimate(frame(render(HAND, IN_FRONT)), relative(HAND, IN_FRONT))
    assert found.depth == pytest.approx(WRIST_DEPTH, abs=0.003)
    assert found.support > 0.7


def test_prediction_that_lies_a_little_beside_the_hand(clean: np.ndarray) -> None:
    """Vertices that project onto the background do not drag the hand there."""
    shifted = relative((HAND[0] + [0.012, -0.008, 0.0], HAND[1]), BESIDE)
    found = DepthImageRootDepth().estimate(frame(clean), shifted)
    assert found.depth == pytest.approx(WRIST_DEPTH, abs=0.012)


def test_scale_of_the_relative_depth_does_not_matter_much(clean: np.ndarray) -> None:
    """An imperfect prediction (5 mm of vertex noise) still finds the wrist within 5 mm."""
    noisy = HAND[0] + np.random.default_rng(2).normal(0, 0.005, HAND[0].shape)
    found = DepthImageRootDepth().estimate(frame(clean), relative((noisy, HAND[1]), BESIDE))
    assert found.depth == pytest.approx(WRIST_DEPTH, abs=0.005)


def test_a_hidden_hand_is_placed_by_the_object_that_hides_it() -> None:
    """The relative depth of hand and object is known, so that the object's measured side is enough."""
    wall = ball((0.0, 0.0, WRIST_DEPTH - 0.25), 0.14)
    found = DepthImageRootDepth().estimate(frame(render(HAND, wall)), relative(HAND, wall))
    assert found.depth == pytest.approx(WRIST_DEPTH, abs=0.004)


def test_the_background_does_not_win_where_half_of_the_prediction_misses_the_hand(clean: np.ndarray) -> None:
    shift = np.array([0.035, 0.02, 0.0])
    missed = relative((HAND[0] + shift, HAND[1]), (BESIDE[0] + shift / 3, BESIDE[1]))
    assert DepthImageRootDepth().estimate(frame(clean), missed).depth == pytest.approx(WRIST_DEPTH, abs=0.03)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_no_depth_is_said(value: float) -> None:
    found = DepthImageRootDepth().estimate(frame(np.full((240, 320), value, np.float32)), MESHES)
    assert np.isnan(found.depth)
    assert "only 0 visible vertices" in found.reason
    assert "no depth image" in DepthImageRootDepth().estimate(frame(None), MESHES).reason


def test_depth_that_does_not_look_like_the_hand_is_refused() -> None:
    steep = np.tile(np.linspace(0.3, 2.8, 320, dtype=np.float32), (240, 1))
    found = DepthImageRootDepth().estimate(frame(steep), MESHES)
    assert np.isnan(found.depth)
    assert "fit the prediction" in found.reason


def test_a_hand_outside_the_image_is_refused(clean: np.ndarray) -> None:
    offset = np.array([2000.0, 0, 0])
    away = RelativeMeshes(MESHES.hand + offset, MESHES.hand_faces, MESHES.object + offset, BESIDE[1])
    assert np.isnan(DepthImageRootDepth().estimate(frame(clean), away).depth)


def test_fixed_and_true_depth() -> None:
    assert FixedRootDepth(0.7).estimate(frame(None), MESHES).depth == 0.7
    assert TrueRootDepth().estimate(frame(None, true_root_depth=0.55), MESHES).depth == 0.55
    assert "no true root depth" in TrueRootDepth().estimate(frame(None), MESHES).reason
    with pytest.raises(ValueError, match=", ".join(MODES)):
        made("guess")


def made(mode: str) -> RootDepth:
    known = KnownBones(resting_bone_lengths(default_hand()), 0.06, 0.0, 0.03)
    return make_root_depth(mode, 0.4, default_hand(), known)


@pytest.mark.parametrize(
    ("mode", "measured", "source"),
    [
        ("fixed", True, "fixed"),
        ("depth_image", True, "depth_image"),
        ("bone_length", True, "bone_length"),
        ("auto", True, "depth_image"),
        ("auto", False, "bone_length"),
    ],
)
def test_modes_by_name(clean: np.ndarray, mode: str, measured: bool, source: str) -> None:
    found = made(mode).estimate(frame(clean if measured else np.zeros_like(clean)), MESHES)
    assert (found.source, found.reason) == (source, "")
    assert found.depth == pytest.approx({"fixed": 0.4}.get(source, WRIST_DEPTH), abs=0.02)


def test_auto_guesses_last_and_says_how_little_it_knows() -> None:
    """A hand that is one point has no bones."""
    point = RelativeMeshes(np.tile(MESHES.hand[:1], (778, 1)), MESHES.hand_faces, MESHES.object, MESHES.object_faces)
    found = made("auto").estimate(frame(None), point)
    assert (found.depth, found.source) == (0.4, "fixed")
    assert found.sigma > 3 * FixedRootDepth(0.4).estimate(frame(None), MESHES).sigma
    assert "bones" in made("bone_length").estimate(frame(None), point).reason


@pytest.mark.parametrize("turn", [(1.6, 0.2, -0.3), (0.0, 0.0, 0.0), (-1.4, 0.5, 1.0), (0.3, 2.0, 0.0)])
def test_visible_vertices_are_those_a_ray_reaches(turn: tuple[float, float, float]) -> None:
    hand = hand_mesh(turn)
    held = IN_FRONT
    meshes = relative(hand, held)
    seen, _ = visible_points((meshes.hand, hand[1]), (meshes.object, held[1]))
    scene = trimesh.util.concatenate([trimesh.Trimesh(*mesh, process=False) for mesh in (hand, held)])
    distance = np.linalg.norm(hand[0], axis=1)
    hits, ids, _ = scene.ray.intersects_location(np.zeros_like(hand[0]), hand[0], multiple_hits=False)
    nearest = np.full(len(hand[0]), np.inf)
    np.minimum.at(nearest, ids, np.linalg.norm(hits, axis=1))
    reached = nearest > distance - 0.002
    assert reached[seen].mean() > 0.97
    assert seen[reached & front_facing(meshes.hand, hand[1])].mean() > 0.6


def test_front_facing_equals_normals() -> None:
    vertices, faces = ball((0.0, 0.0, 0.6), 0.05)
    image = np.concatenate([CAMERA.project(vertices), vertices[:, 2:]], axis=1)
    cosine = ((vertices - [0, 0, 0.6]) * vertices).sum(axis=1) / (0.05 * np.linalg.norm(vertices, axis=1))
    front = front_facing(image, faces)
    assert front[cosine < -0.2].all()
    assert not front[cosine > 0.0].any()


def test_depth_is_sampled_where_the_distorted_image_has_it() -> None:
    distorted = Camera(CAMERA.matrix, 320, 240, "plumb_bob", np.array([-0.3, 0.1, 0.0, 0.0, 0.0]))
    import cv2

    columns, rows = np.meshgrid(np.arange(320), np.arange(240))
    raw = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2).astype(float)
    straight = cv2.undistortPoints(raw, distorted.matrix, distorted.distortion, P=distorted.matrix)[:, 0]
    ramp = (0.5 + straight[:, 0] / 1000).reshape(240, 320)
    pixels = np.array([[60.0, 50.0], [160.0, 120.0], [260.0, 200.0]])
    sampled, smooth = sample_depth(frame(ramp, distorted), pixels, 0.02)
    assert smooth.all()
    np.testing.assert_allclose(sampled, 0.5 + pixels[:, 0] / 1000, atol=1e-3)


def test_holes_are_not_sampled() -> None:
    """Nine zeros are as smooth as can be."""
    for hole in (0.0, np.nan, np.inf):
        depth = np.full((240, 320), hole, np.float32)
        measured, smooth = sample_depth(frame(depth), np.array([[100.0, 100.0]]), 0.02)
        assert (measured.tolist(), smooth.tolist()) == ([0.0], [False])


def test_edges_and_borders_are_not_sampled() -> None:
    depth = np.full((240, 320), 0.5, np.float32)
    depth[:, 160:] = 0.9
    pixels = np.array([[100.0, 100.0], [159.0, 100.0], [160.0, 100.0], [0.0, 5.0], [1e6, -1e6], [np.nan, 3.0]])
    _, smooth = sample_depth(frame(depth), pixels, 0.02)
    np.testing.assert_array_equal(smooth, [True, False, False, False, False, False])


def test_a_wall_far_behind_does_not_win_however_much_of_it_is_seen(clean: np.ndarray) -> None:
    """Two thirds of the prediction lie beside the hand and see a flat wall, all at one depth."""
    vertices, faces = hand_mesh()
    wide = vertices - vertices.mean(axis=0)
    wide = wide * np.array([1.5, 1.5, 1.0]) + vertices.mean(axis=0)
    found = DepthImageRootDepth().estimate(frame(clean), relative((wide, faces), ball((0.3, 0.3, 0.6), 0.02)))
    assert found.depth == pytest.approx(WRIST_DEPTH, abs=0.03)


def test_a_large_object_does_not_outvote_the_hand() -> None:
    """The object's relative depth is 13 cm off; it has several times the hand's visible vertices."""
    large = ball((0.16, 0.0, WRIST_DEPTH - 0.1), 0.06)
    seen = render(HAND, large)
    mistaken = (large[0] + [0.0, 0.0, 0.13], large[1])
    subdivided = trimesh.Trimesh(*mistaken, process=False).subdivide().subdivide()
    predicted = relative(HAND, (np.asarray(subdivided.vertices), np.asarray(subdivided.faces)))
    assert DepthImageRootDepth().estimate(frame(seen), predicted).depth == pytest.approx(WRIST_DEPTH, abs=0.003)
