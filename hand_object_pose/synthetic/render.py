"""Renders a scene by casting rays (Embree): colour, depth and labels of any pinhole camera."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.hand.hand_model import NUM_HAND_VERTICES, HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.arm_mesh import ArmBuilder
from hand_object_pose.synthetic.backgrounds import Backgrounds, ProceduralBackgrounds
from hand_object_pose.synthetic.camera_effects import develop
from hand_object_pose.synthetic.colour import linear_of_bytes
from hand_object_pose.synthetic.hand_texture import HandTextures
from hand_object_pose.synthetic.posed_scene import BACKGROUND_LABEL, PosedScene, RenderQuality
from hand_object_pose.synthetic.sample import RenderedScene
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.textured_mesh import TexturedMesh, load_textured_mesh

FloatArray = NDArray[np.float32]

_EDGE_SAMPLES = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]], dtype=np.float32)
# (4 candidates, 1, 4 samples, 2): the pixel itself and its neighbours on the sample's side.
_NEIGHBOURS = np.stack([np.sign(_EDGE_SAMPLES).astype(int) * mask for mask in ([0, 0], [1, 0], [0, 1], [1, 1])])[
    :, None
]
_EDGE_DEPTH_STEP = 0.008
_NEAREST = 0.02


class SceneRenderer:
    """Renders hands of one model with objects of one catalogue."""

    def __init__(
        self,
        hand: HandModel,
        catalogue: Mapping[str, ObjectModel],
        backgrounds: Backgrounds | None = None,
        quality: RenderQuality | None = None,
        hand_textures: HandTextures | None = None,
    ) -> None:
        """Prepare a renderer; objects are loaded when first seen.

        Args:
            hand: the model whose vertices the scenes hold.
            catalogue: objects by name.
            backgrounds: procedural ones if None.
            quality: numbers of secondary rays.
            hand_textures: skin of the hand; painted if None.
        """
        self._arms = ArmBuilder(hand, hand_textures)
        self._catalogue = catalogue
        self._backgrounds: Backgrounds = backgrounds if backgrounds is not None else ProceduralBackgrounds()
        self._quality = quality if quality is not None else RenderQuality()
        self._objects: dict[str, TexturedMesh] = {}

    def render(self, scene: Scene, rng: np.random.Generator) -> RenderedScene:
        """Render one scene; ``rng`` draws the sensor noise and nothing else.

        Raises:
            UserError: if the camera has distortion.
            UnknownObjectError: if the object is not in the catalogue.
        """
        truth, camera = scene.truth, scene.camera
        check_shape("truth.hand_vertices", truth.hand_vertices, (NUM_HAND_VERTICES, 3))
        check_shape("truth.object_pose", truth.object_pose, (4, 4))
        if camera.is_distorted:
            raise UserError(
                f"scene camera: expected no distortion, found '{camera.distortion_model}' {camera.distortion}; "
                "render with an undistorted camera and distort the image"
            )
        posed = PosedScene(self._arms, self._object(truth.object_name), truth, scene.appearance, self._quality)
        canvas = _Canvas(camera, self._background_light(scene))
        canvas.draw(posed)
        image = develop(canvas.light, scene.appearance.camera, rng)
        return RenderedScene(image, canvas.depth, canvas.labels, camera, truth)

    def __getstate__(self) -> dict[str, object]:
        """Worker processes load their objects themselves: search trees cannot be copied."""
        return {**self.__dict__, "_objects": {}}

    def _object(self, name: str) -> TexturedMesh:
        if name not in self._objects:
            if name not in self._catalogue:
                raise UnknownObjectError(name, list(self._catalogue), "the renderer's catalogue")
            self._objects[name] = load_textured_mesh(self._catalogue[name])
        return self._objects[name]

    def _background_light(self, scene: Scene) -> FloatArray:
        """Linear RGB (H, W, 3): the picture belongs to directions, so that every crop shows its part of it."""
        look, camera = scene.appearance.background, scene.camera
        picture = self._backgrounds.picture(look.seed)
        scale = len(picture) / look.span
        x = (_normalised(camera, 0) - np.float32(look.offset[0])) * np.float32(scale)
        y = (_normalised(camera, 1) - np.float32(look.offset[1])) * np.float32(scale)
        grid_x, grid_y = np.broadcast_arrays(x[None], y[:, None])
        seen = cv2.remap(
            picture,
            np.ascontiguousarray(grid_x),
            np.ascontiguousarray(grid_y),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        return linear_of_bytes(np.asarray(seen, dtype=np.uint8), look.brightness)


@dataclass(frozen=True)
class _Region:
    """A rectangle of pixels, the ends excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def window(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def pixels(self) -> FloatArray:
        """(N, 2) all pixels, row by row."""
        x, y = np.meshgrid(np.arange(self.left, self.right), np.arange(self.top, self.bottom))
        return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


class _Canvas:
    """The image while it is drawn."""

    def __init__(self, camera: Camera, background: FloatArray) -> None:
        self.light = background
        self.depth = np.zeros((camera.height, camera.width), dtype=np.float32)
        self.labels = np.full((camera.height, camera.width), BACKGROUND_LABEL, dtype=np.uint8)
        self._camera = camera
        self._inverse = np.linalg.inv(camera.matrix).astype(np.float32)
        self._focal_length = float(camera.matrix[0, 0])

    def draw(self, posed: PosedScene) -> None:
        """One ray a pixel, and four more at edges, which only decide whose colour counts how much."""
        region = _bounds(posed.vertices, self._camera)
        shape = (region.bottom - region.top, region.right - region.left)
        if 0 in shape:
            return
        directions = self._directions(region.pixels)
        traced = posed.trace(directions)
        hit = traced.label != BACKGROUND_LABEL
        self.labels[region.window] = traced.label.reshape(shape)
        self.depth[region.window] = np.where(hit, traced.depth, 0).reshape(shape)
        colours = self.light[region.window].reshape(-1, 3).copy()
        colours[hit] = posed.light(directions, traced, self._focal_length)
        self.light[region.window] = self._smoothed(posed, region, colours.reshape(*shape, 3))

    def _smoothed(self, posed: PosedScene, region: _Region, colours: FloatArray) -> FloatArray:
        """The colours (H, W, 3) of a region with each edge pixel averaged over its area.

        A sample takes the colour of the neighbour that sees the same surface: shading it anew would cost far more.
        """
        labels, depth, behind = self.labels[region.window], self.depth[region.window], self.light[region.window]
        rows, columns = np.nonzero(_edges(labels, depth))
        pixels = np.stack([columns + region.left, rows + region.top], axis=1).astype(np.float32)
        traced = posed.trace(self._directions((pixels[:, None] + _EDGE_SAMPLES).reshape(-1, 2)))
        sample_label, sample_depth = (array.reshape(len(rows), -1) for array in (traced.label, traced.depth))
        height, width = labels.shape
        near_rows = np.clip(rows[:, None] + _NEIGHBOURS[..., 1], 0, height - 1)
        near_columns = np.clip(columns[:, None] + _NEIGHBOURS[..., 0], 0, width - 1)
        same = labels[near_rows, near_columns] == sample_label
        same &= np.abs(depth[near_rows, near_columns] - sample_depth) < _EDGE_DEPTH_STEP
        chosen = np.argmax(same, axis=0)[None]
        chosen_rows = np.take_along_axis(near_rows, chosen, axis=0)[0]
        chosen_columns = np.take_along_axis(near_columns, chosen, axis=0)[0]
        samples = colours[chosen_rows, chosen_columns]
        is_behind = sample_label == BACKGROUND_LABEL
        samples[is_behind] = np.broadcast_to(behind[rows, columns][:, None], samples.shape)[is_behind]
        smoothed = colours.copy()
        smoothed[rows, columns] = (samples.sum(axis=1) + colours[rows, columns]) / np.float32(len(_EDGE_SAMPLES) + 1)
        return smoothed

    def _directions(self, pixels: FloatArray) -> FloatArray:
        """Directions (N, 3) with z = 1 of pixels (N, 2)."""
        return pixels @ self._inverse[:, :2].T + self._inverse[:, 2]


def _normalised(camera: Camera, axis: int) -> FloatArray:
    """Image coordinates x / z of all columns (axis 0), or y / z of all rows (axis 1)."""
    count = camera.width if axis == 0 else camera.height
    return ((np.arange(count) - camera.matrix[axis, 2]) / camera.matrix[axis, axis]).astype(np.float32)


def _bounds(vertices: FloatArray, camera: Camera) -> _Region:
    """The pixels that may see any of the vertices (V, 3); the whole image where some lie beside the camera."""
    if vertices[:, 2].min() < _NEAREST:
        return _Region(0, 0, camera.width, camera.height)
    pixels = camera.project(vertices)
    size = np.array([camera.width, camera.height])
    low = np.clip(np.floor(pixels.min(axis=0)) - 1, 0, size).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0)) + 2, low, size).astype(int)
    return _Region(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def _edges(labels: NDArray[np.uint8], depth: FloatArray) -> NDArray[np.bool_]:
    """Pixels (H, W) at a border between labels or at a step in depth, on both of its sides."""
    edges = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        first = tuple(slice(None, -1) if axis == number else slice(None) for number in (0, 1))
        second = tuple(slice(1, None) if axis == number else slice(None) for number in (0, 1))
        differs = labels[first] != labels[second]
        differs |= np.abs(depth[first] - depth[second]) > _EDGE_DEPTH_STEP
        edges[first] |= differs
        edges[second] |= differs
    return edges
