"""How much of the truth the published covariances hold, on scenes that took no part in fitting them.

    python scripts/measure_uncertainty.py --out docs/images/uncertainty.png

Prints Markdown tables and draws a reliability diagram. Three ways to the wrist's depth: by depth image, the truth, and
by the bone lengths of a hand whose size nobody has measured: as many times as large as a mean hand as chance (a normal
distribution with ``hand_calibration.SIZE_SPREAD``) will have it.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import tyro
from collected_errors import Errors, collected_errors, one_hot
from run_script import run_script
from scipy.stats import chi2, norm, spearmanr

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS, load_backend
from hand_object_pose.estimation.bone_length_root import BoneLengthRootDepth, KnownBones
from hand_object_pose.estimation.bone_lengths import RelativeBones
from hand_object_pose.estimation.hand_calibration import SIZE_SPREAD
from hand_object_pose.estimation.pose_features import FEATURES
from hand_object_pose.estimation.uncertainty import joint_sigmas
from hand_object_pose.estimation.uncertainty_model import CovarianceModel, HandSigmaModel, UncertaintyModel
from hand_object_pose.evaluation.report.markdown import markdown_table

SHARES = (0.5, 0.68, 0.95)
AXES = ("x", "y", "z", "rx", "ry", "rz")
_ELLIPSOID = "position (ellipsoid)"


@dataclass(frozen=True)
class Judged:
    """Errors (N, 6) and covariances (N, 6, 6) in the camera frame."""

    errors: FloatArray
    covariances: FloatArray

    @property
    def sigmas(self) -> FloatArray:
        """(N, 6)."""
        return np.sqrt(np.einsum("nii->ni", self.covariances))

    @property
    def levels(self) -> dict[str, FloatArray]:
        """Of each axis and of the ellipsoid, which region would just hold the truth (N,), as its share."""
        each = 2 * norm.cdf(np.abs(self.errors) / self.sigmas) - 1
        place = self.errors[:, :3]
        squares = np.einsum("ni,nij,nj->n", place, np.linalg.inv(self.covariances[:, :3, :3]), place)
        return {**dict(zip(AXES, each.T, strict=True)), _ELLIPSOID: chi2.cdf(squares, 3)}

    def likelihoods(self) -> tuple[float, float]:
        """Mean negative log likelihood, and that of the best constant covariance; without the constant of 2 pi."""
        squares = np.einsum("ni,nij,nj->n", self.errors, np.linalg.inv(self.covariances), self.errors)
        own = 0.5 * float((squares + np.linalg.slogdet(self.covariances)[1]).mean())
        constant = self.errors.T @ self.errors / len(self.errors)
        return own, 0.5 * float(len(AXES) + np.linalg.slogdet(constant)[1])


def measure(
    weights: Path = DEFAULT_WEIGHTS,
    scenes: int = 6000,
    seed: int = 424_242,
    folder: Path = Path("out/uncertainty"),
    out: Path = Path("out/uncertainty/reliability.png"),
) -> None:
    """Print the tables and draw the picture for ``scenes`` scenes of ``seed``; ``folder`` keeps what was measured.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        scenes: how many.
        seed: of the scenes.
        folder: keeps what was measured; an interrupted run goes on from it.
        out: the picture to draw (.png).
    """
    backend = load_backend(weights)
    model = backend.weights.uncertainty
    if model is None:
        raise SystemExit(f"{weights}: comes without an uncertainty model; run scripts/calibrate_uncertainty.py")
    measured = collected_errors(backend, "depth_image", scenes, seed, folder)
    voted = collected_errors(backend, "ground_truth", scenes, seed, folder)
    judged = {
        "depth image": _judged(measured, model.measured, model.objects),
        "true depth": _judged(voted, model.voted, model.objects),
        "bone lengths": _by_bone_lengths(voted, model, backend.weights.hand.joint_regressor21, seed),
    }
    for name, found in judged.items():
        _print(name, found, scenes)
    regressor = backend.weights.hand.joint_regressor21
    for name, errors, hand in (
        ("depth image", measured, model.measured_hand),
        ("true depth", voted, model.voted_hand),
    ):
        _print_hand(name, errors, hand, regressor)
    for name, errors in (("depth image", measured), ("true depth", voted)):
        _print_votes(name, errors)
    _print_colours(measured)
    _draw(judged, out)


def _judged(errors: Errors, model: CovarianceModel, objects: tuple[str, ...]) -> Judged:
    chosen = one_hot(errors.object_name, objects)
    return Judged(errors.pose_error, model.covariances(errors.features, chosen, errors.axes))


def _by_bone_lengths(errors: Errors, model: UncertaintyModel, regressor: FloatArray, seed: int) -> Judged:
    """The object moves along ``root_direction`` with the wrist's depth, and its covariance grows there."""
    sizes = np.random.default_rng(seed).normal(1.0, SIZE_SPREAD, len(errors))
    believed = errors.lengths / sizes[:, None]
    known = [KnownBones(lengths, SIZE_SPREAD, model.bone_bias, model.bone_spread) for lengths in believed]
    bones = [RelativeBones(*each) for each in zip(errors.offsets, errors.slopes, strict=True)]
    roots = [BoneLengthRootDepth(regressor, one).of_bones(two) for one, two in zip(known, bones, strict=True)]
    found = np.array([not root.reason for root in roots])
    shift = np.array([root.depth for root in roots]) - errors.depth
    sigma = np.array([root.sigma for root in roots])
    plain, direction = _judged(errors, model.voted, model.objects), errors.root_direction
    moved, covariances = plain.errors.copy(), plain.covariances.copy()
    moved[:, :3] += shift[:, None] * direction
    covariances[:, :3, :3] += sigma[:, None, None] ** 2 * direction[:, :, None] * direction[:, None, :]
    scores = np.abs(shift[found]) / sigma[found]
    print(
        f"depth from bone lengths, {found.sum()} scenes: median error {100 * np.median(np.abs(shift[found])):.1f} cm, "
        f"within one sigma {(scores < 1).mean():.1%}, within two {(scores < 2).mean():.1%}"
    )
    return Judged(moved[found], covariances[found])


def _print(name: str, judged: Judged, scenes: int) -> None:
    sigmas, rows = judged.sigmas, []
    for number, (axis, level) in enumerate(judged.levels.items()):
        held = [f"{100 * (level < share).mean():.1f}" for share in SHARES]
        if axis == _ELLIPSOID:
            size, error = np.sqrt(np.square(sigmas[:, :3]).sum(axis=1)), np.linalg.norm(judged.errors[:, :3], axis=1)
        else:
            size, error = sigmas[:, number], np.abs(judged.errors[:, number])
        unit, factor = ("degrees", 180 / np.pi) if axis.startswith("r") else ("mm", 1000.0)
        rows.append([axis, *held, f"{spearmanr(size, error).statistic:.2f}", f"{factor * np.median(size):.1f} {unit}"])
    print(f"\n{name}: {len(judged.errors)} valid estimates of {scenes} scenes\n")
    columns = ["", *(f"{share:.0%} region holds (%)" for share in SHARES), "rank correlation", "median sigma"]
    print(markdown_table(columns, rows))
    own, constant = judged.likelihoods()
    print(f"\nnegative log likelihood {own:.2f}; of the best constant covariance {constant:.2f}")


def _print_hand(name: str, errors: Errors, model: HandSigmaModel, regressor: FloatArray) -> None:
    """Of the hand's vertices and of its joints, what balls hold, whose radius is that of a Gaussian with that sigma."""
    vertices = model.sigmas(errors.hand_features)
    joints = np.stack([joint_sigmas(sigma, regressor) for sigma in vertices])
    rows = []
    for part, sigma, distance in (
        ("vertices", vertices, errors.hand_error),
        ("joints", joints, errors.joint_error),
    ):
        held = [f"{100 * (distance < sigma * np.sqrt(chi2.ppf(share, 3))).mean():.1f}" for share in SHARES]
        rank = spearmanr(sigma.ravel(), distance.ravel()).statistic
        rows.append([part, *held, f"{rank:.2f}", f"{1000 * np.median(sigma):.1f} mm"])
    print(f"\nhand, {name}\n")
    columns = ["", *(f"{share:.0%} ball holds (%)" for share in SHARES), "rank correlation", "median sigma"]
    print(markdown_table(columns, rows))


def _print_votes(name: str, errors: Errors) -> None:
    """What the network's own spread would tell by itself."""
    spread = errors.features[:, [FEATURES.index("votes_beside"), FEATURES.index("votes_behind")]]
    place = np.linalg.norm(errors.pose_error[:, :3], axis=1)
    beside, behind = (spearmanr(column, place).statistic for column in spread.T)
    print(f"{name}: rank correlation of votes' spread and error in place: beside {beside:.2f}, along {behind:.2f}")


def _print_colours(errors: Errors) -> None:
    """How well the object's colours agree with the image, by how far the pose is turned away."""
    agreement = errors.features[:, FEATURES.index("colour_agreement")]
    turned = np.degrees(np.linalg.norm(errors.pose_error[:, 3:], axis=1))
    for low, high in pairwise((0, 3, 10, 30, 90, 180)):
        found = agreement[(turned >= low) & (turned <= high)]
        spread = ", ".join(f"{value:.2f}" for value in np.quantile(found, [0.1, 0.5, 0.9])) if len(found) else "-"
        print(f"turned by {low} to {high} degrees, {len(found)} scenes: colours agree by {spread} (10, 50, 90 %)")


def _draw(judged: dict[str, Judged], out: Path) -> None:
    """For every region's share, how much of the truth it holds."""
    import matplotlib.pyplot as plt

    shares = np.linspace(0, 1, 101)
    figure, panels = plt.subplots(1, len(judged), figsize=(5 * len(judged), 5), sharey=True)
    for panel, (name, found) in zip(panels, judged.items(), strict=True):
        panel.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle=":")
        for axis, level in found.levels.items():
            held = [(level < share).mean() for share in shares]
            panel.plot(shares, held, label=axis, linewidth=2.2 if axis == _ELLIPSOID else 1.2)
        panel.errorbar([0.68, 0.95], [0.68, 0.95], yerr=[0.05, 0.03], fmt="none", ecolor="black", capsize=4)
        panel.set(title=f"wrist's depth: {name}", xlabel="region's share", aspect="equal")
    panels[0].set_ylabel("share of true poses in the region")
    panels[0].legend()
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=80, bbox_inches="tight")


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
