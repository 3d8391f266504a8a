"""Which number speaks of which mistake, in words."""

from dataclasses import dataclass

import numpy as np

from hand_object_pose_training.inspection.measures import Measures


@dataclass(frozen=True)
class TruthLimits:
    """Bounds beyond which the truth is called wrong; wide enough for a depth camera's and an annotator's errors.

    Attributes:
        on_mask: least share of seen vertices, and of joints, on the mask.
        covered: greatest share of seen vertices where the mask shows neither hand nor object, but something else.
        depth: greatest median distance of seen vertices, of hand or of object, to the measured surface, metres.
        near: distance that counts as on the surface, metres.
        unit: least factor, up or down, of measured to expected depth that may be another unit; a wall behind hand and
            object may be as even, but is seldom so far away.
        spread: greatest range of the middle half of these ratios, relative to their median, if it is to be a unit.
        joint: greatest distance of an inner joint to the MANO layer's, its median over the frames, metres.
        tip: the same of fingertips, which HO3D takes from other vertices.
        regressed: the same of an inner joint to the one regressed from the mesh, which lies further inside.
        pixels: greatest median of projected joints to annotated pixels.
        corners: greatest median distance of the object's annotated corners to its mesh's, metres.
        reader: greatest distance of a sample to its files, metres.
        camera: greatest shift of its projections by an error of its camera, pixels.
        seen: least mean share of the vertices of hand and object that are seen; about a third of a free mesh is.
        fewest: seen vertices below which shares and medians say nothing.
        frames: greatest share of frames that are wrong by themselves.
        checked: least share of the frames looked at whose files can be read.
    """

    on_mask: float = 0.8
    covered: float = 0.3
    depth: float = 0.02
    near: float = 0.01
    unit: float = 3.5
    spread: float = 0.05
    joint: float = 0.005
    tip: float = 0.015
    regressed: float = 0.015
    pixels: float = 3.0
    corners: float = 0.010
    reader: float = 1e-4
    camera: float = 0.1
    seen: float = 0.05
    fewest: int = 30
    frames: float = 0.1
    checked: float = 0.5


def faults(measures: Measures, limits: TruthLimits) -> list[str]:
    """What the numbers of a frame, or of many together, say is wrong, each with what it comes from; [] if nothing."""
    return [
        *_reading(measures, limits),
        *_masks(measures, limits),
        *_covered(measures, limits),
        *_depth("hand", measures, limits),
        *_depth("object", measures, limits),
        *_hand(measures, limits),
        *_others(measures, limits),
    ]


def _reading(measures: Measures, limits: TruthLimits) -> list[str]:
    found = []
    off = measures["reader"].max()
    if off > limits.reader:
        found.append(
            f"the sample is up to {1000 * off:.1f} mm off what a plain reading of the files gives (at most "
            f"{1000 * limits.reader:g}): the index is older than the files (prepare again), or our reader is wrong"
        )
    shift = measures["shift"].max()
    if shift > limits.camera:
        found.append(
            f"the sample's camera shifts projections by up to {shift:.1f} pixels against the matrix in the files (at "
            f"most {limits.camera:g}): the index is older than the files (prepare again), or our reader is wrong"
        )
    relabelled = measures.get("relabelled", np.zeros(1)).max()
    if relabelled:
        found.append(
            f"the reader gives up to {relabelled:.0f} pixels of a mask another label than the file: a wrong id"
        )
    return found


def _masks(measures: Measures, limits: TruthLimits) -> list[str]:
    places = {"hand": "the hand's pixels", "object": "the object's pixels", "joints": "pixels of hand or object"}
    low = {
        name: measures[name].mean()
        for name in places
        if name in measures and len(measures[name]) >= _fewest(name, limits) and measures[name].mean() < limits.on_mask
    }
    if not low:
        return []
    shares = ", ".join(
        f"{share:.0%} of the {'joints' if name == 'joints' else f'seen vertices of the {name}'} fall on {places[name]}"
        for name, share in low.items()
    )
    return [f"{shares} (at least {limits.on_mask:.0%}): {_cause(set(low))}"]


def _cause(low: set[str]) -> str:
    if low == {"object"}:
        return (
            "the object's pose or mesh (models with another origin, a wrong id), or, in few frames, a thing before it"
        )
    if low <= {"hand", "joints"}:
        return "the hand's translation or flip, or the MANO files (side, shape)"
    return "the camera's frame (y and z change sign between OpenGL and OpenCV), or the matrix of another camera"


def _fewest(name: str, limits: TruthLimits) -> int:
    return 10 if name == "joints" else limits.fewest


def _covered(measures: Measures, limits: TruthLimits) -> list[str]:
    covered = measures.get("covered", np.zeros(0))
    if len(covered) < limits.fewest or covered.mean() <= limits.covered:
        return []
    return [
        f"{covered.mean():.0%} of the seen vertices fall on what is neither hand nor object in the mask (at most "
        f"{limits.covered:.0%}): the hand's id in the mask, or which object is the grasped one"
    ]


def _depth(name: str, measures: Measures, limits: TruthLimits) -> list[str]:
    gaps = np.abs(measures.get(f"depth_{name}", np.zeros(0)))
    if len(gaps) < limits.fewest or np.median(gaps) <= limits.depth:
        return []
    low, ratio, high = np.percentile(measures[f"ratio_{name}"], [25, 50, 75])
    if max(ratio, 1 / ratio) > limits.unit and high - low < limits.spread * ratio:
        cause = (
            f"measured depth is {ratio:.3g} times the expected one everywhere, which is a unit: 1000 or 0.001 is "
            "millimetres for metres, 8 is HO3D's depth taken for millimetres"
        )
    else:
        cause = (
            f"measured depth is {low:.2f} to {high:.2f} times the expected one, which is no unit: it lies elsewhere; "
            "the camera's frame or matrix, its pose or translation, or a depth image of another camera"
        )
    lie = f"seen vertices of the {name} lie {_mm(gaps)} from the measured surface"
    return [f"{lie} (at most {1000 * limits.depth:g}): {cause}"]


def _hand(measures: Measures, limits: TruthLimits) -> list[str]:
    """By the worst joint's median: two fingers that are exchanged leave the median over all joints as it is."""
    files = "the MANO files (forgot --mano?), their side, the shape, or how the pose is stored"
    found = []
    for name, joints, limit, what, cause in (
        ("inner", 16, limits.joint, "annotated joints are up to {} from the MANO layer's", f"joint order, or {files}"),
        (
            "regressed",
            16,
            limits.regressed,
            "annotated joints are up to {} from their mesh's",
            f"joint order, or {files}",
        ),
        ("tips", 5, limits.tip, "annotated tips are up to {} from the MANO layer's", "the order of the tips"),
    ):
        worst = np.median(measures.get(name, np.zeros(joints)).reshape(-1, joints), axis=0).max()
        if worst > limit:
            distance = f"{1000 * worst:.1f} mm (each joint's median)"
            found.append(f"{what.format(distance)} (at most {1000 * limit:g}): {cause}")
    return found


def _others(measures: Measures, limits: TruthLimits) -> list[str]:
    found = []
    pixels = measures.get("pixels", np.zeros(0))
    if len(pixels) and np.median(pixels) > limits.pixels:
        found.append(
            f"projected joints are {np.median(pixels):.1f} pixels (median) from `joint_2d` (at most {limits.pixels:g})"
            ": the matrix of another camera, or of another image size"
        )
    corners = measures.get("corners", np.zeros(0))
    if len(corners) and np.median(corners) > limits.corners:
        found.append(
            f"the object's annotated corners are {_mm(corners)} from its mesh's (at most {1000 * limits.corners:g}): "
            "models of another release, with another origin, or the object's pose"
        )
    return found


def _mm(gaps: np.ndarray) -> str:
    return f"{1000 * np.median(gaps):.1f} mm (median)"
