"""`hand-object-pose import-checkpoint`: the authors' snapshots as weights. Needs torch."""

from pathlib import Path
from typing import Annotated

import tyro

from hand_object_pose.errors import UserError


def run(snapshot: Annotated[Path, tyro.conf.Positional], objects: Path, out: Path) -> None:
    """Import a snapshot of the authors' release; it is read without executing anything, and needs no MANO file.

    The weights hold the vertex order of the authors' own object templates, so that meshes resampled here cannot
    take their place.

    Args:
        snapshot: snapshot_ho3d.pth.tar or snapshot_dexycb.pth.tar.
        objects: directory with <object>/textured_simple_2000.obj, as the authors distribute them.
        out: the .safetensors file to write.
    """
    from hand_object_pose.network.reference_import import ImportReport, import_snapshot

    if out.suffix != ".safetensors":
        raise UserError(f"--out {out}: expected a name that ends with .safetensors")
    report: ImportReport = import_snapshot(snapshot, objects, out)
    print(f"{snapshot}: {len(report.used)} tensors used")
    _list("known, without influence on the result", report.unused, shown=4)
    _list("extra, not understood and left out", report.extra)
    _list("missing, replaced by zeros (rest pose and finger labels only)", report.missing)
    if report.dead_blocks_untrained is False:
        print(
            "note: the residual graph blocks seem to have been trained, but the released forward pass does not use "
            "their results, and neither does this import"
        )
    print(f"object templates in the authors' vertex order (no resampled mesh can replace them): {report.objects}")
    print(f"wrote {out}")


def _list(what: str, names: list[str], shown: int | None = None) -> None:
    more = "" if shown is None or len(names) <= shown else f", and {len(names) - shown} more"
    print(f"{len(names)} {what}{': ' if names else ''}{', '.join(names[:shown])}{more}")
