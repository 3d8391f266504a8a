"""What was found as Markdown: two tables, and a verdict in words."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.evaluation.report.markdown import markdown_table
from hand_object_pose_training.inspection.faults import TruthLimits
from hand_object_pose_training.inspection.inspected_split import InspectedSplit
from hand_object_pose_training.inspection.measures import Measures

_PICTURES = (
    "split",
    "frames",
    "hand on its mask",
    "object on its mask",
    "joints on either",
    "depth, median (mm)",
    "depth, 95 % (mm)",
    "within 1 cm",
    "measured / expected",
)
_ANNOTATIONS = (
    "split",
    "joints to MANO's (mm)",
    "tips to MANO's (mm)",
    "joints to the mesh's (mm)",
    "`joint_2d` (pixels)",
    "object's corners (mm)",
    "sample to files (mm)",
    "camera to files (pixels)",
)
_SHOWN = 5
_NONE = ""


def page(splits: Sequence[InspectedSplit], limits: TruthLimits) -> str:
    """The whole text; splits without a single measured frame have a verdict only."""
    measured = [split for split in splits if split.frames]
    parts = [
        "Seen vertices against the pictures (median and 95 % of the absolute difference):",
        markdown_table(_PICTURES, [_pictures(split, limits) for split in measured]),
        "Annotations against each other (median, largest), and what our reader makes of them (largest):",
        markdown_table(_ANNOTATIONS, [_annotations(split) for split in measured]),
        *(_verdict(split) for split in splits),
    ]
    return "\n\n".join(parts)


def _pictures(split: InspectedSplit, limits: TruthLimits) -> list[str]:
    together = split.together
    gaps, ratios = (_of_both(together, name) for name in ("depth", "ratio"))
    gaps = np.abs(gaps)
    depth = [_NONE] * 4
    if len(gaps):
        middle, most = 1000 * np.percentile(gaps, [50, 95])
        depth = [f"{middle:.1f}", f"{most:.1f}", _share(gaps < limits.near), f"{np.median(ratios):.4f}"]
    masks = [_share(together[name]) if name in together else _NONE for name in ("hand", "object", "joints")]
    return [split.name, f"{len(split.frames)} of {split.size}", *masks, *depth]


def _annotations(split: InspectedSplit) -> list[str]:
    together = split.together
    distances = [_spread(together, name, 1000) for name in ("inner", "tips", "regressed")]
    others = [_spread(together, "pixels", 1), _spread(together, "corners", 1000)]
    reader = [f"{1000 * together['reader'].max():.3f}", f"{together['shift'].max():.3f}"]
    return [split.name, *distances, *others, *reader]


def _of_both(measures: Measures, name: str) -> NDArray:
    """One kind of number of the seen vertices of hand and object."""
    return np.concatenate([measures.get(f"{name}_{of}", np.zeros(0)) for of in ("hand", "object")])


def _spread(measures: Measures, name: str, unit: float) -> str:
    if name not in measures:
        return _NONE
    values = unit * measures[name]
    return f"{np.median(values):.2f}, {values.max():.2f}"


def _share(values: NDArray) -> str:
    return f"{100 * values.mean():.1f} %"


def _verdict(split: InspectedSplit) -> str:
    if split.too_few:
        lines = [f"**{split.name}: not checked**, {split.too_few}.", *(f"* {fault}." for fault in split.faults)]
    elif split.faults:
        lines = [f"**{split.name}: the truth is wrong.**", *(f"* {fault}." for fault in split.faults)]
    else:
        lines = [f"**{split.name}: the truth is right** as far as {_witnesses(split.together)} can tell."]
    lines += _listed("wrong by themselves", [f"{frame.key}: {frame.faults[0]}" for frame in split.wrong])
    lines += _listed("not checked", split.unchecked)
    return "\n".join(lines)


def _witnesses(measures: Measures) -> str:
    """What the sample was compared with."""
    masks = ["masks"] if {"hand", "object"} & set(measures) else []
    depth = ["depth images"] if len(_of_both(measures, "depth")) else []
    return ", ".join([*masks, *depth, "annotations among each other and files"])


def _listed(title: str, entries: list[str]) -> list[str]:
    if not entries:
        return []
    rest = [f"  * and {len(entries) - _SHOWN} more"] if len(entries) > _SHOWN else []
    count = "1 frame" if len(entries) == 1 else f"{len(entries)} frames"
    return [f"* {count} {title}:", *(f"  * {entry}" for entry in entries[:_SHOWN]), *rest]
