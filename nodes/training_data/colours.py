"""Named colours, and changing the colour of a sprite without touching its shading.

A named object colour is a hue (HSV, degrees). Recolouring turns the sprite's dominant hue to that hue and
carries near hues along, so highlights, shadows and neutral parts (tyres, windows, wood) stay as drawn.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.floating[Any]]

BACKGROUND_COLOURS: dict[str, str] = {
    "white": "f6f6f6",
    "black": "121216",
    "gray": "8d9096",
    "red": "d83a3a",
    "orange": "f08c2e",
    "yellow": "f6d54a",
    "green": "49a84c",
    "teal": "2fa6a0",
    "blue": "3b74d8",
    "light blue": "a9d6f5",
    "dark blue": "1d2f6b",
    "purple": "7d4bc2",
    "pink": "f29cc0",
    "brown": "7a5236",
}

OBJECT_HUES: dict[str, float] = {
    "red": 354,
    "orange": 26,
    "yellow": 50,
    "green": 125,
    "blue": 212,
    "purple": 272,
    "pink": 328,
}

OBJECT_COLOURS: tuple[str, ...] = (*OBJECT_HUES, "white", "black")

_HUE_REACH = 48.0  # degrees either side of the dominant hue that turn with it


def rgb(hexadecimal: str) -> Pixels:
    """A colour as three floats in 0..1 from six hexadecimal digits."""
    return np.frombuffer(bytes.fromhex(hexadecimal), dtype=np.uint8).astype(np.float32) / 255


def recolour(sprite: Pixels, colour: str) -> Pixels:
    """Turn the dominant hue of an RGBA sprite (H, W, 4), 0..1, to a colour of `OBJECT_COLOURS`."""
    hue, saturation, value = _rgb_to_hsv(sprite[..., :3])
    weight = saturation * value * sprite[..., 3]
    dominant = _dominant_hue(hue, weight)
    distance = (hue - dominant + 180) % 360 - 180
    share = np.clip((_HUE_REACH - np.abs(distance)) / 12, 0, 1) * np.clip(saturation * 6, 0, 1)
    turned = _painted(distance, saturation, value, colour)
    mixed = sprite[..., :3] + share[..., None] * (turned - sprite[..., :3])
    return np.concatenate([mixed, sprite[..., 3:]], axis=-1).astype(np.float32)


def _painted(distance: Pixels, saturation: Pixels, value: Pixels, colour: str) -> Pixels:
    if colour == "white":
        return _hsv_to_rgb(np.full_like(value, 220.0), saturation * 0.06, 1 - (1 - value) * 0.45)
    if colour == "black":
        return _hsv_to_rgb(np.full_like(value, 240.0), saturation * 0.12, value * 0.26)
    light = {"yellow": 0.55, "orange": 0.7, "pink": 0.75}.get(colour, 1.0)  # these read as brown when dark
    pale = 0.62 if colour == "pink" else 1.0
    return _hsv_to_rgb((OBJECT_HUES[colour] + distance * 0.4) % 360, saturation * pale, value**light)


def _dominant_hue(hue: Pixels, weight: Pixels) -> float:
    """Centre of the heaviest 30-degree window of the hue histogram."""
    counts, _ = np.histogram(hue, bins=72, range=(0, 360), weights=weight)
    window = sum(np.roll(counts, shift) for shift in range(-3, 4))
    return float(np.argmax(window)) * 5 + 2.5


def _rgb_to_hsv(colour: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    value = colour.max(axis=-1)
    chroma = value - colour.min(axis=-1)
    safe = np.where(chroma > 0, chroma, 1)
    hue = np.where(
        value == red,
        ((green - blue) / safe) % 6,
        np.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    saturation = chroma / np.where(value > 0, value, 1)
    return (hue * 60).astype(np.float32), saturation, value


def _hsv_to_rgb(hue: Pixels, saturation: Pixels, value: Pixels) -> Pixels:
    # f(n) = V - V S max(0, min(k, 4 - k, 1)), k = (n + H / 60) mod 6, for n = 5, 3, 1
    k = (np.array([5, 3, 1], dtype=np.float32) + hue[..., None] / 60) % 6
    dip = np.clip(np.minimum(k, 4 - k), 0, 1)
    colour: Pixels = value[..., None] * (1 - saturation[..., None] * dip)
    return colour.astype(np.float32)
