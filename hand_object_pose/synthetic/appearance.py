"""What a scene looks like: skin, arm, object colour, light, background, camera quality; and how to draw one at random.

Colours are linear RGB in [0, 1] unless said otherwise; directions are unit vectors in the camera's optical frame.
"""

from dataclasses import dataclass, field

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.synthetic.colour import srgb_to_linear

# sRGB. From very light to very dark, with olive and reddish tones between.
SKIN_TONES = (
    (246, 222, 206),
    (240, 206, 182),
    (231, 190, 160),
    (219, 170, 136),
    (203, 152, 114),
    (182, 132, 96),
    (160, 112, 80),
    (134, 90, 62),
    (104, 68, 48),
    (76, 51, 38),
    (56, 39, 31),
)
SLEEVE_PATTERNS = ("plain", "rings", "stripes", "checks", "melange")


@dataclass(frozen=True)
class SkinLook:
    """Skin of hand and forearm.

    Attributes:
        tone: (3,) linear RGB of the back of the hand.
        palm_lightening: 0 to 1, how far the palm goes towards a light pink.
        redness: 0 to 1, of knuckles and fingertips.
        nail: (3,) linear RGB.
        blotches: relative amplitude of the procedural variation; blotch_seed chooses it.
        specular: strength of the highlight.
    """

    tone: FloatArray
    palm_lightening: float
    redness: float
    nail: FloatArray
    blotches: float
    blotch_seed: int
    specular: float


@dataclass(frozen=True)
class SleeveLook:
    """A cloth tube over the forearm.

    Attributes:
        start: where the cuff begins, metres from the wrist's edge along the forearm; negative covers the wrist.
        looseness: its radius relative to the forearm's.
        pattern: one of ``SLEEVE_PATTERNS``; colours: (2, 3) linear RGB; period: metres.
        wrinkle_seed: chooses the folds.
    """

    start: float
    looseness: float
    pattern: str
    colours: FloatArray
    period: float
    wrinkle_seed: int


@dataclass(frozen=True)
class Light:
    """A distant light: unit direction towards it (3,), linear RGB irradiance (3,)."""

    direction: FloatArray
    colour: FloatArray


@dataclass(frozen=True)
class ObjectLook:
    """How the object's texture is changed: gain (3,) linear RGB, saturation factor, highlight strength, shininess."""

    gain: FloatArray
    saturation: float
    specular: float
    shininess: float


@dataclass(frozen=True)
class BackgroundLook:
    """Which background, and where it lies.

    Attributes:
        seed: chooses picture or pattern.
        span: what one picture covers, in normalised image coordinates (x / z); it is mirrored beyond.
        offset: (2,) its corner, in the same coordinates.
        brightness: factor on its linear colours.
    """

    seed: int
    span: float
    offset: FloatArray
    brightness: float


@dataclass(frozen=True)
class CameraLook:
    """The camera's quality.

    Attributes:
        exposure: factor on linear light; white_balance: (3,) factors.
        blur_sigma: pixels, Gaussian; motion_blur: (2,) pixels travelled during the exposure.
        noise_sigma: standard deviation in grey levels (0 to 255) at mid grey.
    """

    exposure: float = 1.0
    white_balance: FloatArray = field(default_factory=lambda: np.ones(3))
    blur_sigma: float = 0.0
    motion_blur: FloatArray = field(default_factory=lambda: np.zeros(2))
    noise_sigma: float = 0.0


@dataclass(frozen=True)
class Appearance:
    """Everything about a scene's look; the same appearance gives the same look in every frame of a sequence.

    Attributes:
        forearm_bend: (2,) radians by which the forearm turns away from the wrist's axis: flexion and deviation.
        ambient: (3,) linear RGB. lights: the first one casts shadows.
    """

    skin: SkinLook
    sleeve: SleeveLook | None
    forearm_bend: FloatArray
    object: ObjectLook
    lights: tuple[Light, ...]
    ambient: FloatArray
    background: BackgroundLook
    camera: CameraLook


def sample_appearance(rng: np.random.Generator) -> Appearance:
    """A random look: any skin tone, sleeve or bare arm, one to three lights, varied background and camera."""
    return Appearance(
        skin=_sample_skin(rng),
        sleeve=_sample_sleeve(rng) if rng.random() < 0.65 else None,
        forearm_bend=np.radians(rng.uniform((-35.0, -18.0), (35.0, 18.0))),
        object=_sample_object(rng),
        lights=_sample_lights(rng),
        ambient=rng.uniform(0.2, 0.6) * _sample_tint(rng, 0.08),
        background=_sample_background(rng),
        camera=_sample_camera(rng),
    )


def _sample_tint(rng: np.random.Generator, amount: float) -> FloatArray:
    return np.exp(rng.normal(0.0, amount, 3))


def _sample_skin(rng: np.random.Generator) -> SkinLook:
    position = rng.uniform(0, len(SKIN_TONES) - 1)
    lower = min(int(position), len(SKIN_TONES) - 2)
    table = srgb_to_linear(np.asarray(SKIN_TONES, dtype=np.float32) / 255.0)
    tone = table[lower] + (position - lower) * (table[lower + 1] - table[lower])
    tone = np.clip(tone * _sample_tint(rng, 0.06) * rng.uniform(0.85, 1.1), 0.01, 0.9)
    darkness = position / (len(SKIN_TONES) - 1)
    nail = 0.6 * tone + 0.4 * np.array([0.75, 0.45, 0.4])
    if rng.random() < 0.12:
        nail = srgb_to_linear(rng.random(3))
    return SkinLook(
        tone=tone,
        palm_lightening=float(0.1 + 0.45 * darkness * rng.uniform(0.6, 1.2)),
        redness=rng.uniform(0.1, 0.6),
        nail=nail,
        blotches=rng.uniform(0.02, 0.1),
        blotch_seed=int(rng.integers(2**31)),
        specular=rng.uniform(0.02, 0.16),
    )


def _sample_sleeve(rng: np.random.Generator) -> SleeveLook:
    first = rng.random(3) if rng.random() < 0.6 else np.full(3, rng.random())
    second = rng.random(3) if rng.random() < 0.5 else np.clip(first * rng.uniform(0.4, 1.6), 0, 1)
    return SleeveLook(
        start=rng.uniform(-0.015, 0.08),
        looseness=rng.uniform(1.12, 1.6),
        pattern=str(rng.choice(SLEEVE_PATTERNS)),
        colours=srgb_to_linear(np.stack([first, second])),
        period=rng.uniform(0.006, 0.04),
        wrinkle_seed=int(rng.integers(2**31)),
    )


def _sample_object(rng: np.random.Generator) -> ObjectLook:
    return ObjectLook(
        gain=rng.uniform(0.75, 1.1) * _sample_tint(rng, 0.06),
        saturation=rng.uniform(0.7, 1.15),
        specular=rng.uniform(0.0, 0.35),
        shininess=float(np.exp(rng.uniform(np.log(8), np.log(90)))),
    )


def _sample_lights(rng: np.random.Generator) -> tuple[Light, ...]:
    strengths = (rng.uniform(0.5, 1.3), *rng.uniform(0.1, 0.5, rng.integers(0, 3)))
    return tuple(Light(_sample_light_direction(rng), strength * _sample_tint(rng, 0.1)) for strength in strengths)


def _sample_light_direction(rng: np.random.Generator) -> FloatArray:
    """Rarely from below or from behind the scene: y points down and z away from the camera."""
    direction = rng.normal(size=3) + np.array([0.0, -0.9, -0.6])
    return direction / np.linalg.norm(direction)


def _sample_background(rng: np.random.Generator) -> BackgroundLook:
    return BackgroundLook(
        seed=int(rng.integers(2**31)),
        span=rng.uniform(0.35, 1.3),
        offset=rng.uniform(-1.0, 0.0, 2),
        brightness=float(np.exp(rng.normal(-0.1, 0.4))),
    )


def _sample_camera(rng: np.random.Generator) -> CameraLook:
    angle = rng.uniform(0, np.pi)
    length = rng.uniform(1.0, 5.0) if rng.random() < 0.2 else 0.0
    return CameraLook(
        exposure=float(np.exp(rng.normal(0.0, 0.25))),
        white_balance=_sample_tint(rng, 0.07),
        blur_sigma=rng.uniform(0.0, 1.1),
        motion_blur=length * np.array([np.cos(angle), np.sin(angle)]),
        noise_sigma=rng.uniform(0.5, 6.0),
    )
