"""Edges by Canny's method (1986): blur, gradient, thinning to the crests, two thresholds joined by hysteresis."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from nodes.diffusion.color import luma
from nodes.diffusion.image import reflected

_RADIUS: Final = 2
_SIGMA: Final = 1.0
_SMALLEST_SQUARE: Final = 1e-6  # under the root, as in kornia, whose thresholds people are used to
# The neighbour (row, column) that lies towards each multiple of 45 degrees, from the right through below.
_NEIGHBOURS: Final = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def canny(pixels: Tensor, low_threshold: float, high_threshold: float) -> Tensor:
    """Edges of pictures [B, 3, H, W] in 0..1 as [B, 1, H, W] of 0 and 1.

    A crest is an edge where its gradient exceeds the high threshold, or the low one and it touches an edge.
    """
    magnitude = _crests(*_gradients(_blurred(luma(pixels))))
    weak, edges = magnitude > low_threshold, magnitude > high_threshold
    while True:
        grown = edges | (weak & (F.max_pool2d(edges.float(), 3, stride=1, padding=1) > 0))
        if torch.equal(grown, edges):
            return edges.to(pixels)
        edges = grown


def _blurred(grey: Tensor) -> Tensor:
    offsets = torch.arange(-_RADIUS, _RADIUS + 1, dtype=grey.dtype, device=grey.device)
    kernel = (-(offsets**2) / (2.0 * _SIGMA**2)).exp()
    kernel = kernel / kernel.sum()
    across = F.conv2d(reflected(grey, _RADIUS), kernel.reshape(1, 1, 1, -1))
    return F.conv2d(across, kernel.reshape(1, 1, -1, 1))


def _gradients(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Sobel's differences along x and y."""
    along_x = grey.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    kernels = torch.stack([along_x, along_x.T]).unsqueeze(1)  # (2, 1, 3, 3)
    x, y = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels).chunk(2, dim=1)
    return x, y


def _crests(x: Tensor, y: Tensor) -> Tensor:
    """The magnitude of the gradient [B, 1, H, W], 0 where a neighbour along the gradient, either way, is as large."""
    magnitude = (x * x + y * y + _SMALLEST_SQUARE).sqrt()
    direction = (torch.atan2(y, x) * (4.0 / math.pi)).round().long() % len(_NEIGHBOURS)
    padded = F.pad(magnitude, (1, 1, 1, 1))
    height, width = magnitude.shape[-2:]
    above = torch.cat(
        [magnitude - padded[..., 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy, dx in _NEIGHBOURS], dim=1
    )  # (B, 8, H, W)
    opposite = (direction + len(_NEIGHBOURS) // 2) % len(_NEIGHBOURS)
    return magnitude * (above.gather(1, direction).minimum(above.gather(1, opposite)) > 0)
