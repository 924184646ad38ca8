"""Colour spaces of pictures [B, 3, H, W] in 0..1: luma and YCbCr of ITU-R BT.601, with rounded constants."""

from __future__ import annotations

import torch
from torch import Tensor


def luma(pixels: Tensor) -> Tensor:
    """Brightness as the eye weighs it: [B, 3, H, W] -> [B, 1, H, W]."""
    red, green, blue = pixels.chunk(3, dim=1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def rgb_to_ycbcr(pixels: Tensor) -> Tensor:
    """Luma, blueness and redness; the latter two are 0.5 for grey."""
    y = luma(pixels)
    red, _, blue = pixels.chunk(3, dim=1)
    return torch.cat([y, (blue - y) * 0.564 + 0.5, (red - y) * 0.713 + 0.5], dim=1)


def ycbcr_to_rgb(ycbcr: Tensor) -> Tensor:
    """The inverse, cut to 0..1."""
    y, cb, cr = ycbcr.chunk(3, dim=1)
    cb, cr = cb - 0.5, cr - 0.5
    return torch.cat([y + 1.403 * cr, y - 0.714 * cr - 0.344 * cb, y + 1.773 * cb], dim=1).clamp(0.0, 1.0)
