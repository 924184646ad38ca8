"""Landscapes: thirteen places, each painted over a sky by a short function.

Geometry (ridges, trees, windows, clouds) comes from the scenery's seed alone, colours from place and time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nodes.training_data.colours import Pixels, rgb
from nodes.training_data.composition import Scenery
from nodes.training_data.interiors import draw_room, draw_space, draw_underwater
from nodes.training_data.sky import LIGHTS, Light, draw_sky
from nodes.training_data.terrain import (
    Point,
    below,
    blend,
    dots,
    ellipses,
    pine,
    polygons,
    ridge,
    smooth_noise,
    vertical,
)

Painter = Callable[[np.random.Generator, Pixels, Light, float], None]

_WHITE = np.ones(3, dtype=np.float32)
_TIMELESS_LIGHT: dict[str, Pixels] = {"space": rgb("d6dcff"), "underwater": rgb("b9e2ee"), "room": _WHITE}


def draw_scenery(scenery: Scenery, size: int) -> Pixels:
    """The landscape (size, size, 3), 0..1."""
    random = np.random.default_rng(scenery.seed)
    if scenery.time is None:
        return {"space": draw_space, "underwater": draw_underwater, "room": draw_room}[scenery.place](random, size)
    paint, (low, high) = _PLACES[scenery.place]
    horizon = float(random.uniform(low, high))
    canvas = draw_sky(random, size, scenery.time, scenery.sky, horizon)
    paint(random, canvas, LIGHTS[scenery.time], horizon)
    return canvas


def light_of(scenery: Scenery) -> Pixels:
    """The colour (3,) of the light that falls on objects in the landscape."""
    return _TIMELESS_LIGHT[scenery.place] if scenery.time is None else LIGHTS[scenery.time].tint


def _lit(hexadecimal: str, light: Light, haze: float = 0.0) -> Pixels:
    """A ground colour under a light, faded towards the horizon by `haze`."""
    colour = rgb(hexadecimal) * light.tint
    return (colour + haze * (light.horizon - colour)).astype(np.float32)


def _ground(random: np.random.Generator, canvas: Pixels, line: Pixels, far: Pixels, near: Pixels) -> Pixels:
    """Fill below a line from a far to a near colour with a little texture; returns the mask."""
    size = canvas.shape[0]
    mask = below(size, line)
    texture = 0.92 + 0.16 * smooth_noise(random, size, (12, 6), octaves=2)
    blend(canvas, mask, vertical(size, [(float(line.min()), far), (1.0, near)]) * texture[..., None])
    return mask


def _mountains(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    size = canvas.shape[0]
    _peaks(random, canvas, light, horizon - 0.04)
    _ground(
        random, canvas, ridge(random, size, horizon + 0.08, 0.07, 2), _lit("41664f", light, 0.25), _lit("2f5a3c", light)
    )
    _ground(random, canvas, ridge(random, size, horizon + 0.2, 0.05, 1), _lit("5b8f48", light), _lit("3f7a3c", light))


def _peaks(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    """A far range, hazy, and a nearer one with snow on its heights."""
    size = canvas.shape[0]
    far = ridge(random, size, horizon - 0.06, 0.12, 3, octaves=5)
    blend(canvas, below(size, far), _lit("6d7fa6", light, 0.5))
    near = ridge(random, size, horizon - 0.08, 0.24, 2, octaves=5)
    mask = below(size, near)
    blend(canvas, mask, _lit("566079", light, 0.15))
    lee = np.clip(np.gradient(near) * size * 0.9 + 0.3, 0, 1)  # the side away from the light
    blend(canvas, mask * lee[None, :] * 0.35, _lit("2a3350", light))
    snow_line = near + 0.05 + 0.05 * (smooth_noise(random, size, (2, 16), 2)[0] - 0.3)
    snow = mask * (1 - below(size, snow_line)) * (near < horizon - 0.06)[None, :]
    blend(canvas, snow * 0.92, _lit("f4f8ff", light))


def _sea(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    _water(random, canvas, light, np.full(canvas.shape[0], horizon, dtype=np.float32), "3f8fc4", "14507f")


def _water(random: np.random.Generator, canvas: Pixels, light: Light, line: Pixels, far: str, near: str) -> None:
    """Water below a line: sky colour far away, its own near, streaked by waves."""
    size = canvas.shape[0]
    top = float(line.min())
    colours = vertical(size, [(top, _lit(far, light, 0.45)), (1.0, _lit(near, light))])
    waves = smooth_noise(random, size, (40, 3), octaves=2) - 0.5
    rows = (np.arange(size, dtype=np.float32)[:, None] + 0.5) / size
    strength = np.clip((rows - top) / (1 - top), 0, 1) * 0.5 + 0.12
    blend(canvas, below(size, line), np.clip(colours + (waves * strength)[..., None] * light.horizon, 0, 1))


def _beach(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    size = canvas.shape[0]
    _water(random, canvas, light, np.full(size, horizon, dtype=np.float32), "4fb3cf", "2c8fb5")
    shore = ridge(random, size, horizon + 0.2, 0.05, 1, octaves=2)
    blend(canvas, below(size, shore - 0.018), _lit("f3fbff", light))
    _ground(random, canvas, shore, _lit("e8cf9c", light), _lit("f2dcab", light))


def _lake(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    """Mountains mirrored in still water, with grass in front."""
    size = canvas.shape[0]
    _peaks(random, canvas, light, horizon - 0.02)
    wood = ridge(random, size, horizon - 0.03, 0.02, 10, octaves=3)
    blend(canvas, below(size, wood), _lit("2c5244", light, 0.15))
    level = int(horizon * size)
    depth = min(level, size - level)
    ripple = np.round((smooth_noise(random, size, (50, 2), 2)[:depth, 0] - 0.5) * 6).astype(int)
    mirrored = canvas[np.clip(level - 1 - np.arange(depth) + ripple, 0, level - 1)]
    canvas[level:] = _lit("2f6d96", light)
    canvas[level : level + depth] = mirrored * 0.62 + _lit("3f86b0", light) * 0.3
    _ground(random, canvas, ridge(random, size, 0.82, 0.03, 2), _lit("5d9a4b", light), _lit("417f3c", light))


def _desert(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    size = canvas.shape[0]
    for depth, (far, near) in enumerate((("dca76a", "d09a5c"), ("e8b877", "d49a58"), ("f0c684", "dca35f"))):
        line = ridge(random, size, horizon + depth * 0.13, 0.09 - 0.015 * depth, 2, octaves=2)
        mask = _ground(random, canvas, line, _lit(far, light, 0.2 - 0.1 * depth), _lit(near, light))
        lee = np.clip(np.gradient(line) * size * 1.6, 0, 1)
        fade = 1 - below(size, line + 0.13)
        blend(canvas, mask * lee[None, :] * fade * 0.5, _lit("a56a3c", light))


def _meadow(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    size = canvas.shape[0]
    _ground(
        random,
        canvas,
        ridge(random, size, horizon - 0.03, 0.06, 2, 2),
        _lit("7fb56a", light, 0.3),
        _lit("5fa052", light),
    )
    _ground(
        random, canvas, ridge(random, size, horizon + 0.06, 0.05, 1, 2), _lit("86c85a", light), _lit("4f9e3e", light)
    )
    for colour in random.choice(["ffffff", "ffd84d", "f46a8a", "b07be0"], 2, replace=False):
        points = np.stack([random.random(40), horizon + 0.14 + (0.84 - horizon) * random.random(40)], axis=-1)
        dots(
            canvas,
            points.astype(np.float32),
            (0.003 + 0.008 * (points[:, 1] - horizon)).astype(np.float32),
            _lit(colour, light),
        )


def _snow(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    size = canvas.shape[0]
    _ground(
        random,
        canvas,
        ridge(random, size, horizon - 0.04, 0.06, 2, 3),
        _lit("d3e1f2", light, 0.25),
        _lit("dfe9f6", light),
    )
    _pines(random, canvas, _lit("3c6158", light, 0.1), horizon + 0.06, (0.16, 0.26), 6)
    _ground(
        random, canvas, ridge(random, size, horizon + 0.07, 0.05, 1, 2), _lit("eef4fc", light), _lit("f8fbff", light)
    )


def _pines(
    random: np.random.Generator, canvas: Pixels, colour: Pixels, foot: float, heights: tuple[float, float], number: int
) -> None:
    shapes = []
    for x in np.sort(random.uniform(-0.05, 1.05, number)):
        shapes += pine((float(x), foot + float(random.uniform(-0.01, 0.03))), float(random.uniform(*heights)))
    polygons(canvas, shapes, colour)


def _forest(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    size = canvas.shape[0]
    far = np.full(size, horizon, dtype=np.float32)
    _pines(random, canvas, _lit("5d8a72", light, 0.35), horizon + 0.03, (0.22, 0.34), 16)
    _ground(random, canvas, far, _lit("4d7a4f", light, 0.2), _lit("3c6b3a", light))
    _pines(random, canvas, _lit("336648", light, 0.1), horizon + 0.08, (0.34, 0.5), 9)
    _pines(random, canvas, _lit("1f4a35", light), horizon + 0.16, (0.5, 0.68), 4)
    _ground(
        random, canvas, ridge(random, size, horizon + 0.14, 0.02, 3, 3), _lit("5a8a45", light), _lit("3f6f36", light)
    )


def _autumn_forest(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    size = canvas.shape[0]
    leaves = ["e0a12f", "d9622b", "b83a2a", "e8c24a"]
    _ground(random, canvas, np.full(size, horizon, dtype=np.float32), _lit("b98a4a", light, 0.2), _lit("9a6a35", light))
    for depth, (number, height) in enumerate(((12, 0.26), (7, 0.4), (4, 0.54))):
        haze, foot = 0.3 - 0.15 * depth, horizon + 0.03 + 0.06 * depth
        stems = np.sort(random.uniform(-0.05, 1.05, number))
        polygons(canvas, [_trunk((float(x), foot), height) for x in stems], _lit("5b3d28", light, haze))
        for leaf, part in zip(leaves, np.array_split(random.permutation(stems), len(leaves)), strict=True):
            crowns = [disc for x in part for disc in _crown(random, (float(x), foot), height)]
            ellipses(canvas, crowns, _lit(leaf, light, haze))
    _ground(
        random, canvas, ridge(random, size, horizon + 0.16, 0.02, 2, 2), _lit("c58f43", light), _lit("a86c33", light)
    )


def _trunk(foot: Point, height: float) -> list[Point]:
    x, y = foot
    width, top = height * 0.045, y - height * 0.6
    return [(x - width, y), (x - width, top), (x + width, top), (x + width, y)]


def _crown(random: np.random.Generator, foot: Point, height: float) -> list[tuple[Point, float, float]]:
    x, y = foot
    return [
        ((x + float(dx) * height, y - height * (0.68 + float(dy))), height * 0.19, height * 0.18)
        for dx, dy in random.uniform(-0.15, 0.15, (6, 2))
    ]


def _city(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float) -> None:
    dark = float(light.tint.mean()) < 0.6
    _towers(random, canvas, horizon, 0.30, _lit("8793ab", light, 0.45), None)
    windows = rgb("ffd977") if dark else _lit("a9c7e6", light)
    for colour in ("5b6480", "6f5f6e"):
        _towers(random, canvas, horizon + 0.02, 0.36, _lit(colour, light), windows)
    line = np.full(canvas.shape[0], horizon + 0.02, dtype=np.float32)
    _ground(random, canvas, line, _lit("6a6d74", light), _lit("53565e", light))
    blend(canvas, below(canvas.shape[0], line) - below(canvas.shape[0], line + 0.03), _lit("a5a49c", light))


def _towers(
    random: np.random.Generator, canvas: Pixels, foot: float, tallest: float, colour: Pixels, windows: Pixels | None
) -> None:
    """Houses side by side, some left out so that what is behind shows."""
    houses, panes, x = [], [], -0.04
    while x < 1:
        width = float(random.uniform(0.08, 0.16))
        height = tallest * float(random.uniform(0.35, 1.0))
        if windows is None or random.random() < 0.6:
            houses.append([(x, foot), (x, foot - height), (x + width, foot - height), (x + width, foot)])
            panes += _panes(random, x, foot - height, width, height)
        x += width
    polygons(canvas, houses, colour)
    if windows is not None:
        polygons(canvas, panes, windows)


def _panes(
    random: np.random.Generator, left: float, top: float, width: float, height: float
) -> list[list[tuple[float, float]]]:
    panes = []
    for y in np.arange(top + 0.02, top + height - 0.02, 0.035):
        for x in np.arange(left + 0.014, left + width - 0.02, 0.03):
            if random.random() < 0.6:
                panes.append([(x, y), (x, y + 0.017), (x + 0.014, y + 0.017), (x + 0.014, y)])
    return panes


_PLACES: dict[str, tuple[Painter, tuple[float, float]]] = {
    "mountains": (_mountains, (0.52, 0.62)),
    "sea": (_sea, (0.48, 0.6)),
    "beach": (_beach, (0.42, 0.52)),
    "lake": (_lake, (0.46, 0.54)),
    "desert": (_desert, (0.5, 0.6)),
    "meadow": (_meadow, (0.5, 0.62)),
    "snow": (_snow, (0.5, 0.6)),
    "forest": (_forest, (0.56, 0.64)),
    "autumn forest": (_autumn_forest, (0.56, 0.64)),
    "city": (_city, (0.6, 0.72)),
}
