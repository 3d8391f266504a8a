"""Measure how large the errors of a set of weights are, and write the file beside them from which covariances come.

    python scripts/calibrate_uncertainty.py --weights FILE.safetensors

Looks at rendered scenes (``collected_errors``), fits ``UncertaintyModel``, and writes FILE.uncertainty.npz. The weights
may know only objects of the default catalogue. ``scripts/measure_uncertainty.py`` then measures on other scenes what
the published regions hold.
"""

from pathlib import Path

import numpy as np
import tyro
from collected_errors import MODES, Errors, Series, collected_series, coloured_objects, one_hot
from covariance_fitting import Cases, FitSettings, fit_covariance_model
from hand_fitting import fit_hand_model
from run_script import run_script

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS, load_backend
from hand_object_pose.estimation.bone_length_root import BoneLengthRootDepth, KnownBones
from hand_object_pose.estimation.bone_lengths import RelativeBones
from hand_object_pose.estimation.hand_features import HAND_FEATURES
from hand_object_pose.estimation.pose_features import FEATURES
from hand_object_pose.estimation.uncertainty_file import uncertainty_path, write_uncertainty
from hand_object_pose.estimation.uncertainty_model import UncertaintyModel

# Of an object that is hardly seen, tails are heavier.
_SETTINGS = FitSettings(others=(FEATURES.index("coloured"),))


def calibrate(
    weights: Path = DEFAULT_WEIGHTS,
    series: Series = ((500_002, 8400), (271_828, 3000), (662_607, 3000), (141_421, 3000)),
    check_series: Series = ((803_803, 6000), (929_292, 6000), (575_757, 6000)),
    folder: Path = Path("out/uncertainty"),
    out: Path | None = None,
) -> None:
    """Fit and write.

    Args:
        weights: a .safetensors file.
        series: seeds of scenes, and how many of each; ``measure_uncertainty`` has another seed.
        check_series: of those to which the regions' sizes are fitted.
        folder: keeps what was measured, so that an interrupted run goes on.
        out: the file; beside the weights unless given.
    """
    backend = load_backend(weights)
    info = backend.weights
    objects = tuple(sorted(info.objects))
    found = {mode: collected_series(backend, mode, series, folder) for mode in MODES}
    covariance_models = {}
    for mode, errors in found.items():
        checked = collected_series(backend, mode, check_series, folder)
        covariance_models[mode] = fit_covariance_model(_cases(errors, objects), _cases(checked, objects), _SETTINGS)
    hand_models = {mode: fit_hand_model(errors.hand_features, errors.hand_error) for mode, errors in found.items()}
    bias, spread = _bones(found["ground_truth"], info.hand.joint_regressor21)
    model = UncertaintyModel(
        info.hash,
        objects,
        {name: known.colours for name, known in coloured_objects(info).items() if known.colours is not None},
        FEATURES,
        HAND_FEATURES,
        covariance_models["depth_image"],
        covariance_models["ground_truth"],
        hand_models["depth_image"],
        hand_models["ground_truth"],
        bias,
        spread,
    )
    path = out or uncertainty_path(weights)
    valid = {mode: len(errors) for mode, errors in found.items()}
    made_with = {"series": series, "valid": valid, "check_series": check_series}
    write_uncertainty(path, model, {"script": "scripts/calibrate_uncertainty.py", **made_with})
    scenes = sum(count for _, count in series)
    print(f"{path}: {valid} of {scenes} scenes; depth from true bone lengths {bias:+.1%}, spread {spread:.1%}")


def _cases(errors: Errors, objects: tuple[str, ...]) -> Cases:
    return Cases(errors.features, one_hot(errors.object_name, objects), errors.axes, errors.pose_error)


def _bones(errors: Errors, regressor: FloatArray) -> tuple[float, float]:
    """By which share the depth from the true bone lengths is too large, and what its own sigma leaves unexplained."""
    shares, sigmas = [], []
    for offsets, slopes, lengths, depth in zip(
        errors.offsets, errors.slopes, errors.lengths, errors.depth, strict=True
    ):
        way = BoneLengthRootDepth(regressor, KnownBones(lengths, 0.0, 0.0, 0.0))
        found = way.of_bones(RelativeBones(offsets, slopes))
        if not found.reason:
            shares.append(found.depth / depth - 1)
            sigmas.append(found.sigma / depth)
    bias = float(np.median(shares))
    spread = 1.4826 * float(np.median(np.abs(np.array(shares) - bias)))
    return bias, float(np.sqrt(max(spread**2 - np.median(sigmas) ** 2, 0.01**2)))


if __name__ == "__main__":
    run_script(lambda: tyro.cli(calibrate))
