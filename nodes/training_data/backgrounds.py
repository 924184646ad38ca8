"""Plain and gradient backgrounds."""

from __future__ import annotations

import numpy as np

from nodes.training_data.colours import BACKGROUND_COLOURS, Pixels, rgb
from nodes.training_data.composition import Direction, Gradient, Plain


def draw_plain_or_gradient(background: Plain | Gradient, size: int) -> Pixels:
    """The background (size, size, 3), 0..1."""
    if isinstance(background, Plain):
        colour = rgb(BACKGROUND_COLOURS[background.colour])
        return colour * (1 - background.vignette * _ramp("radial", size)[..., None] ** 2)
    first, second = rgb(BACKGROUND_COLOURS[background.first]), rgb(BACKGROUND_COLOURS[background.second])
    return first + _ramp(background.direction, size)[..., None] * (second - first)


def _ramp(direction: Direction, size: int) -> Pixels:
    """0..1 over the frame along a direction; radial is 0 in the centre and 1 in the corners."""
    axis: Pixels = (np.arange(size, dtype=np.float32) + 0.5) / size
    y, x = np.meshgrid(axis, axis, indexing="ij")
    match direction:
        case "vertical":
            return y
        case "horizontal":
            return x
        case "diagonal":
            return (x + y) / 2
        case "radial":
            ramp: Pixels = np.minimum(np.hypot(x - 0.5, y - 0.5) / np.float32(0.7), 1)
            return ramp
