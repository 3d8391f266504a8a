"""One annotated image, the same for all datasets."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.estimation.mirroring import mirror_camera, mirror_points, mirror_pose
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose_training.datasets.hands import Hands, ManoParameters
from hand_object_pose_training.datasets.images import read_depth, read_image, read_mask

SIDES = ("right", "left")
MIRRORED = ".mirrored"
"""What follows an object's name where image and object are mirrored: its template is another one."""


@dataclass(frozen=True)
class FrameFiles:
    """Where the images of a frame are.

    Attributes:
        image: PNG or JPEG.
        depth: None where there is none; depth_encoding: of ``images.DEPTH_ENCODINGS``.
        mask: None where there is none; mask_encoding: of ``images.MASK_ENCODINGS``.
        mask_values: what the mask holds on the object and on the hand.
    """

    image: Path
    depth: Path | None = None
    depth_encoding: str = ""
    mask: Path | None = None
    mask_encoding: str = ""
    mask_values: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class FilePatterns:
    """How the files of a dataset are called: formats with ``{folder}`` and ``{id}``, the two parts of a frame's key.

    An empty pattern of depth or mask: the dataset has no such files.
    """

    image: str
    depth: str = ""
    depth_encoding: str = ""
    mask: str = ""
    mask_encoding: str = ""

    def of(self, root: Path, key: str, mask_values: tuple[int, int] = (0, 0)) -> FrameFiles:
        """The files of the frame ``key`` = "folder/id" below ``root``."""
        folder, _, number = key.rpartition("/")

        def path(pattern: str) -> Path:
            return root / pattern.format(folder=folder, id=number)

        return FrameFiles(
            image=path(self.image),
            depth=path(self.depth) if self.depth else None,
            depth_encoding=self.depth_encoding,
            mask=path(self.mask) if self.mask else None,
            mask_encoding=self.mask_encoding,
            mask_values=mask_values,
        )


@dataclass(frozen=True)
class AnnotatedFrame:
    """An image and what is known of it; metres, camera's optical frame (x right, y down, z forward), pixels.

    Attributes:
        dataset, split: such as "ho3d_v2", "train"; key: "folder/id", unique within the split.
        camera: pinhole of the whole image.
        side: "right" or "left", as the hand model that the parameters belong to.
        joints: (21, 3) as annotated, in the order of ``hand.joints``; NaN where not known (but the wrist always is).
        hand: parameters; hand_vertices: (778, 3). Either or both may be None.
        object_name: in the dataset's catalogue, with ``MIRRORED`` behind it in a mirrored frame.
        object_pose: (4, 4) object frame to camera frame.
        box: (4,) x_min, y_min, x_max, y_max of hand and object together, cut at the image's border.
        files: see there. They show the image as it was taken, also where the frame is mirrored.
        is_mirrored: whether everything but ``files`` is the mirror image of what was annotated.
    """

    dataset: str
    split: str
    key: str
    camera: Camera
    side: str
    joints: FloatArray
    object_name: str
    object_pose: FloatArray
    files: FrameFiles
    hand: ManoParameters | None = None
    hand_vertices: FloatArray | None = None
    box: FloatArray = field(default_factory=lambda: np.full(4, np.nan))
    is_mirrored: bool = False

    def __post_init__(self) -> None:
        check_shape(f"{self.key}: joints", self.joints, (21, 3))
        check_shape(f"{self.key}: object_pose", self.object_pose, (4, 4))
        check_shape(f"{self.key}: box", self.box, (4,))
        if self.hand_vertices is not None:
            check_shape(f"{self.key}: hand_vertices", self.hand_vertices, (778, 3))
        if self.side not in SIDES:
            raise ValueError(f"{self.key}: side: expected right or left, found {self.side!r}")

    @property
    def root_depth(self) -> float:
        """The wrist's depth, metres."""
        return float(self.joints[0, 2])

    @property
    def has_hand(self) -> bool:
        """Whether the whole hand is known, not its wrist alone."""
        return self.hand is not None or self.hand_vertices is not None

    def posed(self, hands: Hands) -> "AnnotatedFrame":
        """The frame with its hand's vertices; they are posed where the dataset gives parameters only."""
        if self.hand_vertices is not None or self.hand is None:
            return self
        return replace(self, hand_vertices=hands.mesh(self.side, self.hand)[0])

    def as_right_hand(self, hands: Hands) -> "AnnotatedFrame":
        """The frame itself for a right hand; for a left one its mirror image with vertices, which shows a right hand.

        The object is mirrored, too: its template becomes M V and its pose M T M (``estimation.mirroring``).
        """
        if self.side == "right":
            return self
        vertices = self.posed(hands).hand_vertices
        last = self.camera.width - 1
        left, top, right, bottom = self.box
        return replace(
            self,
            camera=mirror_camera(self.camera),
            side="right",
            joints=mirror_points(self.joints),
            hand=None,
            hand_vertices=None if vertices is None else mirror_points(vertices),
            object_name=self.object_name + MIRRORED,
            object_pose=mirror_pose(self.object_pose),
            box=np.array([last - right, top, last - left, bottom]),
            is_mirrored=not self.is_mirrored,
        )

    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB; ``FileProblemError`` if it cannot be read."""
        return self._seen(read_image(self.files.image))

    def depth(self) -> NDArray[np.float32] | None:
        """(H, W) metres, 0 where nothing was measured; None where the dataset has none."""
        files = self.files
        return None if files.depth is None else self._seen(read_depth(files.depth, files.depth_encoding))

    def mask(self) -> NDArray[np.uint8] | None:
        """(H, W): 1 on the object, 2 on the hand; None where the dataset has none."""
        files = self.files
        return None if files.mask is None else self._seen(read_mask(files.mask, files.mask_encoding, files.mask_values))

    def _seen(self, image: NDArray) -> NDArray:
        return np.ascontiguousarray(image[:, ::-1]) if self.is_mirrored else image
