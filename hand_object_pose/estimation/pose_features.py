"""What an estimate of an object's pose tells about its own error: numbers that are known when it is published.

The pose, the rough mesh and the network's vote are three answers to one question. Where they agree, and the depth image
fits, the pose is nearly always right to a few millimetres; where they do not, it may lie beside the object, or be
turned half round.
"""

import math

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.colour_evidence import colour_evidence
from hand_object_pose.estimation.confidence import confidence
from hand_object_pose.estimation.lift import object_to_camera
from hand_object_pose.estimation.object_fit import turned_apart
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.surface_evidence import surface_evidence
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import kabsch, pose_matrix, rotation_from_wxyz, transform_points
from hand_object_pose.hand.joints import WRIST
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.objects.object_model import Symmetries
from hand_object_pose.objects.symmetry import nearest_equivalent_pose

FEATURES = (
    "fitted",
    "distance",
    "residual",
    "object_deformation",
    "object_turned",
    "beside_x",
    "beside_y",
    "behind",
    "rough_turn",
    "voted_turn",
    "rough_voted_turn",
    "votes_beside",
    "votes_behind",
    "doubt",
    "root_sigma",
    "root_rejected",
    "hand_deformation",
    *(f"camera_{axis}" for axis in ("x", "y", "z")),
    *(f"wrist_{axis}" for axis in ("x", "y", "z")),
    *(f"hand_distance_{share}" for share in ("least", "5", "25", "50")),
    "hand_touching",
    "hand_inside",
    "hand_depth",
    "measured",
    "near_share",
    "measured_share",
    "gap",
    *(f"left_open_{axis}" for axis in ("x", "y", "ray", "turn_1", "turn_2", "turn_3")),
    "step",
    "step_turn",
    "surface_residual",
    "behind_surface",
    "before_surface",
    "coloured",
    "colour_agreement",
)
"""Names of what ``pose_features`` returns, in its order.

All but the first, the shares and what is said below are logarithms: whether the pose was fitted to a depth image; the
distance from the camera; the fit's residual; how far the rough mesh is from a rigid copy of the object, and from the
posed object; how far its middle lies beside the posed object's (two directions across the viewing ray) and behind it;
angles between the pose, the rough mesh and the vote; the votes' spread beside and along the viewing ray; one over the
confidence, less one; the root depth's sigma and the share of depths that it rejects; how far the hand's proportions are
from a hand's; not as logarithms, in the object's own axes, the direction to the camera and the place of the wrist from
the object's middle, and quantiles of the signed distances of the hand's vertices from the object; the shares of those
that touch it and that lie inside, and the mean depth inside; ``SurfaceEvidence`` of the posed object, its covariance
about ``error_axes``; and ``ColourEvidence``.
"""

# Added before the logarithm, so that perfect agreement is a number: metres, radians, shares.
_LENGTH, _ANGLE, _SHARE = 0.002, 0.03, 0.001
_STEP, _STEP_TURN, _FEW = 0.0005, 0.005, 0.003
# Metres from the object at which a hand's vertex touches it, and inside it at which it should not be.
_TOUCHING, _INSIDE = 0.005, 0.002
# Where there is no fit, and where no depth image gave the wrist's depth.
_NO_RESIDUAL, _NO_REJECTION = 0.008, 0.2


def pose_features(seen: Observation) -> FloatArray:
    """(47,) ``FEATURES`` of an observation."""
    lifted, model, evidence, root = seen.lifted, seen.model, seen.evidence(), seen.root
    pose, rough = lifted.object_pose, kabsch(model.vertices, lifted.rough_object)
    voted, axes = _voted_pose(seen), error_axes(seen)
    view = axes[:3, :3]
    middle = transform_points(pose, model.vertices).mean(axis=0)
    beside = np.abs(view.T @ (middle - lifted.rough_object.mean(axis=0))) + _LENGTH
    spread = np.sqrt(np.diag(view.T @ seen.vote_covariance()[:3, :3] @ view)) + _LENGTH / 10
    turns = [turn_between(*pair, model.symmetries) for pair in ((pose, rough), (pose, voted), (rough, voted))]
    sure = min(max(confidence(evidence), _SHARE), 1 - _SHARE)
    fitted = math.isfinite(seen.object_residual)
    logarithms = [
        middle[2],
        seen.object_residual if fitted else _NO_RESIDUAL,
        (evidence.object_deformation or 0.0) + _SHARE,
        turned_apart(lifted.rough_object, pose, model) + 10 * _SHARE,
        *beside,
        *(turn + _ANGLE for turn in turns),
        spread[0],
        spread[2],
        1 / sure - 1,
        root.sigma + _SHARE,
    ]
    rejected = _NO_REJECTION if math.isnan(root.support) else 1 - root.support
    deformed = math.log(evidence.hand_deformation + _SHARE)
    plain = float(fitted), *np.log(logarithms), rejected, deformed
    return np.array([*plain, *_grasp_features(seen), *_surface_features(seen, axes), *_colour_features(seen)])


def _grasp_features(seen: Observation) -> FloatArray:
    """(13,) how the posed object lies before the camera and in the hand."""
    pose, hand = seen.lifted.object_pose, seen.lifted.hand
    own, middle = pose[:3, :3], transform_points(pose, seen.model.vertices).mean(axis=0)
    wrist = (seen.lifted.joints[WRIST] - middle) @ own
    distances = grid_of(seen.model).distance((hand - pose[:3, 3]) @ own)
    quantiles = np.quantile(distances, [0.0, 0.05, 0.25, 0.5])
    touching, inside = (np.abs(distances) < _TOUCHING).mean(), (distances < -_INSIDE).mean()
    depth = -distances.clip(max=0).mean()
    shares = np.log([touching + _FEW, inside + _FEW, depth + _SHARE])
    return np.array([*(-middle / np.linalg.norm(middle)) @ own, *wrist, *quantiles, *shares])


def _surface_features(seen: Observation, axes: FloatArray) -> FloatArray:
    """(15,) about ``error_axes`` (6, 6); zeros where nothing was fitted to a depth image."""
    if not seen.is_measured:
        return np.zeros(15)
    posed = transform_points(seen.lifted.object_pose, seen.model.vertices)
    hand = TriangleMesh(seen.lifted.hand, seen.weights.hand.faces_of(seen.side))
    surface = surface_evidence(seen.frame, TriangleMesh(posed, seen.model.faces), hand)
    left_open = np.sqrt(np.diag(axes.T @ surface.covariance @ axes))
    shares = (surface.near + 1) / (surface.measured + 2), surface.measured / (surface.seen + 1)
    gap = _NO_RESIDUAL if math.isnan(surface.gap) else surface.gap + _SHARE
    moving = np.log([np.linalg.norm(surface.step[:3]) + _STEP, np.linalg.norm(surface.step[3:]) + _STEP_TURN])
    held = math.log(surface.measured + 5), *shares, math.log(gap), *np.log(left_open)
    return np.array([*held, *moving, math.log(surface.residual + _SHARE), surface.behind, surface.before])


def _colour_features(seen: Observation) -> FloatArray:
    """(2,) how many vertices' colours are compared, and how well they agree."""
    hand = TriangleMesh(seen.lifted.hand, seen.weights.hand.faces_of(seen.side))
    found = colour_evidence(seen.frame, seen.model, seen.lifted.object_pose, hand)
    return np.array([math.log(found.compared + 5), found.agreement])


def viewing_axes(seen: Observation) -> FloatArray:
    """(3, 3) columns: two directions across the viewing ray to the middle of the posed object, and that ray."""
    ray = transform_points(seen.lifted.object_pose, seen.model.vertices).mean(axis=0)
    ray = ray / np.linalg.norm(ray)
    axis = np.cross([0.0, 0.0, 1.0], ray)
    turn = axis / max(float(np.linalg.norm(axis)), 1e-12) * math.acos(min(max(float(ray[2]), -1.0), 1.0))
    return Rotation.from_rotvec(turn).as_matrix()


def error_axes(seen: Observation) -> FloatArray:
    """(6, 6) columns about which errors are nearly independent: ``viewing_axes``, then the object's own axes.

    From errors about these axes to errors x, y, z, rx, ry, rz in the camera frame.
    """
    axes = np.zeros((6, 6))
    axes[:3, :3], axes[3:, 3:] = viewing_axes(seen), seen.lifted.object_pose[:3, :3]
    return axes


def turn_between(first: FloatArray, second: FloatArray, symmetries: Symmetries) -> float:
    """The angle in radians between two poses (4, 4), the second one taken as near as the object's symmetries allow."""
    nearest = nearest_equivalent_pose(second, first, symmetries)
    return float(Rotation.from_matrix(first[:3, :3].T @ nearest[:3, :3]).magnitude())


def _voted_pose(seen: Observation) -> FloatArray:
    """(4, 4) where the network's votes put the object, whatever a fit made of it."""
    lifted = seen.lifted
    rotation, translation = object_to_camera(
        rotation_from_wxyz(seen.output.quaternion),
        lifted.translation[None],
        lifted.joints[None, WRIST],
        seen.view.viewing_rotation[None],
    )
    return pose_matrix(rotation, translation)[0]
