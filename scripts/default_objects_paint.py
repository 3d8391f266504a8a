"""Paint of the default objects: colour as a function of the point on the surface.

Every side looks different, so that a picture tells the pose; the can alone is painted in rings, the same all
around. Points are metres in the object's frame (origin at the centre of the bounding box, z up, front at -y).
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Colour = tuple[int, int, int]
Paint = Callable[[Array, Array], Array]

_PIXELS_PER_METRE = 4000

WHITE, BLACK, GREY, STEEL = (245, 243, 238), (25, 25, 28), (90, 92, 96), (178, 182, 188)
RED, ORANGE, YELLOW, GREEN = (205, 32, 38), (240, 125, 20), (248, 205, 30), (30, 140, 60)
BLUE, SKY, PURPLE, TEAL = (25, 60, 160), (110, 185, 230), (120, 45, 140), (15, 135, 140)
BROWN, CREAM, PINK = (95, 60, 30), (240, 225, 190), (235, 120, 150)


class Panel:
    """A flat picture of ``width`` x ``height`` metres that is projected onto a side."""

    def __init__(self, width: float, height: float, background: Colour) -> None:
        self.width, self.height = width, height
        size = (round(height * _PIXELS_PER_METRE), round(width * _PIXELS_PER_METRE), 3)
        self.image: Image = np.full(size, background, dtype=np.uint8)

    def _pixel(self, x: float, y: float) -> tuple[int, int]:
        return round((x + self.width / 2) * _PIXELS_PER_METRE), round((self.height / 2 - y) * _PIXELS_PER_METRE)

    def box(self, x: tuple[float, float], y: tuple[float, float], colour: Colour) -> "Panel":
        """A filled rectangle; metres from the centre, y up."""
        cv2.rectangle(self.image, self._pixel(x[0], y[0]), self._pixel(x[1], y[1]), colour, -1)
        return self

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> "Panel":
        """A filled circle."""
        cv2.circle(self.image, self._pixel(x, y), round(radius * _PIXELS_PER_METRE), colour, -1, cv2.LINE_AA)
        return self

    def stripe(self, a: tuple[float, float], b: tuple[float, float], width: float, colour: Colour) -> "Panel":
        """A thick line."""
        thickness = max(1, round(width * _PIXELS_PER_METRE))
        cv2.line(self.image, self._pixel(*a), self._pixel(*b), colour, thickness, cv2.LINE_AA)
        return self

    def text(self, words: str, x: float, y: float, width: float, colour: Colour) -> "Panel":
        """Bold words centred at (x, y), scaled to ``width`` metres."""
        font = cv2.FONT_HERSHEY_DUPLEX
        (natural, _), _ = cv2.getTextSize(words, font, 1.0, 2)
        scale = width * _PIXELS_PER_METRE / natural
        thickness = max(2, round(5 * scale))
        (w, h), _ = cv2.getTextSize(words, font, scale, thickness)
        px, py = self._pixel(x, y)
        cv2.putText(self.image, words, (px - w // 2, py + h // 2), font, scale, colour, thickness, cv2.LINE_AA)
        return self

    def at(self, x: Array, y: Array) -> Array:
        """Colours (N, 3) at metres from the centre, y up."""
        column = np.clip((x + self.width / 2) * _PIXELS_PER_METRE, 0, self.image.shape[1] - 1).astype(int)
        row = np.clip((self.height / 2 - y) * _PIXELS_PER_METRE, 0, self.image.shape[0] - 1).astype(int)
        return self.image[row, column].astype(np.float64)


def _where(mask: NDArray[np.bool_], colours: Array | Colour, other: Array) -> Array:
    return np.where(mask[:, None], np.asarray(colours, dtype=np.float64), other)


def carton(p: Array, n: Array) -> Array:
    """Six different sides."""
    x, y, z = p.T
    front = Panel(0.112, 0.162, WHITE).box((-0.06, 0.06), (0.03, 0.085), RED).text("OATS", 0, 0.055, 0.085, WHITE)
    front.disc(-0.012, -0.022, 0.033, BLUE).disc(-0.012, -0.022, 0.018, YELLOW).box((0.03, 0.06), (-0.085, 0.02), GREEN)
    back = Panel(0.112, 0.162, BLUE).text("500 g", -0.012, -0.055, 0.07, YELLOW).box((-0.05, 0.0), (0.03, 0.07), WHITE)
    for line in range(5):
        back.box((-0.045, -0.008), (0.0345 + 0.007 * line, 0.0375 + 0.007 * line), BLACK)
    back.stripe((0.0, -0.03), (0.06, 0.08), 0.012, ORANGE)
    left = Panel(0.042, 0.162, GREEN).box((-0.03, 0.03), (-0.01, 0.02), WHITE).disc(0, -0.05, 0.014, YELLOW)
    right = Panel(0.042, 0.162, ORANGE)
    for band in range(4):
        right.box((-0.03, 0.03), (-0.07 + 0.022 * band, -0.06 + 0.022 * band), PURPLE)
    top = Panel(0.112, 0.042, YELLOW).stripe((-0.05, -0.02), (0.05, 0.02), 0.008, RED).disc(0.038, -0.006, 0.009, BLUE)
    bottom = Panel(0.112, 0.042, GREY)
    for bar in range(12):
        bottom.box((-0.04 + 0.006 * bar, -0.0365 + 0.006 * bar - 0.001 * (bar % 3)), (-0.014, 0.014), WHITE)
    sides = [right.at(y, z), left.at(-y, z), back.at(-x, z), front.at(x, z), top.at(x, y), bottom.at(x, -y)]
    # The side on whose rounded edge a point lies is the one its normal points to most.
    return np.stack(sides)[_dominant_side(n), np.arange(len(p))]


def _dominant_side(n: Array) -> NDArray[np.intp]:
    """0 +x, 1 -x, 2 +y, 3 -y, 4 +z, 5 -z for normals (N, 3)."""
    axis = np.argmax(np.abs(n), axis=1)
    return 2 * axis + (n[np.arange(len(n)), axis] < 0)


def can(p: Array, n: Array) -> Array:
    """Rings: the same all around, different at top and bottom."""
    radius, z = np.hypot(p[:, 0], p[:, 1]), p[:, 2]
    edges = np.array([-0.046, -0.030, -0.022, -0.018, 0.004, 0.010, 0.030, 0.034, 0.045])
    bands = np.array([STEEL, BLUE, WHITE, RED, RED, YELLOW, GREEN, WHITE, BLACK, STEEL], dtype=np.float64)
    colours = bands[np.searchsorted(edges, z)]
    top, bottom = (z > 0.044) & (n[:, 2] > 0.7), (z < -0.044) & (n[:, 2] < -0.7)
    colours = _where(top, np.where((radius < 0.012)[:, None], np.array(BLUE), np.array(STEEL)), colours)
    return _where(bottom, np.where((radius < 0.018)[:, None], np.array(ORANGE), np.array(GREY)), colours)


def bottle(p: Array, n: Array) -> Array:
    """Yellow, a red label in front, a white one behind, one green and one purple flank, a striped cap."""
    x, y, z = p.T
    colours = np.tile(np.array(YELLOW, dtype=np.float64), (len(p), 1))
    label = Panel(0.09, 0.10, RED).text("SUN", 0, 0.026, 0.055, WHITE).disc(-0.012, -0.018, 0.020, YELLOW)
    label.disc(-0.012, -0.018, 0.010, ORANGE).stripe((0.016, -0.045), (0.030, 0.005), 0.008, GREEN)
    info = Panel(0.09, 0.10, WHITE).box((-0.03, 0.004), (-0.035, 0.01), SKY).text("400 ml", 0, 0.032, 0.05, BLUE)
    for line in range(6):
        info.box((0.008, 0.028), (-0.034 + 0.008 * line, -0.031 + 0.008 * line), BLACK)
    labelled = (z > -0.085) & (z < 0.012) & (np.abs(x) < 0.034)
    colours = _where(labelled & (y < 0), label.at(x, z + 0.036), colours)
    colours = _where(labelled & (y > 0), info.at(-x, z + 0.036), colours)
    flank = (z < 0.025) & (np.abs(x) > 0.040)
    colours = _where(flank & (x > 0), GREEN, colours)
    colours = _where(flank & (x < 0) & (np.mod(z, 0.02) < 0.011), PURPLE, colours)
    cap = z > 0.05
    colours = _where(cap, (20, 90, 45), colours)
    colours = _where(cap & (np.arctan2(x, -y) > 0) & (np.arctan2(x, -y) < 0.9), WHITE, colours)
    return _where(n[:, 2] < -0.8, GREY, colours)


def mug(p: Array, n: Array) -> Array:
    """Sky blue over a dark foot, words in front, discs behind, cream inside, a red handle."""
    axis_x = -0.016  # of the cup: the handle moves the centre of the bounding box
    x, y, z = p[:, 0] - axis_x, p[:, 1], p[:, 2]
    radius, around = np.hypot(x, y), np.arctan2(x, -y) * 0.041
    wrap = Panel(2 * np.pi * 0.041 + 0.002, 0.096, SKY).box((-0.14, 0.14), (-0.05, -0.034), BLUE)
    wrap.text("TEA", 0.0, 0.004, 0.06, BLUE).disc(-0.062, 0.012, 0.017, RED).disc(-0.062, 0.012, 0.008, WHITE)
    wrap.stripe((0.085, -0.03), (0.11, 0.04), 0.008, ORANGE).disc(-0.105, -0.01, 0.014, GREEN)
    wrap.stripe((-0.09, 0.038), (-0.125, 0.02), 0.007, PURPLE)
    colours = wrap.at(around, z)
    inside = (radius < 0.0385) & (z > -0.043) & (n[:, 0] * x + n[:, 1] * y < 0.5 * radius)
    colours = _where(inside, CREAM, colours)
    colours = _where(inside & (z < -0.034), BROWN, colours)
    colours = _where((radius > 0.0423), np.where((z > 0.012)[:, None], np.array(RED), np.array(ORANGE)), colours)
    return _where((z < -0.041) & (n[:, 2] < -0.7), WHITE, colours)


def banana(p: Array, n: Array) -> Array:
    """Ripe yellow, a green stem at +x, a dark tip, a blue sticker in front, brown marks behind."""
    x, y, z = p.T
    green = np.clip((x - 0.03) / 0.04, 0, 1)[:, None]
    colours = (1 - green) * np.array(YELLOW) + green * np.array((130, 165, 40))
    outer = n @ np.array([0.0, 0.0, -1.0]) > 0.85
    colours = _where(outer & (np.abs(y) < 0.004), (205, 150, 30), colours)
    sticker = Panel(0.04, 0.03, BLUE).text("A1", 0, 0, 0.024, WHITE)
    on_sticker = (y < 0) & (np.hypot((x + 0.008) / 0.020, (z + 0.018) / 0.013) < 1)
    colours = _where(on_sticker, sticker.at(x + 0.008, z + 0.018), colours)
    rng = np.random.default_rng(7)
    for _ in range(26):
        angle, height, radius = rng.uniform(-0.8, 0.8), rng.uniform(-0.012, 0.012), rng.uniform(0.0015, 0.005)
        spot = (0.095 - height) * np.sin(angle), 0.095 - (0.095 - height) * np.cos(angle) - 0.01475
        colours = _where((y > 0) & (np.hypot(x - spot[0], z - spot[1]) < radius), BROWN, colours)
    colours = _where(x < -0.070, (60, 45, 30), colours)
    return _where(x > 0.076, (95, 110, 35), colours)


def drill(p: Array, n: Array) -> Array:
    """Teal housing with words on one flank and chevrons on the other, dark grip, orange battery, steel chuck."""
    x, y, z = p.T
    colours = np.tile(np.array(TEAL, dtype=np.float64), (len(p), 1))
    words = (
        Panel(0.11, 0.06, TEAL).text("HDX", -0.005, 0.004, 0.055, WHITE).box((-0.06, 0.06), (-0.022, -0.016), YELLOW)
    )
    other = Panel(0.11, 0.06, TEAL)
    for chevron in range(4):
        left = -0.045 + 0.022 * chevron
        other.stripe((left, -0.02), (left + 0.012, 0.0), 0.007, ORANGE).stripe(
            (left + 0.012, 0), (left, 0.02), 0.007, ORANGE
        )
    housing = z > 0.032
    colours = _where(housing & (y < 0), words.at(x + 0.018, z - 0.057), colours)
    colours = _where(housing & (y >= 0), other.at(-x - 0.018, z - 0.057), colours)
    colours = _where(housing & (np.abs(y) < 0.006) & (z > 0.057), WHITE, colours)
    colours = _where(housing & (x < -0.066), RED, colours)
    grip = ~housing & (z > -0.048)
    colours = _where(grip, BLACK, colours)
    colours = _where(grip & (n[:, 0] > 0.5), GREY, colours)
    colours = _where(grip & (n[:, 0] > 0.3) & (z > 0.008), RED, colours)
    battery = Panel(0.1, 0.04, ORANGE).text("18V", 0, 0, 0.05, BLACK)
    low = z <= -0.048
    colours = _where(low, ORANGE, colours)
    colours = _where(low & (y < -0.02), battery.at(x + 0.02, z + 0.069), colours)
    colours = _where(low & (y > 0.02) & (np.mod(x, 0.016) < 0.008), BLACK, colours)
    colours = _where(low & (n[:, 2] < -0.7), PURPLE, colours)
    chuck = x > 0.045
    colours = _where(chuck, STEEL, colours)
    return _where(chuck & (np.mod(x, 0.014) < 0.005), BLACK, colours)


PAINT: dict[str, Paint] = {
    "banana": banana,
    "bottle": bottle,
    "can": can,
    "carton": carton,
    "drill": drill,
    "mug": mug,
}
