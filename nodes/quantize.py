"""Pictures in few colours: a palette by median cut (Heckbert, 1982) and one of several ditherings.

The palette and the error diffusion are Pillow's, so that the colours are those people know from other programs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

BAYER_ORDERS: Final[Mapping[str, int]] = {"bayer-2": 2, "bayer-4": 4, "bayer-8": 8, "bayer-16": 16}
DITHERS: Final = ("none", "floyd-steinberg", *BAYER_ORDERS)


def quantize(pixels: Tensor, colors: int, dither: str) -> Tensor:
    """One picture [H, W, 3] in 0..1 with at most `colors` (1..256) different colours. `dither` is one of `DITHERS`."""
    levels = (pixels * 255.0).clamp(0.0, 255.0).trunc()
    picture = _pillow(levels)
    palette = picture.quantize(colors=colors)
    if dither in BAYER_ORDERS:
        picture = _pillow(ordered_dither(levels, BAYER_ORDERS[dither], len(palette.getpalette() or ()) // 3))
    diffusion = Pillow.Dither.FLOYDSTEINBERG if dither == "floyd-steinberg" else Pillow.Dither.NONE
    quantized = picture.quantize(colors=colors, palette=palette, dither=diffusion)
    return torch.from_numpy(np.array(quantized.convert("RGB"), dtype=np.float32) / 255.0)


def ordered_dither(levels: Tensor, order: int, colors: int) -> Tensor:
    """8-bit levels [H, W, C] with a regular pattern added, as strong as the colours are few (Bayer, 1973)."""
    height, width = levels.shape[:2]
    pattern = bayer_matrix(order) * (2 * 256 / max(colors, 1)) + 0.5
    pattern = pattern.repeat(math.ceil(height / order), math.ceil(width / order))[:height, :width]
    return (levels + pattern.unsqueeze(-1)).clamp(0.0, 255.0).trunc()


def bayer_matrix(order: int) -> Tensor:
    """The threshold matrix of a side that is a power of two: evenly spaced values around 0, between -1/2 and 1/2."""
    cell = torch.tensor([[-1.5, 0.5], [1.5, -0.5]])
    matrix, share = torch.zeros(1, 1), 1.0
    while matrix.shape[0] < order:
        share /= 4.0
        matrix = torch.kron(cell * share, torch.ones_like(matrix)) + matrix.repeat(2, 2)
    return matrix


def _pillow(levels: Tensor) -> Pillow.Image:
    return Pillow.fromarray(levels.to(torch.uint8).numpy())
