"""What pixels alone say of a picture, with no network: the colour of its background, and where its object is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nodes.training_data.colours import BACKGROUND_COLOURS

_BORDER = 6
_DIFFERENT = 18.0  # in CIELAB
_CLEARLY = 0.03


def lab(pixels: Tensor) -> Tensor:
    """Pixels [..., 3] in -1..1 (sRGB) to CIELAB under D65."""
    srgb = ((pixels + 1) / 2).clamp(0, 1)
    linear = torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = torch.tensor([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / torch.tensor([0.9505, 1.0, 1.089])
    f = torch.where(xyz > 0.008856, xyz.clamp(min=1e-6) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def background_colours(pixels: Tensor, names: Sequence[str]) -> list[str]:
    """The named colour that is nearest to the median of the border, of each picture [B, 3, H, W]."""
    palette = lab(torch.tensor([_rgb(BACKGROUND_COLOURS[name]) for name in names]) * 2 - 1)
    nearest = (lab(_border_median(pixels))[:, None] - palette).norm(dim=-1).argmin(1)
    return [names[index] for index in nearest.tolist()]


def sides(pixels: Tensor) -> list[str]:
    """Where what differs from the background has its middle: "left", "right" or "middle" of each picture [B, 3, H, W]."""
    difference = (lab(pixels.movedim(1, -1)) - lab(_border_median(pixels))[:, None, None]).norm(dim=-1)  # (B, H, W)
    weight = (difference > _DIFFERENT).float().sum(1)  # (B, W)
    across = torch.linspace(-0.5, 0.5, weight.shape[1])
    centre = (weight * across).sum(1) / weight.sum(1).clamp(min=1)
    return ["left" if x < -_CLEARLY else "right" if x > _CLEARLY else "middle" for x in centre.tolist()]


def _border_median(pixels: Tensor) -> Tensor:
    """[B, 3]."""
    top, sides_ = pixels[:, :, :_BORDER], pixels[:, :, :, [*range(_BORDER), *range(-_BORDER, 0)]]
    return torch.cat([top.flatten(2), sides_.flatten(2)], 2).median(2).values


def _rgb(colour: str) -> list[float]:
    return [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
