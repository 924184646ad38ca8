"""What all networks that enlarge pictures are."""

from __future__ import annotations

from torch import nn


class Upscaler(nn.Module):
    """A network that enlarges pictures: [B, C, H, W] in 0..1 -> [B, C', H scale, W scale], of any sides."""

    scale: float
