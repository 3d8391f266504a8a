"""The skin of a hand model: where palm, knuckles, fingertips and nails are, and what colour they have."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.meshes import vertex_normals
from hand_object_pose.hand.flexion import bone_directions, flexion_axes, palm_normal
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.joints import FINGERTIPS, MANO_JOINT_FINGER
from hand_object_pose.synthetic.appearance import SkinLook

_PALM_TINT = np.array([0.78, 0.45, 0.35])
_RED_TINT = np.array([1.05, 0.72, 0.68])
_KNUCKLES = (2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15, 17, 18, 19)


@dataclass(frozen=True)
class NailFrames:
    """The five nails at rest: centre (5, 3), directions along, across and out (5, 3), half sizes (5, 2); metres."""

    centre: FloatArray
    along: FloatArray
    across: FloatArray
    outward: FloatArray
    half_size: FloatArray


@dataclass(frozen=True)
class SkinMap:
    """Where things are on a hand, in its rest pose.

    Attributes:
        rest: (778, 3) template, metres.
        palm: (778,) 0 on the back of the hand to 1 on the palm side.
        red: (778,) 0 to 1, knuckles and fingertips.
        nails: see ``NailFrames``.
    """

    rest: FloatArray
    palm: FloatArray
    red: FloatArray
    nails: NailFrames

    @staticmethod
    def of(hand: HandModel) -> "SkinMap":
        """Derive the map from template, joints and skinning, for any hand model of either side."""
        rest = np.asarray(hand.v_template, dtype=np.float64)
        joints = hand.joint_regressor21 @ rest
        normals = vertex_normals(rest, np.asarray(hand.faces))
        facing = normals @ palm_normal(hand)
        nails = _nail_frames(hand, rest, joints)
        return SkinMap(rest, _smoothstep(facing, -0.35, 0.5), _red_parts(rest, joints, facing), nails)


def skin_vertex_colours(skin: SkinMap, look: SkinLook) -> FloatArray:
    """Linear RGB (778, 3) of the skin without nails and blotches."""
    lightness = look.tone.mean() / _PALM_TINT.mean()
    palm_colour = _PALM_TINT * max(1.0, 1.1 * lightness)
    share = (look.palm_lightening * skin.palm)[:, None]
    colours = (1 - share) * look.tone + share * palm_colour
    return colours * (1.0 + (look.redness * skin.red)[:, None] * (_RED_TINT - 1.0))


def skin_detail(rest_points: NDArray[np.float32], colours: NDArray[np.float32], look: SkinLook) -> NDArray[np.float32]:
    """Colours (N, 3) with smooth procedural blotches, a function of the points (N, 3) in the rest pose, metres."""
    rng = np.random.default_rng(look.blotch_seed)
    sizes = np.repeat([0.03, 0.011], [6, 8])[:, None]
    count = len(sizes)
    waves = (rng.normal(size=(count, 3)) * 2 * np.pi / sizes / np.sqrt(3)).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    tints = rng.normal(1.0, 0.3, (count, 3)) * np.repeat([1.3, 0.6], [6, 8])[:, None] * look.blotches / np.sqrt(count)
    return colours * (1 + np.sin(rest_points @ waves.T + phases) @ tints.astype(np.float32))


def nail_coverage(rest_points: NDArray[np.float32], nails: NailFrames) -> NDArray[np.float32]:
    """How much (N,), 0 to 1, the points (N, 3) of the hand's surface in the rest pose belong to a nail."""
    coverage = np.zeros(len(rest_points), dtype=np.float32)
    for finger in range(5):
        local = rest_points - nails.centre[finger].astype(np.float32)
        axes = np.stack([nails.along[finger], nails.across[finger], nails.outward[finger]]).astype(np.float32)
        along, across, outward = (local @ axes.T).T
        length, width = nails.half_size[finger]
        # A superellipse: nails are rounder than boxes and squarer than ellipses.
        radius = np.abs(along / length) ** 3 + np.abs(across / width) ** 3
        inside = _smoothstep(radius, 1.25, 0.75) * (outward > -0.55 * width) * (np.abs(outward) < 0.02)
        np.maximum(coverage, inside.astype(np.float32), out=coverage)
    return coverage


def _red_parts(rest: FloatArray, joints: FloatArray, facing: FloatArray) -> FloatArray:
    knuckles = np.min([np.linalg.norm(rest - joints[joint], axis=1) for joint in _KNUCKLES], axis=0)
    tips = np.min([np.linalg.norm(rest - joints[tip], axis=1) for tip in FINGERTIPS], axis=0)
    on_back = _smoothstep(-facing, 0.1, 0.7)
    return np.clip(np.exp(-((knuckles / 0.011) ** 2)) * on_back + 0.8 * np.exp(-((tips / 0.014) ** 2)), 0.0, 1.0)


def _nail_frames(hand: HandModel, rest: FloatArray, joints: FloatArray) -> NailFrames:
    closing_axes, bones = flexion_axes(hand), bone_directions(hand)
    frames = []
    for finger, tip in enumerate(FINGERTIPS):
        last = MANO_JOINT_FINGER[1:].index(finger) + 2
        along, across = bones[last], closing_axes[last]
        outward = np.cross(along, across)
        bone = joints[tip] - joints[tip - 1]
        width = _half_width(rest, joints[tip] - 0.3 * bone, along, across)
        half_size = np.array([1.15 * 0.72 * width, 0.72 * width])
        inner = joints[tip] - along * (half_size[0] + 0.1 * width)
        centre = inner + outward * _height(rest, inner, along, across, outward, width)
        frames.append((centre, along, across, outward, half_size))
    return NailFrames(*(np.stack(parts) for parts in zip(*frames, strict=True)))


def _half_width(rest: FloatArray, point: FloatArray, along: FloatArray, across: FloatArray) -> float:
    local = rest - point
    near = (np.abs(local @ along) < 0.006) & (np.linalg.norm(local, axis=1) < 0.016)
    return float(np.clip(np.abs(local[near] @ across).max(initial=0.005), 0.005, 0.012))


def _height(
    rest: FloatArray, point: FloatArray, along: FloatArray, across: FloatArray, outward: FloatArray, width: float
) -> float:
    """How far the back of the finger lies above a point inside it."""
    local = rest - point
    near = (np.abs(local @ along) < 0.006) & (np.abs(local @ across) < width) & (np.abs(local @ outward) < 0.016)
    return float((local[near] @ outward).max(initial=0.004))


def _smoothstep(values: FloatArray, low: float, high: float) -> FloatArray:
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return share * share * (3 - 2 * share)
