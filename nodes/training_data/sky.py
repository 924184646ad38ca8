"""Skies: a gradient for the time of day, sun, moon, stars and clouds. The light comes from here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nodes.training_data.colours import Pixels, rgb
from nodes.training_data.terrain import blend, disc, distance_from, glow, smooth_noise, vertical


@dataclass(frozen=True, slots=True)
class Light:
    """A time of day: the sky's colours from top to horizon, the clouds', and the tint on everything below."""

    top: Pixels
    middle: Pixels
    horizon: Pixels
    cloud: Pixels
    tint: Pixels


def _light(top: str, middle: str, horizon: str, cloud: str, tint: str) -> Light:
    return Light(rgb(top), rgb(middle), rgb(horizon), rgb(cloud), rgb(tint))


LIGHTS: dict[str, Light] = {
    "day": _light("3f86d8", "86b9ee", "d3e9f6", "ffffff", "ffffff"),
    "sunset": _light("4a3a78", "d9607a", "ffb25e", "ff9f7d", "f2b08e"),
    "dawn": _light("7f9fd6", "e6b6cf", "ffe3bd", "ffdfe0", "ecd2d8"),
    "night": _light("0c1436", "1b2a5c", "3b4f8c", "40507f", "8d97c9"),
    "storm": _light("454b58", "6f7782", "9aa2a9", "565c68", "a3a9b0"),
    "purple": _light("40237c", "8c4fb0", "e59fd0", "c79be0", "cfb2e6"),
}


def draw_sky(random: np.random.Generator, size: int, time: str, seen: tuple[str, ...], horizon: float) -> Pixels:
    """The sky (size, size, 3) down to `horizon`; below it the horizon's colour goes on."""
    light = LIGHTS[time]
    stops = [(0.0, light.top), (horizon * random.uniform(0.45, 0.65), light.middle), (horizon, light.horizon)]
    canvas = np.repeat(vertical(size, stops), size, axis=1)
    if "stars" in seen:
        _stars(random, canvas, horizon)
    if "sun" in seen:
        _sun(random, canvas, time, horizon)
    if "full moon" in seen or "crescent moon" in seen:
        _moon(random, canvas, crescent="crescent moon" in seen)
    if "clouds" in seen:
        _clouds(random, canvas, light, horizon, heavy=time == "storm")
    return canvas


def _stars(random: np.random.Generator, canvas: Pixels, horizon: float) -> None:
    size = canvas.shape[0]
    number = int(random.integers(40, 90))
    rows = (random.random(number) * horizon * size).astype(int)
    columns = random.integers(0, size - 1, number)
    brightness = random.uniform(0.4, 1.0, number).astype(np.float32)
    for row, column, bright in zip(rows, columns, brightness, strict=True):
        canvas[row : row + 2, column : column + 2] += bright * (1 - canvas[row : row + 2, column : column + 2])


def _sun(random: np.random.Generator, canvas: Pixels, time: str, horizon: float) -> None:
    low = time in ("sunset", "dawn")
    height = horizon * (random.uniform(0.68, 0.86) if low else random.uniform(0.22, 0.42))
    centre = (random.uniform(0.15, 0.85), height)
    colour = rgb("ffe08a" if low else "fff3b0")
    glow(canvas, centre, 0.26, colour, 0.55)
    disc(canvas, centre, random.uniform(0.055, 0.075), rgb("fff2c0" if low else "ffe45c"))


def _moon(random: np.random.Generator, canvas: Pixels, *, crescent: bool) -> None:
    size = canvas.shape[0]
    centre = (random.uniform(0.15, 0.85), random.uniform(0.12, 0.24))
    radius = random.uniform(0.06, 0.08)
    glow(canvas, centre, 0.2, rgb("e9ecff"), 0.35)
    mask = np.clip((radius - distance_from(size, centre)) * size + 0.5, 0, 1)
    if crescent:
        bite = (centre[0] + radius * 0.55, centre[1] - radius * 0.25)
        mask *= np.clip((distance_from(size, bite) - radius * 0.9) * size + 0.5, 0, 1)
    blend(canvas, mask, rgb("fbf6da"))


def _clouds(random: np.random.Generator, canvas: Pixels, light: Light, horizon: float, *, heavy: bool) -> None:
    size = canvas.shape[0]
    noise = smooth_noise(random, size, (4, 2), octaves=4)
    rows = (np.arange(size, dtype=np.float32)[:, None] + 0.5) / size
    height = np.clip(1 - np.abs(rows / horizon - 0.42) * 1.7, 0, 1)
    threshold = 0.42 if heavy else 0.52
    mask = np.clip((noise - threshold) * 7, 0, 1) * np.clip(height * 2, 0, 1) * 0.92
    shade = np.clip(1.06 - (noise - threshold) * 0.9, 0.72, 1.06)
    blend(canvas, mask, np.clip(light.cloud * shade[..., None], 0, 1).astype(np.float32))
