"""What is known of one person's hand, as one set of weights sees it: measured by ``hand-object-pose calibrate``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.bone_length_root import KnownBones
from hand_object_pose.estimation.bone_lengths import BONE_NAMES, NUM_BONES, resting_bone_lengths

FORMAT = "hand_object_pose hand calibration 1"

SIZE_SPREAD = 0.06
"""Standard deviation of the size of adults' hands, women and men together, as a share: an assumption."""

_LONGEST_BONE = 0.3
_UNMEASURED_SPREAD = 0.05


@dataclass(frozen=True)
class HandCalibration:
    """One person before one camera.

    Attributes:
        person, camera: free text.
        weights_hash: SHA-256 of the weights that saw the hand: others see it a little larger or smaller.
        bone_lengths: (20,) metres, in the order of ``bone_lengths.BONE_NAMES``.
        depth_bias: by which share of it the wrist's depth from these lengths is larger than by the depth image.
        depth_sigma: standard deviation of that share.
        frames: how many images it was made from.
    """

    person: str
    camera: str
    weights_hash: str
    bone_lengths: tuple[float, ...]
    depth_bias: float
    depth_sigma: float
    frames: int

    @property
    def known(self) -> KnownBones:
        """For ``BoneLengthRootDepth``: the size is known."""
        return KnownBones(np.array(self.bone_lengths), 0.0, self.depth_bias, self.depth_sigma)

    def write(self, path: Path) -> None:
        """Write YAML, lengths in millimetres for those who read it."""
        content = {
            "format": FORMAT,
            "person": self.person,
            "camera": self.camera,
            "weights": self.weights_hash,
            "frames": self.frames,
            "depth_bias": round(self.depth_bias, 5),
            "depth_sigma": round(self.depth_sigma, 5),
            "bone_lengths_mm": {
                name: round(1000 * float(length), 2) for name, length in zip(BONE_NAMES, self.bone_lengths, strict=True)
            },
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def read_hand_calibration(path: Path) -> HandCalibration:
    """The calibration in a YAML file of ``hand-object-pose calibrate``.

    Raises:
        UserError: it is no such file, or a value is missing or impossible.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(
            f"{path}: expected a file of 'hand-object-pose calibrate' (YAML), found: {in_one_line(error)}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path}: expected a file of 'hand-object-pose calibrate' with 'format: {FORMAT}'")
    lengths = content.get("bone_lengths_mm")
    if not isinstance(lengths, dict) or set(lengths) != set(BONE_NAMES):
        raise UserError(f"{path}: bone_lengths_mm: expected the {NUM_BONES} bones {', '.join(BONE_NAMES)}")
    return HandCalibration(
        str(content.get("person", "")),
        str(content.get("camera", "")),
        str(content.get("weights", "")),
        tuple(_number(path, lengths, name, 1.0, 1000 * _LONGEST_BONE) / 1000 for name in BONE_NAMES),
        _number(path, content, "depth_bias", -0.5, 0.5),
        _number(path, content, "depth_sigma", 0.0, 0.5),
        int(_number(path, content, "frames", 1, np.inf)),
    )


def known_bones(weights: WeightsInfo, calibration: HandCalibration | None) -> KnownBones:
    """The bones of the hand that is seen: the calibrated ones, else those of the weights' hand model.

    Raises:
        UserError: the hand was calibrated with other weights.
    """
    if calibration is None:
        measured = weights.uncertainty
        bias, spread = (measured.bone_bias, measured.bone_spread) if measured else (0.0, _UNMEASURED_SPREAD)
        return KnownBones(resting_bone_lengths(weights.hand), SIZE_SPREAD, bias, spread)
    if calibration.weights_hash != weights.hash:
        raise UserError(
            f"the hand of '{calibration.person}' was calibrated with other weights ({calibration.weights_hash[:12]}) "
            f"than '{weights.name}' ({weights.hash[:12]}), which see it larger or smaller: run "
            "'hand-object-pose calibrate' again with these"
        )
    return calibration.known


def _number(path: Path, values: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UserError(f"{path}: {name}: expected a number from {low:g} to {high:g}, found {value!r}")
    return float(value)
