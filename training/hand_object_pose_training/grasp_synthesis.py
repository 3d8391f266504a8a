"""Grasp synthesis (the paper's section 4.1): new grasps of known objects, the implausible ones refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.finger_closing import PosedHand, distances_to
from hand_object_pose.synthetic.grasp_library import GraspLibrary
from hand_object_pose.synthetic.grasps import Grasps
from hand_object_pose.synthetic.scene_sampler import SceneConfig
from hand_object_pose_training.contact_losses import FilterReport, GraspLimits, contact_zones, plausible
from hand_object_pose_training.grabnet import load_grabnet

HOLDING = SceneConfig(reaching_share=0.0, closing_share=0.0, pose_noise=0.0, shape_noise=0.0)
"""Scenes that show grasps as they were made and judged: nothing reaches, nothing is disturbed."""


@dataclass(frozen=True)
class GraspSynthesisConfig:
    """Where grasps come from, and which are kept.

    Attributes:
        grabnet: directory of npz files of GrabNet's grasps (see ``grabnet``); None generates grasps.
        count: generated grasps of each object, before they are filtered.
        seed: of the generator.
        limits: the paper's rule.
    """

    grabnet: Path | None = None
    count: int = 100
    seed: int = 0
    limits: GraspLimits = field(default_factory=GraspLimits)


def synthesise_grasps(
    hand: HandModel, catalogue: Mapping[str, ObjectModel], config: GraspSynthesisConfig
) -> tuple[GraspLibrary, dict[str, FilterReport]]:
    """A library of plausible grasps, and how many of each object's were refused.

    Args:
        hand: a right hand; catalogue: objects by name. GrabNet's files need not hold all of them.
        config: see there.

    Raises:
        UserError: no file, a file that is not as described, or an object none of whose grasps is plausible.
        UnknownObjectError: a file's object is not in the catalogue.
    """
    if config.grabnet is not None:
        library = _from_files(hand, catalogue, config.grabnet)
    else:
        library = GraspLibrary.generate(hand, catalogue, config.count, config.seed)
    return filter_library(library, hand, catalogue, config.limits)


def filter_library(
    library: GraspLibrary, hand: HandModel, catalogue: Mapping[str, ObjectModel], limits: GraspLimits
) -> tuple[GraspLibrary, dict[str, FilterReport]]:
    """The plausible grasps of a library, and how many of each object's were refused.

    Args:
        library: such as the shipped one; hand: the one it was made for; catalogue: its objects at least.
        limits: the rule.

    Raises:
        UserError: the library is for another hand or mesh, or none of an object's grasps is plausible.
    """
    library.require_hand(hand)
    kept: dict[str, Grasps] = {}
    reports: dict[str, FilterReport] = {}
    for name in library.object_names:
        model = catalogue[name]
        kept[name], reports[name] = keep_plausible(hand, model, library.of(model), limits)
        if not len(kept[name]):
            raise UserError(f"grasps of '{name}': {reports[name]}; are hand and object of one scale, in metres?")
    hashes = {name: catalogue[name].hash for name in kept}
    return GraspLibrary(kept, hashes, hand.hash, library.where), reports


def keep_plausible(
    hand: HandModel, model: ObjectModel, grasps: Grasps, limits: GraspLimits
) -> tuple[Grasps, FilterReport]:
    """The grasps that keep the limits, and the count."""
    posed, zones = PosedHand(hand), contact_zones(hand)
    vertices, _ = posed.mesh(grasps.pose, grasps.betas)
    mask, report = plausible(distances_to(grid_of(model), grasps.T_object_wrist, vertices), zones, limits)
    return grasps[mask], report


def _from_files(hand: HandModel, catalogue: Mapping[str, ObjectModel], directory: Path) -> GraspLibrary:
    paths = sorted(directory.glob("*.npz"))
    if not paths:
        raise UserError(f"{directory}: expected npz files of GrabNet's grasps, found none")
    found: dict[str, list[Grasps]] = {}
    for path in paths:
        name, grasps = load_grabnet(path, hand)
        if name not in catalogue:
            raise UnknownObjectError(name, list(catalogue), f"the catalogue ({path})")
        found.setdefault(name, []).append(grasps)
    joined = {name: Grasps.joined(parts) for name, parts in found.items()}
    hashes = {name: catalogue[name].hash for name in joined}
    return GraspLibrary(joined, hashes, hand.hash, str(directory))
