"""Build a claw hammer, none of the six objects, as a scanner would hand it out: GLB in millimetres, y up, textured.

    pip install -e '.[synthesis,assets]'
    python scripts/build_example_scan.py hammer.glb

docs/new_object.md adds it to a catalogue and adapts the default weights to it. Deterministic.
"""

from pathlib import Path

import numpy as np
import tyro
from build_default_objects import textured
from default_objects_paint import BLACK, BLUE, CREAM, GREY, ORANGE, RED, STEEL, WHITE, YELLOW, Panel
from default_objects_shapes import Shape, capsule, rounded_box, smooth_union
from numpy.typing import NDArray
from run_script import run_script

from hand_object_pose.errors import UserError

Array = NDArray[np.float64]

_HEAD_HEIGHT = 0.225
_Y_UP_IN_MILLIMETRES = 1000 * np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1e-3]])


def hammer() -> Shape:
    """25 cm long (z), its head 12 cm wide: the face towards +x, the claw bent down towards -x."""
    angles = np.linspace(0, 1.0, 7)
    arc = np.stack([-0.012 - 0.06 * np.sin(angles), 0 * angles, _HEAD_HEIGHT - 0.055 * (1 - np.cos(angles))], axis=1)
    radii = np.interp(angles, [0, 0.3, 1.0], [0.0105, 0.0085, 0.0045])

    def claw(p: Array) -> Array:
        nearest = np.full(p.shape[:-1], np.inf)
        for side in (-1.0, 1.0):
            prong = arc + np.outer(np.linspace(0.2, 1, 7), [0, 0.0095 * side, 0])
            for a, b, radius_a, radius_b in zip(prong[:-1], prong[1:], radii[:-1], radii[1:], strict=True):
                nearest = np.minimum(nearest, capsule(p, a, b, radius_a, radius_b))
        return nearest

    def distance(p: Array) -> Array:
        oval = p * (1, 1.25, 1)
        grip = capsule(oval, np.array([0, 0, 0.018]), np.array([0, 0, 0.095]), 0.0175, 0.0155)
        shaft = capsule(oval, np.array([0, 0, 0.09]), np.array([0, 0, _HEAD_HEIGHT]), 0.0125, 0.0115)
        handle = smooth_union(grip, shaft, 0.008)
        cheek = rounded_box(p - np.array([0.002, 0, _HEAD_HEIGHT]), (0.019, 0.0145, 0.0165), 0.005)
        neck = capsule(p, np.array([0.01, 0, _HEAD_HEIGHT]), np.array([0.042, 0, _HEAD_HEIGHT]), 0.0125, 0.0115)
        disc = np.stack([np.hypot(p[..., 1], p[..., 2] - _HEAD_HEIGHT), np.abs(p[..., 0] - 0.0445)], axis=-1)
        face = rounded_box(disc, (0.0165, 0.0085), 0.002)
        head = smooth_union(smooth_union(cheek, smooth_union(neck, face, 0.003), 0.006), claw(p), 0.006)
        return smooth_union(handle, head, 0.005)

    return Shape(distance, (-0.067, -0.0175, 0.0), (0.053, 0.0175, 0.2425))


def paint(p: Array, n: Array) -> Array:
    """Front (-y) and back differ along the whole handle; points from the centre of the bounding box."""
    x, z = p[:, 0] - 0.007, p[:, 2] + 0.12125
    front = Panel(0.04, 0.25, RED).box((-0.02, 0.02), (-0.125, -0.02), BLACK).box((-0.02, 0.02), (-0.06, -0.05), ORANGE)
    front.box((-0.02, 0.02), (0.02, 0.035), WHITE).disc(0, -0.09, 0.008, YELLOW)
    back = (
        Panel(0.04, 0.25, BLUE)
        .box((-0.02, 0.02), (-0.125, -0.02), GREY)
        .stripe((-0.02, -0.11), (0.02, -0.03), 0.01, CREAM)
    )
    back.box((-0.02, 0.02), (0.0, 0.012), YELLOW)
    wood = np.where((n[:, 1] < 0)[:, None], front.at(x, z - 0.125), back.at(-x, z - 0.125))
    head = np.where((x > 0.036)[:, None], np.array(STEEL, dtype=float), np.array((70.0, 74.0, 80.0)))
    head = np.where(
        (x < -0.02)[:, None], np.where((n[:, 1] < 0)[:, None], np.array(STEEL), np.array((40, 42, 46))), head
    )
    head = np.where(((x > -0.016) & (x < 0.02) & (n[:, 1] > 0.7))[:, None], np.array(YELLOW, dtype=float), head)
    return np.where((z > 0.207)[:, None] | (np.abs(x) > 0.02)[:, None], head, wood)


def build(out: tyro.conf.Positional[Path]) -> None:
    """Write the scan.

    Args:
        out: the file to write (.glb).
    """
    if out.suffix != ".glb":
        raise UserError(f"{out}: expected a name that ends with .glb")
    mesh = textured("hammer", hammer(), paint)
    mesh.apply_transform(_Y_UP_IN_MILLIMETRES)
    out.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(out)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB, size {np.ptp(mesh.vertices, 0).round()} mm")


if __name__ == "__main__":
    run_script(lambda: tyro.cli(build))
