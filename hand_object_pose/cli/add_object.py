"""``hand-object-pose add-object``: a scan or CAD file becomes an entry of a catalogue."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from hand_object_pose.errors import UserError
from hand_object_pose.new_object.placing import PlacingConfig, Unit, UpAxis
from hand_object_pose.new_object.proposal import SymmetryChoice


def run(
    scan: Annotated[Path, tyro.conf.Positional],
    catalogue: Path = Path("objects"),
    name: str | None = None,
    unit: Unit | None = None,
    up: UpAxis | None = None,
    origin: Literal["centre", "file"] = "centre",
    symmetry: SymmetryChoice = "none",
    replace: bool = False,
) -> None:
    """Check a scan, repair and resample it, look for symmetries, and write it into a catalogue with a picture.

    Says what was found and what is assumed, and asks nothing: the options of a second call correct what is wrong.

    Args:
        scan: OBJ, PLY, STL or GLB file.
        catalogue: directory of the catalogue; made if it is missing.
        name: of the object; the file's name unless given.
        unit: of the file's lengths; metres where that makes an object that a hand can hold.
        up: the file's axis that points up when the object stands; y for GLB, z for others unless given.
        origin: of the object's frame: the middle of its bounding box, or the file's.
        symmetry: what to declare of the symmetries that are found: none, those of shape and colours together (look), or
            those of the shape alone.
        replace: overwrite an entry of that name that has another mesh.
    """
    try:
        from hand_object_pose.new_object.add import AddConfig, add_object
    except ImportError as error:
        raise UserError(
            f"scans cannot be prepared here ({error}); pip install 'hand_object_pose[synthesis]'"
        ) from error
    added = add_object(AddConfig(scan, catalogue, name, PlacingConfig(unit, up, origin), symmetry, replace))
    for finding in added.findings:
        print(f"  {finding}")
    model = added.model
    size = " x ".join(f"{length * 100:.1f}" for length in np.ptp(model.vertices, axis=0))
    declared = len(model.symmetries.discrete) - 1, len(model.symmetries.axes)
    print(f"{model.name}: {size} cm, {len(model.vertices)} vertices, mesh {model.hash[:12]}")
    print(f"declared: {declared[0]} rotations and {declared[1]} axes of symmetry (--symmetry {symmetry})")
    print(
        f"look at {added.picture}; then: hand-object-train adapt --object {model.name} --objects {catalogue} --out DIR"
    )
