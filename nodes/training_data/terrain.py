"""The brush strokes landscapes are painted with: noise, ridges, trees, dots.

A `Canvas` is float32 (size, size, 3) in 0..1 and is painted in place; positions and heights are in frame
heights, y downwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from nodes.training_data.colours import Pixels

Point = tuple[float, float]


def smooth_noise(random: np.random.Generator, size: int, cells: tuple[int, int], octaves: int = 3) -> Pixels:
    """Fractal noise (size, size), about 0..1; `cells` is the coarsest grid (rows, columns)."""
    total = np.zeros((size, size), dtype=np.float32)
    weight = 0.0
    for octave in range(octaves):
        grid = random.random((cells[0] * 2**octave + 2, cells[1] * 2**octave + 2), dtype=np.float32)
        layer = Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC)
        total += np.asarray(layer) * 0.5**octave
        weight += 0.5**octave
    return total / weight


def ridge(random: np.random.Generator, size: int, height: float, relief: float, bumps: int, octaves: int = 4) -> Pixels:
    """A horizon line: y of the ridge for each column, around `height`, varying by `relief`."""
    columns = np.linspace(0, 1, size, dtype=np.float32)
    line = np.zeros(size, dtype=np.float32)
    for octave in range(octaves):
        knots = bumps * 2**octave + 2
        values = random.uniform(-1, 1, knots)
        position = columns * (knots - 2) + random.random()
        base = position.astype(int)
        step = position - base
        if octave < 2:
            step = step * step * (3 - 2 * step)
        line += ((1 - step) * values[base] + step * values[base + 1]) * 0.45**octave
    return (height + relief * line / 1.6).astype(np.float32)


def below(size: int, line: Pixels) -> Pixels:
    """Antialiased mask (size, size) of what lies below a horizon line."""
    rows = np.arange(size, dtype=np.float32)[:, None] + 0.5
    mask: Pixels = np.clip(rows - line * size + 0.5, 0, 1)
    return mask


def blend(canvas: Pixels, mask: Pixels, colour: Pixels) -> None:
    """Paint a colour (3,) or picture (size, size, 3) where the mask (size, size) says."""
    canvas += mask[..., None] * (colour - canvas)


def vertical(size: int, stops: Sequence[tuple[float, Pixels]]) -> Pixels:
    """A vertical gradient (size, 1, 3) through colours at heights."""
    rows = (np.arange(size, dtype=np.float32) + 0.5) / size
    heights = [height for height, _ in stops]
    channels = [np.interp(rows, heights, [float(colour[c]) for _, colour in stops]) for c in range(3)]
    return np.stack(channels, axis=-1)[:, None, :].astype(np.float32)


def glow(canvas: Pixels, centre: Point, radius: float, colour: Pixels, strength: float) -> None:
    """Add light falling off from a point."""
    blend(canvas, strength * np.exp(-((distance_from(canvas.shape[0], centre) / radius) ** 2)), colour)


def disc(canvas: Pixels, centre: Point, radius: float, colour: Pixels) -> None:
    """A filled circle with soft edge."""
    size = canvas.shape[0]
    blend(canvas, np.clip((radius - distance_from(size, centre)) * size + 0.5, 0, 1), colour)


def distance_from(size: int, centre: Point) -> Pixels:
    """Distance (size, size) of every pixel from a point, in frame heights."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    return np.hypot(axis[None, :] - np.float32(centre[0]), axis[:, None] - np.float32(centre[1]))


def polygons(canvas: Pixels, shapes: Sequence[Sequence[Point]], colour: Pixels) -> None:
    """Fill polygons, antialiased by drawing them at twice the size."""
    size = canvas.shape[0]
    mask = Image.new("L", (2 * size, 2 * size), 0)
    draw = ImageDraw.Draw(mask)
    for shape in shapes:
        draw.polygon([(x * 2 * size, y * 2 * size) for x, y in shape], fill=255)
    blend(canvas, np.asarray(mask.reduce(2), dtype=np.float32) / 255, colour)


def ellipses(canvas: Pixels, discs: Sequence[tuple[Point, float, float]], colour: Pixels) -> None:
    """Fill ellipses given by centre and half axes, antialiased like polygons."""
    size = canvas.shape[0]
    mask = Image.new("L", (2 * size, 2 * size), 0)
    draw = ImageDraw.Draw(mask)
    for (x, y), rx, ry in discs:
        draw.ellipse([2 * size * v for v in (x - rx, y - ry, x + rx, y + ry)], fill=255)
    blend(canvas, np.asarray(mask.reduce(2), dtype=np.float32) / 255, colour)


def pine(foot: Point, height: float) -> list[list[Point]]:
    """A conifer standing on `foot`: three overlapping triangles and a trunk."""
    x, y = foot
    shapes = [
        [
            (x - height * 0.03, y),
            (x - height * 0.03, y - height * 0.2),
            (x + height * 0.03, y - height * 0.2),
            (x + height * 0.03, y),
        ]
    ]
    for tier, (low, top, half) in enumerate(((0.12, 0.55, 0.24), (0.36, 0.78, 0.19), (0.6, 1.0, 0.13))):
        sag = 0.01 * (2 - tier)
        shapes.append(
            [
                (x - half * height, y - (low - sag) * height),
                (x, y - top * height),
                (x + half * height, y - (low - sag) * height),
            ]
        )
    return shapes


def dots(canvas: Pixels, points: Pixels, radius: Pixels, colour: Pixels) -> None:
    """Small round dots: `points` (N, 2), `radius` (N,) in frame heights."""
    ellipses(
        canvas, [((float(x), float(y)), float(r), float(r)) for (x, y), r in zip(points, radius, strict=True)], colour
    )
