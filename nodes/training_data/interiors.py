"""Places without a sky: outer space, under water, a room."""

from __future__ import annotations

import numpy as np

from nodes.training_data.colours import Pixels, rgb
from nodes.training_data.terrain import (
    below,
    blend,
    disc,
    distance_from,
    dots,
    glow,
    polygons,
    ridge,
    smooth_noise,
    vertical,
)

_WALLS = ("e7d8c3", "cfe0e8", "dfe6cf", "f0d5d0", "d9d3ea", "f2ead8", "b9cbd9")
_FLOORS = ("b07f50", "8d6142", "c79a68")
_NEBULAE = ("7a3fb0", "2f6fc0", "b0407f", "2f9a9a")


def draw_space(random: np.random.Generator, size: int) -> Pixels:
    """Stars, a nebula, sometimes a planet in a corner."""
    canvas = np.repeat(vertical(size, [(0.0, rgb("070a1c")), (1.0, rgb("141033"))]), size, axis=1)
    cloud = np.clip((smooth_noise(random, size, (2, 2), 4) - 0.5) * 3, 0, 1)
    blend(canvas, cloud * 0.6, rgb(str(random.choice(_NEBULAE))))
    points = random.random((110, 2)).astype(np.float32)
    dots(canvas, points, random.uniform(0.0015, 0.005, 110).astype(np.float32), rgb("f6f4ff"))
    if random.random() < 0.4:
        _planet(random, canvas)
    return canvas


def _planet(random: np.random.Generator, canvas: Pixels) -> None:
    size = canvas.shape[0]
    centre = (float(random.choice([0.12, 0.88])), float(random.uniform(0.1, 0.25)))
    radius = float(random.uniform(0.09, 0.15))
    disc(canvas, centre, radius, rgb(str(random.choice(["d98a5c", "7fb0d9", "c9b26a", "b07fc4"]))))
    inside = np.clip((radius - distance_from(size, centre)) * size + 0.5, 0, 1)
    shade = np.clip(
        (distance_from(size, (centre[0] - radius * 0.5, centre[1] - radius * 0.5)) / radius - 0.7) * 0.9, 0, 0.8
    )
    blend(canvas, inside * shade, rgb("070a1c"))


def draw_underwater(random: np.random.Generator, size: int) -> Pixels:
    """Light falling through water on a sandy bottom with weeds and bubbles."""
    canvas = np.repeat(vertical(size, [(0.0, rgb("63c9e0")), (0.5, rgb("2288b8")), (1.0, rgb("0f4f86"))]), size, axis=1)
    glow(canvas, (float(random.uniform(0.2, 0.8)), -0.05), 0.45, rgb("d8fbff"), 0.6)
    for x in random.uniform(0, 1, 4):
        beam = [(x, -0.02), (x + 0.06, -0.02), (x + 0.2, 0.9), (x + 0.02, 0.9)]
        _translucent(canvas, beam, rgb("bff2fa"), 0.13)
    floor = ridge(random, size, 0.86, 0.04, 2, 2)
    blend(canvas, below(size, floor) * 0.9, vertical(size, [(0.8, rgb("8fb3a0")), (1.0, rgb("c9bd8a"))]))
    polygons(canvas, [_weed(random, float(x)) for x in random.uniform(0, 1, int(random.integers(3, 8)))], rgb("1f7a5a"))
    bubbles = random.random((14, 2)).astype(np.float32) * np.array([1, 0.8], dtype=np.float32)
    dots(canvas, bubbles, random.uniform(0.005, 0.014, 14).astype(np.float32), rgb("a8e4f0"))
    return canvas


def _translucent(canvas: Pixels, shape: list[tuple[float, float]], colour: Pixels, strength: float) -> None:
    painted = canvas.copy()
    polygons(painted, [shape], colour)
    canvas += strength * (painted - canvas)


def _weed(random: np.random.Generator, x: float) -> list[tuple[float, float]]:
    height, lean = float(random.uniform(0.12, 0.28)), float(random.uniform(-0.05, 0.05))
    heights = np.linspace(0, 1, 8)
    sway = 0.015 * np.sin(heights * 9 + x * 20) + lean * heights**2
    left = [
        (x + float(s) - 0.012 * (1 - float(h)), 0.93 - height * float(h)) for h, s in zip(heights, sway, strict=True)
    ]
    right = [
        (x + float(s) + 0.012 * (1 - float(h)), 0.93 - height * float(h)) for h, s in zip(heights, sway, strict=True)
    ]
    return left + right[::-1]


def draw_room(random: np.random.Generator, size: int) -> Pixels:
    """A wall, a wooden floor, a skirting board and often a window."""
    floor = float(random.uniform(0.64, 0.74))
    wall = rgb(str(random.choice(_WALLS)))
    canvas = np.repeat(vertical(size, [(0.0, wall), (floor, wall * 0.9)]), size, axis=1)
    glow(canvas, (float(random.uniform(0.2, 0.8)), 0.2), 0.5, np.ones(3, dtype=np.float32), 0.3)
    if random.random() < 0.7:
        _window(random, canvas)
    boards = rgb(str(random.choice(_FLOORS)))
    line = np.full(size, floor, dtype=np.float32)
    grain = 0.9 + 0.2 * smooth_noise(random, size, (30, 3), 2)
    blend(canvas, below(size, line), vertical(size, [(floor, boards * 0.85), (1.0, boards)]) * grain[..., None])
    blend(canvas, below(size, line - 0.03) - below(size, line), rgb("f5f1ea"))
    return canvas


def _window(random: np.random.Generator, canvas: Pixels) -> None:
    left, top = float(random.choice([0.08, 0.36, 0.64])), float(random.uniform(0.08, 0.14))
    width, height = 0.28, float(random.uniform(0.28, 0.36))
    polygons(canvas, [_box(left, top, width, height)], rgb("fbfaf6"))
    for column in range(2):
        for row in range(2):
            x, y = left + 0.018 + column * (width - 0.018) / 2, top + 0.018 + row * (height - 0.018) / 2
            polygons(canvas, [_box(x, y, width / 2 - 0.027, height / 2 - 0.027)], rgb("b5dcf4"))


def _box(left: float, top: float, width: float, height: float) -> list[tuple[float, float]]:
    return [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
