"""Procedural backgrounds: rooms, surfaces and clutter, varied enough that plainness says nothing about a pixel."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Painter = Callable[[np.random.Generator, int], Picture]


def paint_surface(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """One surface of a random kind, sRGB (size, size, 3) uint8."""
    return _as_bytes(PAINTERS[rng.integers(len(PAINTERS))](rng, size))


def compose_background(rng: np.random.Generator, surfaces: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """A background from the surfaces (S, S, 3) uint8 that lie on either side of an edge, or from one: recoloured,
    turned, often with clutter, unevenly lit, often out of focus.
    """
    turned = [_turned(rng, surface) for surface in surfaces]
    picture = turned[0] if len(turned) == 1 else _join(rng, turned[0], turned[1])
    if rng.random() < 0.55:
        _add_clutter(rng, picture, int(rng.integers(2, 16)))
    picture = _unevenly_lit(rng, picture)
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 3.5))
    return np.asarray(picture, dtype=np.uint8)


def _turned(rng: np.random.Generator, surface: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The surface mirrored, transposed, zoomed, its colours exchanged and scaled."""
    size = len(surface)
    side = int(rng.integers(size // 2, size + 1))
    left, top = rng.integers(0, size - side + 1, 2)
    cut = surface[top : top + side, left : left + side]
    cut = cut[:: rng.choice((-1, 1)), :: rng.choice((-1, 1)), rng.permutation(3) if rng.random() < 0.5 else slice(None)]
    if rng.random() < 0.25:
        cut = cut.transpose(1, 0, 2)
    resized = cv2.resize(np.ascontiguousarray(cut), (size, size), interpolation=cv2.INTER_LINEAR)
    gain = rng.uniform(0.5, 1.2) * np.exp(rng.normal(0, 0.1, 3))
    table = _as_bytes(np.arange(256)[:, None] * gain + rng.uniform(-20, 40)).reshape(1, 256, 3)
    return np.asarray(cv2.LUT(resized, table), dtype=np.uint8)


def _unevenly_lit(rng: np.random.Generator, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = len(picture)
    lights = (1.0 + rng.uniform(0, 0.35) * rng.normal(size=(4, 4))).astype(np.float32)
    smooth = cv2.resize(lights, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.multiply(picture, cv2.merge([smooth] * 3), dtype=cv2.CV_8U), dtype=np.uint8)


def _as_bytes(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.clip(values, 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    """Most colours are dull, as in rooms; some look like skin."""
    kind = rng.random()
    if kind < 0.6:
        colour = rng.uniform(10, 245) * np.exp(rng.normal(0, 0.12, 3))
    elif kind < 0.72:
        colour = np.array([225.0, 175.0, 140.0]) * rng.uniform(0.3, 1.1) * np.exp(rng.normal(0, 0.06, 3))
    else:
        colour = rng.uniform(0, 255, 3)
    return np.clip(colour, 0, 255).astype(np.float32)


def _noise(rng: np.random.Generator, size: int, channels: int, first: int = 2, octaves: int = 6) -> Picture:
    """Fractal value noise (size, size, channels) about 0.5."""
    total = np.zeros((size, size, channels), dtype=np.float32)
    roughness = rng.uniform(0.4, 0.75)
    for octave in range(octaves):
        cells = min(first * 2**octave + 1, size)
        grid = rng.random((cells, cells, channels), dtype=np.float32) - 0.5
        layer = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        total += roughness**octave * layer.reshape(size, size, channels)
    return total + 0.5


def _gradient(rng: np.random.Generator, size: int) -> Picture:
    corners = np.stack([_colour(rng) for _ in range(4)]).reshape(2, 2, 3)
    spread = rng.uniform(0.1, 1.0)
    corners = corners.mean(axis=(0, 1)) + spread * (corners - corners.mean(axis=(0, 1)))
    return cv2.resize(corners.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)


def _clouds(rng: np.random.Generator, size: int) -> Picture:
    """Noise between two colours: plaster, cloth, foliage."""
    share = np.clip((_noise(rng, size, 1, int(rng.integers(2, 12))) - 0.5) * rng.uniform(0.8, 2.5) + 0.5, 0, 1)
    return (1 - share) * _colour(rng) + share * _colour(rng)


def _colour_clouds(rng: np.random.Generator, size: int) -> Picture:
    return np.clip((_noise(rng, size, 3, int(rng.integers(2, 8))) - 0.5) * rng.uniform(100, 350) + _colour(rng), 0, 255)


def _stripes(rng: np.random.Generator, size: int) -> Picture:
    x, y = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    angle, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(6), np.log(80)))
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * np.float32(2 * np.pi / period))
    if rng.random() < 0.3:
        wave = wave * np.sin((y * np.cos(angle) - x * np.sin(angle)) * np.float32(2 * np.pi / period))
    share = np.clip(wave * rng.uniform(0.7, 6.0) + 0.5, 0, 1)[..., None]
    return (1 - share) * _colour(rng) + share * _colour(rng)


def _wood(rng: np.random.Generator, size: int) -> Picture:
    """Grain: noise stretched along one direction, in boards."""
    stretch = int(rng.integers(6, 20))
    grain = _noise(rng, size, 1, 8)[::stretch]
    grain = cv2.resize(grain, (size, size), interpolation=cv2.INTER_CUBIC).reshape(size, size, 1)
    base = np.array([170.0, 120.0, 75.0]) * rng.uniform(0.3, 1.3) * np.exp(rng.normal(0, 0.12, 3))
    picture = base.astype(np.float32) * (1.0 + rng.uniform(0.2, 0.8) * (grain - 0.5))
    width = int(rng.integers(size // 8, size))
    for start in range(int(rng.integers(width)), size, width):
        picture[:, start : start + width] *= rng.uniform(0.8, 1.2)
        picture[:, start : start + 2] *= 0.5
    return picture if rng.random() < 0.5 else np.ascontiguousarray(picture.transpose(1, 0, 2))


def _tiles(rng: np.random.Generator, size: int) -> Picture:
    picture = np.empty((size, size, 3), dtype=np.float32)
    picture[:] = _colour(rng)
    width, height = rng.integers(size // 14, size // 3, 2)
    face, spread = _colour(rng), rng.uniform(0, 0.25)
    for row, top in enumerate(range(-int(rng.integers(height)), size, height)):
        shift = (row % 2) * (width // 2)
        for left in range(-int(shift), size, width):
            _rectangle(picture, left + 1, top + 1, width - 3, height - 3, face * (1 + spread * rng.normal()))
    return picture


def _shelf(rng: np.random.Generator, size: int) -> Picture:
    """Rows of upright rectangles, like books or boxes."""
    picture = np.empty((size, size, 3), dtype=np.float32)
    picture[:] = _colour(rng) * 0.6
    height = int(rng.integers(size // 5, size // 2))
    for bottom in range(height, size + height, height):
        left = 0
        while left < size:
            width = int(rng.integers(size // 40 + 2, size // 7))
            top = bottom - int(height * rng.uniform(0.55, 0.95))
            colour = _colour(rng)
            _rectangle(picture, left, top, width - 1, bottom - top, colour)
            if rng.random() < 0.6:
                _rectangle(picture, left + width // 4, top + height // 6, width // 2, height // 8, 255 - colour)
            left += width
        _rectangle(picture, 0, bottom - 5, size, 5, _colour(rng))
    return picture


def _letters(rng: np.random.Generator, size: int) -> Picture:
    """Lines of text, as on paper, posters and screens."""
    picture = np.empty((size, size, 3), dtype=np.uint8)
    picture[:] = _colour(rng)
    scale, y = rng.uniform(0.3, 1.4), 10
    ink = tuple(float(value) for value in _colour(rng))
    while y < size:
        text = "".join(chr(code) for code in rng.integers(33, 127, 40))
        cv2.putText(
            picture, text, (int(rng.integers(-20, 20)), y), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA
        )
        y += int(32 * scale) + 2
    return picture.astype(np.float32)


PAINTERS: tuple[Painter, ...] = (
    _gradient,
    _clouds,
    _clouds,
    _colour_clouds,
    _stripes,
    _wood,
    _tiles,
    _shelf,
    _letters,
)


def _rectangle(picture: Picture, left: int, top: int, width: int, height: int, colour: NDArray[np.float32]) -> None:
    picture[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = np.clip(colour, 0, 255)


def _join(rng: np.random.Generator, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two surfaces with an edge between: table and wall, or a corner."""
    size = len(first)
    angle = rng.normal(0, 0.35) + (np.pi / 2 if rng.random() < 0.3 else 0.0)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    start = np.array([0.5, 0.5]) * size + across * size * rng.uniform(-0.3, 0.3)
    corners = [
        start + sign * 2 * size * along + far * 2 * size * across for sign, far in ((-1, 0), (1, 0), (1, 1), (-1, 1))
    ]
    mask = np.zeros((size, size), dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.array(corners).astype(np.int32), 255, cv2.LINE_AA)
    if rng.random() < 0.5:
        shadow = cv2.GaussianBlur(mask, (0, 0), rng.uniform(2.0, 12.0)).astype(np.float32) / 255
        first = _as_bytes(first * (1 - rng.uniform(0, 0.6) * shadow)[..., None])
    weight = mask.astype(np.float32) / 255
    return np.asarray(cv2.blendLinear(first, second, 1 - weight, weight), dtype=np.uint8)


def _add_clutter(rng: np.random.Generator, picture: NDArray[np.uint8], count: int) -> None:
    size = len(picture)
    for _ in range(count):
        colour = tuple(float(value) for value in _colour(rng))
        centre = rng.integers(0, size, 2)
        extent = np.exp(rng.uniform(np.log(size / 40), np.log(size / 4), 2))
        kind = rng.random()
        if kind < 0.35:
            box = ((float(centre[0]), float(centre[1])), tuple(extent * 2), float(rng.uniform(0, 180)))
            cv2.fillPoly(picture, [cv2.boxPoints(box).astype(np.int32)], colour, cv2.LINE_AA)
        elif kind < 0.72:
            axes = (int(extent[0]), int(extent[1]))
            angle = float(rng.uniform(0, 180))
            cv2.ellipse(picture, centre.tolist(), axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
        elif kind < 0.85:
            corners = centre + rng.normal(size=(int(rng.integers(3, 7)), 2)) * extent
            cv2.fillPoly(picture, [corners.astype(np.int32)], colour, cv2.LINE_AA)
        else:
            end = centre + rng.normal(size=2) * extent * 4
            cv2.line(picture, centre.tolist(), end.astype(int).tolist(), colour, int(rng.integers(1, 8)), cv2.LINE_AA)
