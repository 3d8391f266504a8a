"""The hand models with which a dataset was annotated, and what its parameters mean."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.mano_file import load_mano
from hand_object_pose.hand.mano_layer import ManoLayer


@dataclass(frozen=True)
class ManoParameters:
    """A posed hand in the camera's optical frame (x right, y down, z forward), whatever the dataset stores.

    Attributes:
        pose: (48,) axis-angle of 16 joints, root first, MANO's joint order; zero is the flat hand.
        betas: (10,) shape coefficients.
        translation: (3,) metres, MANO's: the wrist lies at its rest position plus this.
    """

    pose: FloatArray
    betas: FloatArray
    translation: FloatArray

    def __post_init__(self) -> None:
        check_shape("ManoParameters.pose", self.pose, (48,))
        check_shape("ManoParameters.betas", self.betas, (10,))
        check_shape("ManoParameters.translation", self.translation, (3,))


class Hands:
    """The right and, where there is one, the left hand model."""

    def __init__(self, right: HandModel, left: HandModel | None = None) -> None:
        """Take models of the two sides; without a left one, left hands cannot be posed."""
        self.models = {"right": right} if left is None else {"right": right, "left": left}
        self._layers = {side: ManoLayer(model) for side, model in self.models.items()}

    @classmethod
    def default(cls) -> "Hands":
        """The default hand and its mirror image, which the exporter uses."""
        return cls(default_hand(), default_hand("left"))

    @classmethod
    def from_mano(cls, directory: Path) -> "Hands":
        """MANO_RIGHT.pkl of a directory and, if it is there, MANO_LEFT.pkl as it was distributed.

        Raises:
            UserError: no such file (the message says where to get it), or not MANO's.
        """
        has_left = (directory / "MANO_LEFT.pkl").is_file()
        return cls(load_mano(directory, "right"), load_mano(directory, "left") if has_left else None)

    @property
    def right(self) -> HandModel:
        """The model that the network sees, mirrored left hands included."""
        return self.models["right"]

    def model(self, side: str) -> HandModel:
        """The model of a side.

        Raises:
            UserError: there is none for left hands.
        """
        if side not in self.models:
            raise UserError(f"a {side} hand needs a {side} hand model, and none was given: put MANO_LEFT.pkl beside")
        return self.models[side]

    def mesh(self, side: str, hand: ManoParameters) -> tuple[FloatArray, FloatArray]:
        """Vertices (778, 3) and joints (21, 3) in metres of a hand of ``side``."""
        self.model(side)
        posed = self._layers[side](hand.pose[None], hand.betas[None], hand.translation[None])
        return posed.vertices[0], posed.joints[0]

    def rest_wrist(self, side: str, betas: FloatArray) -> FloatArray:
        """(3,) the wrist of the shaped template at rest, about which the root rotates, metres."""
        return self.model(side).rest_wrists(betas)

    def fingers_of_components(self, side: str, coefficients: FloatArray) -> FloatArray:
        """(45,) axis-angle of all 45 principal components (45,), as DexYCB stores them: the mean pose is added."""
        model = self.model(side)
        return model.hands_mean + np.asarray(coefficients, dtype=np.float64) @ model.hands_components

    def components_of_fingers(self, side: str, fingers: FloatArray) -> FloatArray:
        """The inverse. MANO's components are only nearly orthonormal, so that they are solved for."""
        model = self.model(side)
        return np.linalg.solve(model.hands_components.T, fingers - model.hands_mean)
