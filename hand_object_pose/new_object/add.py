"""From a scan to an entry of a catalogue, step by step."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hand_object_pose.new_object.entry import check_name, entry_folder, write_entry
from hand_object_pose.new_object.placing import PlacingConfig, place
from hand_object_pose.new_object.proposal import SymmetryChoice, declare, entry_of, in_words
from hand_object_pose.new_object.scan_file import read_scan
from hand_object_pose.new_object.solid import drawable, solid_of
from hand_object_pose.new_object.surface_samples import SurfaceSamples
from hand_object_pose.new_object.symmetry_search import find_symmetries
from hand_object_pose.new_object.turntable import turntable
from hand_object_pose.objects.catalogue import ObjectCatalogue
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.surface_colours import SurfaceColours, has_colours

TURNTABLE = "turntable.png"


@dataclass(frozen=True)
class AddConfig:
    """What to add, and where.

    Attributes:
        scan: OBJ, PLY, STL or GLB file; catalogue: directory that the entry is written into.
        name: of the object; the file's if None.
        placing: unit, up axis and origin of the file.
        symmetry: what to declare of the symmetries found: "none", those of the whole "look", or those of the "shape".
        replace: whether an entry of that name with another mesh may be overwritten.
    """

    scan: Path
    catalogue: Path
    name: str | None = None
    placing: PlacingConfig = field(default_factory=PlacingConfig)
    symmetry: SymmetryChoice = "none"
    replace: bool = False


@dataclass(frozen=True)
class AddedObject:
    """The object as the catalogue reads it, what was found and assumed, and the picture."""

    model: ObjectModel
    findings: tuple[str, ...]
    picture: Path


def add_object(config: AddConfig) -> AddedObject:
    """Check, repair, resample, look for symmetries, write, and read the entry back.

    Raises:
        UserError: the file, its unit, the name or the choice of symmetries cannot be used; nothing is written then.
    """
    name = config.name or config.scan.stem
    check_name(name)
    mesh = read_scan(config.scan)
    placing = place(config.scan, np.asarray(mesh.vertices)[np.unique(mesh.faces)], config.placing)
    mesh.apply_transform(placing.transform)
    solid, repaired = solid_of(mesh)
    drawn, lighter = drawable(mesh)
    axes = find_symmetries(solid, SurfaceSamples(solid, SurfaceColours(drawn) if has_colours(drawn) else None))
    declared = entry_of(axes, config.symmetry)
    findings = (*placing.findings, *repaired, *([lighter] if lighter else []), *in_words(axes))
    write_entry(config.catalogue, name, drawn, solid, placing, findings, config.replace)
    declare(config.catalogue, name, declared)
    picture = entry_folder(config.catalogue, name) / TURNTABLE
    turntable(drawn, picture)
    return AddedObject(ObjectCatalogue.from_directory(config.catalogue)[name], findings, picture)
