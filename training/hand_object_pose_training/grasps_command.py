"""``hand-object-train grasps``: a library of plausible grasps as a file, and what was refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_file import load_mano
from hand_object_pose.objects.catalogue import chosen_objects
from hand_object_pose_training.contact_losses import FilterReport
from hand_object_pose_training.grasp_synthesis import GraspSynthesisConfig, synthesise_grasps


@dataclass(frozen=True)
class GraspsConfig(GraspSynthesisConfig):
    """Grasps from GrabNet's files or our generator, filtered by the paper's rule.

    Attributes:
        out: the library to write (.npz), for ``GraspLibrary.load``.
        objects: directory of the objects' meshes, such as the YCB models; the default objects if None.
        names: which of them; all if none is given.
        mano: directory with MANO_RIGHT.pkl, which GrabNet's grasps need; the default hand if None.
    """

    out: Path = Path("grasps.npz")
    objects: Path | None = None
    names: tuple[str, ...] = ()
    mano: Path | None = None


def make_grasps(config: GraspsConfig) -> dict[str, FilterReport]:
    """Write the library; returns what was refused of each object.

    Raises:
        UserError: a file is missing or is something else, an object has no plausible grasp, or ``out`` cannot be
            written.
    """
    if config.count < 1:
        raise UserError(f"--count: expected at least 1, found {config.count}")
    hand = load_mano(config.mano, "right") if config.mano is not None else default_hand()
    library, reports = synthesise_grasps(hand, chosen_objects(config.objects, config.names), config)
    try:
        library.save(config.out)
    except OSError as error:
        raise UserError(f"{config.out}: the library cannot be written ({error}); choose another --out") from error
    return reports


def total(reports: Mapping[str, FilterReport]) -> FilterReport:
    """All objects together."""
    parts = reports.values()
    return FilterReport(
        sum(part.tried for part in parts),
        sum(part.contact for part in parts),
        sum(part.penetration for part in parts),
        sum(part.kept for part in parts),
    )
