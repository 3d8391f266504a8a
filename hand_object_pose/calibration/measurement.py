"""From sightings of an open hand to what is known of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.calibration.open_hand import Sighting
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.bone_length_root import BoneLengthRootDepth, KnownBones
from hand_object_pose.estimation.hand_calibration import HandCalibration


@dataclass(frozen=True)
class CalibrationSettings:
    """What a calibration asks for.

    Attributes:
        least_sightings: of an open hand.
        least_extension: of the fingers, see ``finger_extension``: a hand below is not open.
        largest_spread: median standard deviation of a bone's length between images, as a share of it.
        block: seconds; the lengths are checked on other blocks of the recording than they were measured on.
        least_sigma: share of the depth; no hand is known better.
    """

    least_sightings: int = 30
    least_extension: float = 0.88
    largest_spread: float = 0.2
    block: float = 1.0
    least_sigma: float = 0.005


def calibrate(
    found: Sequence[Sighting | str],
    regressor: FloatArray,
    weights_hash: str,
    person: str = "",
    camera: str = "",
    settings: CalibrationSettings | None = None,
) -> HandCalibration:
    """The calibration.

    Bone lengths are medians over all images. Bias and sigma of the depth are those of lengths from one half of the
    recording on the other half, and the other way round.

    Args:
        found: of each image, a sighting or why there is none.
        regressor: (21, 778) joints from vertices.
        weights_hash, person, camera: see ``HandCalibration``.
        settings: see there.

    Raises:
        UserError: too few images show an open hand, or its bones are not always the same.
    """
    settings = settings or CalibrationSettings()
    sightings = _open_hands(found, settings)
    lengths = np.array([sighting.lengths for sighting in sightings])
    median = np.median(lengths, axis=0)
    spread = float(np.median(np.std(lengths, axis=0) / median))
    if spread > settings.largest_spread:
        raise UserError(
            f"the bones' lengths differ by {spread:.0%} from image to image, expected at most "
            f"{settings.largest_spread:.0%}: hold one open hand before the camera, well lit, fingers apart, and turn "
            "it slowly"
        )
    errors = _depth_errors(sightings, lengths, regressor, settings.block)
    bias = float(np.median(errors))
    sigma = max(1.4826 * float(np.median(np.abs(errors - bias))), settings.least_sigma)
    return HandCalibration(person, camera, weights_hash, tuple(median.tolist()), bias, sigma, len(sightings))


def _open_hands(found: Sequence[Sighting | str], settings: CalibrationSettings) -> list[Sighting]:
    seen = [sighting for sighting in found if isinstance(sighting, Sighting)]
    usable = [sighting for sighting in seen if sighting.extension >= settings.least_extension]
    if len(usable) >= settings.least_sightings:
        return usable
    reasons = Counter(reason for reason in found if isinstance(reason, str))
    if closed := len(seen) - len(usable):
        reasons["the fingers are not stretched out"] = closed
    words = "; ".join(f"{count} times: {reason}" for reason, count in reasons.most_common(3)) or "there are no others"
    raise UserError(
        f"expected at least {settings.least_sightings} images of an open hand with depth, found {len(usable)} of "
        f"{len(found)} ({words}): record ten seconds of one open hand, 40 to 80 cm before the camera"
    )


def _depth_errors(
    sightings: Sequence[Sighting], lengths: FloatArray, regressor: FloatArray, block: float
) -> FloatArray:
    """(N,) by which share the depth from the other half's bone lengths is larger than the measured one."""
    stamps = np.array([sighting.stamp for sighting in sightings])
    halves = np.floor((stamps - stamps.min()) / block).astype(int) % 2
    if len(np.unique(halves)) < 2:
        halves = np.arange(len(sightings)) % 2
    errors = []
    for half in (0, 1):
        known = KnownBones(np.median(lengths[halves != half], axis=0), 0.0, 0.0, 0.0)
        way = BoneLengthRootDepth(regressor, known)
        for sighting, block_half in zip(sightings, halves, strict=True):
            estimate = way.of_bones(sighting.bones)
            if block_half == half and not estimate.reason:
                errors.append(estimate.depth / sighting.depth - 1)
    if not errors:
        raise UserError("the measured bones tell no depth in any image: this is no hand as the hand model has it")
    return np.array(errors)
