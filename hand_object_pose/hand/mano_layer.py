"""The MANO layer: pose and shape to vertices and joints (Romero, Tzionas, Black 2017).

It equals manopth on manopth's own outputs, but works in metres, and on NumPy arrays and PyTorch tensors alike.
"""

from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import Array, as_like, is_torch, namespace
from hand_object_pose.checks import check_shape
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.joints import MANO_WITH_TIPS_TO_STANDARD, NUM_JOINTS, WRIST
from hand_object_pose.hand.rotations import rotation_from_axis_angle

NUM_MANO_JOINTS = 16
NUM_POSE_PARAMETERS = 45
PALM_VERTICES = (95, 22)
"""MANO's two vertices whose middle is manopth's palm (``root_palm``)."""


@dataclass(frozen=True)
class HandMesh:
    """A batch of posed hands: vertices (B, 778, 3) and joints (B, 21, 3) in metres."""

    vertices: Array
    joints: Array


class ManoLayer:
    """Poses a hand model.

    The library, device and (for PyTorch) the dtype of the results are those of the pose; NumPy computes in float64.
    """

    def __init__(
        self,
        model: HandModel,
        use_pca: bool = False,
        num_components: int = NUM_POSE_PARAMETERS,
        flat_hand_mean: bool = True,
        center_index: int | None = None,
        root_palm: bool = False,
    ) -> None:
        """Set the conventions.

        Args:
            model: the hand.
            use_pca: the pose's last values are coefficients of ``model.hands_components``, else axis-angle.
            num_components: how many components (1 to 45); only with ``use_pca``.
            flat_hand_mean: pose zero is the flat hand (HO3D), else ``model.hands_mean`` is added (DexYCB).
            center_index: joint, in the order of 21, to subtract from the result where no translation is given.
            root_palm: replace the wrist by the palm's middle.
        """
        if not 1 <= num_components <= NUM_POSE_PARAMETERS:
            raise ValueError(f"num_components: expected 1 to {NUM_POSE_PARAMETERS}, found {num_components}")
        if center_index is not None and not 0 <= center_index < NUM_JOINTS:
            raise ValueError(f"center_index: expected 0 to {NUM_JOINTS - 1}, found {center_index}")
        self.model = model
        self.use_pca = use_pca
        self.num_components = num_components if use_pca else NUM_POSE_PARAMETERS
        self.flat_hand_mean = flat_hand_mean
        self.center_index = center_index
        self.root_palm = root_palm
        self._constants: dict[object, dict[str, Array]] = {}

    def __call__(self, pose: Array, betas: Array | None = None, translation: Array | None = None) -> HandMesh:
        """Pose the hand.

        Args:
            pose: (B, 3 + n): root axis-angle, then n PCA coefficients or 45 axis-angle values; or rotation
                matrices (B, 16, 3, 3) in MANO's joint order, which are taken as they are (no mean is added).
            betas: (B, 10) shape coefficients; None is the mean shape.
            translation: (B, 3) metres. It is added to the hand as it rotated about its wrist, so the wrist comes
                to lie at its rest position plus the translation. Centring happens only where it is None or zero.
        """
        pose = pose if is_torch(pose) else np.asarray(pose, dtype=np.float64)
        constants = self._constants_like(pose)
        xp = namespace(pose)
        rotations = self._rotations(pose, constants)
        rest, rest_joints = _shaped(betas, rotations, constants)
        turns, origins = _forward_kinematics(rotations, rest_joints, self.model.parents)
        vertices = _skin(_pose_corrected(rest, rotations, constants), turns, origins, rest_joints, constants)
        fingertips = vertices[:, constants["fingertips"]]
        joints = xp.concatenate([origins, fingertips], axis=1)[:, list(MANO_WITH_TIPS_TO_STANDARD)]
        return self._placed(vertices, joints, translation)

    def _rotations(self, pose: Array, constants: dict[str, Array]) -> Array:
        if len(pose.shape) == 4:
            check_shape("pose", pose, ("B", NUM_MANO_JOINTS, 3, 3))
            return pose
        check_shape("pose", pose, ("B", 3 + self.num_components))
        fingers = pose[:, 3:]
        if self.use_pca:
            fingers = fingers @ constants["components"][: self.num_components]
        if not self.flat_hand_mean:
            fingers = fingers + constants["mean"]
        vectors = namespace(pose).concatenate([pose[:, :3], fingers], axis=1)
        return rotation_from_axis_angle(vectors.reshape(-1, NUM_MANO_JOINTS, 3))

    def _placed(self, vertices: Array, joints: Array, translation: Array | None) -> HandMesh:
        """Palm, centring and translation, in manopth's order."""
        xp = namespace(vertices)
        if self.root_palm:
            palm = vertices[:, list(PALM_VERTICES)].mean(axis=1)[:, None]
            joints = xp.concatenate([palm, joints[:, WRIST + 1 :]], axis=1)
        if translation is not None:
            check_shape("translation", translation, ("B", 3))
            translation = as_like(translation, vertices)
            if bool((translation != 0).any()):
                return HandMesh(vertices + translation[:, None], joints + translation[:, None])
        if self.center_index is None:
            return HandMesh(vertices, joints)
        centre = joints[:, self.center_index][:, None]
        return HandMesh(vertices - centre, joints - centre)

    def _constants_like(self, pose: Array) -> dict[str, Array]:
        """The model's arrays in the library, dtype and device of the pose, converted once."""
        key = (str(pose.dtype), str(pose.device)) if is_torch(pose) else "numpy"
        if key not in self._constants:
            model = self.model
            arrays = {
                "template": model.v_template,
                "shape_directions": model.shapedirs,
                "pose_directions": model.posedirs,
                "regressor": model.joint_regressor,
                "weights": model.weights,
                "components": model.hands_components,
                "mean": model.hands_mean,
            }
            converted = {name: as_like(np.array(array, np.float64), pose) for name, array in arrays.items()}
            self._constants[key] = {**converted, "fingertips": [int(tip) for tip in model.fingertips]}
        return self._constants[key]


def _shaped(betas: Array | None, rotations: Array, constants: dict[str, Array]) -> tuple[Array, Array]:
    """Rest vertices (B, 778, 3) and joints (B, 16, 3) of shapes (B, 10)."""
    xp = namespace(rotations)
    if betas is None:
        betas = xp.zeros_like(rotations[:, 0, 0, :1]) + as_like(np.zeros((1, 10)), rotations)
    check_shape("betas", betas, (rotations.shape[0], 10))
    offsets = xp.einsum("vck,bk->bvc", constants["shape_directions"], as_like(betas, rotations))
    vertices = constants["template"] + offsets
    return vertices, constants["regressor"] @ vertices


def _pose_corrected(rest: Array, rotations: Array, constants: dict[str, Array]) -> Array:
    """Rest vertices with the pose blend shapes of the 15 finger joints added."""
    deviations = rotations[:, 1:] - as_like(np.eye(3), rotations)
    features = deviations.reshape(-1, 9 * (NUM_MANO_JOINTS - 1))
    return rest + namespace(rest).einsum("vck,bk->bvc", constants["pose_directions"], features)


def _forward_kinematics(rotations: Array, rest_joints: Array, parents: Array) -> tuple[Array, Array]:
    """Global rotations (B, 16, 3, 3) and joint positions (B, 16, 3); a parent precedes its children."""
    xp = namespace(rotations)
    turns, origins = [rotations[:, 0]], [rest_joints[:, 0]]
    for joint, parent in enumerate(int(parent) for parent in parents[1:]):
        bone = rest_joints[:, joint + 1] - rest_joints[:, parent]
        origins.append(origins[parent] + (turns[parent] @ bone[..., None])[..., 0])
        turns.append(turns[parent] @ rotations[:, joint + 1])
    return xp.stack(turns, axis=1), xp.stack(origins, axis=1)


def _skin(rest: Array, turns: Array, origins: Array, rest_joints: Array, constants: dict[str, Array]) -> Array:
    """Linear blend skinning of rest vertices (B, 778, 3)."""
    weights = constants["weights"]
    shifts = origins - (turns @ rest_joints[..., None])[..., 0]
    blended = (weights @ turns.reshape(-1, NUM_MANO_JOINTS, 9)).reshape(-1, weights.shape[0], 3, 3)
    return (blended @ rest[..., None])[..., 0] + weights @ shifts
