"""Scaling of pictures, masks and latents: [B, C, H, W] of any channels to another width and height.

`resize` scales by one of `METHODS`; `resize_cropped` cuts the centre to the wanted proportions first. Lanczos works on
8 bits with the rounding of Pillow's fixed-point resampling, because that is what pictures made elsewhere went
through, across before down (as Pillow before version 13 always did). Bislerp turns the channel vectors of latents
instead of mixing them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

Resize = Callable[[Tensor, int, int], Tensor]

_LANCZOS_LOBES = 3.0
_FIXED_POINT_BITS = 22
_PARALLEL = 1.0 - 1e-5


def resize(samples: Tensor, width: int, height: int, method: str) -> Tensor:
    """Scale [B, C, H, W] to [B, C, height, width] by the named method."""
    return METHODS[method](samples, width, height)


def resize_cropped(samples: Tensor, width: int, height: int, method: str) -> Tensor:
    """Like `resize`, after cutting the centre of [B, C, H, W] to the proportions of the target."""
    return resize(crop_to_aspect(samples, width, height), width, height, method)


def proportional_size(width: int, height: int, old_width: int, old_height: int, smallest: int) -> tuple[int, int]:
    """A wanted (width, height) where 0 on one side means: in proportion to the other."""
    if width == 0:
        height = max(smallest, height)
        return max(smallest, round(old_width * height / old_height)), height
    if height == 0:
        width = max(smallest, width)
        return width, max(smallest, round(old_height * width / old_width))
    return max(smallest, width), max(smallest, height)


def crop_to_aspect(samples: Tensor, width: int, height: int) -> Tensor:
    """The centre of [B, C, H, W] in the proportions width : height, within a rounded cell on each side; never nothing."""
    old_width, old_height = samples.shape[-1], samples.shape[-2]
    old_aspect, new_aspect = old_width / old_height, width / height
    x = y = 0
    if old_aspect > new_aspect:
        x = round((old_width - old_width * (new_aspect / old_aspect)) / 2)
    elif old_aspect < new_aspect:
        y = round((old_height - old_height * (old_aspect / new_aspect)) / 2)
    x, y = min(x, (old_width - 1) // 2), min(y, (old_height - 1) // 2)
    return samples[..., y : old_height - y, x : old_width - x]


def bislerp(samples: Tensor, width: int, height: int) -> Tensor:
    """Bilinear in place, spherical in the channel vector (Shoemake, 1985, "slerp"), along x and then along y."""
    scaled = _bislerp_rows(samples.float(), width)
    scaled = _bislerp_rows(scaled.transpose(-1, -2), height).transpose(-1, -2)
    return scaled.to(samples.dtype)


def lanczos(samples: Tensor, width: int, height: int) -> Tensor:
    """Lanczos with three lobes on 0..1 values cut to 8 bits (Duchon, 1979), rounded to 8 bits after each direction.

    Four channels are taken as colour and alpha, and scaled with the colour multiplied by alpha.
    """
    levels = (samples * 255.0).clamp(0, 255).trunc().double()
    if samples.shape[-2:] != (height, width):
        levels = _lanczos_levels(levels, width, height)
    return (levels / 255.0).to(samples.dtype)


def _interpolate(samples: Tensor, width: int, height: int, mode: str) -> Tensor:
    return F.interpolate(samples, size=(height, width), mode=mode)


def _bislerp_rows(samples: Tensor, width: int) -> Tensor:
    """Scale the last dimension of [B, C, H, W]."""
    left, right, weight = _neighbours(samples.shape[-1], width, samples.device)
    return _slerp(samples[..., left], samples[..., right], weight)


def _neighbours(old: int, new: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each new place: the old places on both sides of it, and how far it is from the left to the right one."""
    places = torch.arange(old, dtype=torch.float32, device=device).reshape(1, 1, -1)
    nexts = (places + 1).clamp(max=old - 1)
    left = F.interpolate(places, size=new, mode="linear").flatten()
    right = F.interpolate(nexts, size=new, mode="linear").flatten()
    return left.long(), right.long(), left - left.floor()


def _slerp(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """From vectors a to b, both along dimension 1; a linear mix where they are opposite, a where they are parallel."""
    norm_a, norm_b = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    unit_a = torch.where(norm_a == 0, 0.0, a / norm_a)
    unit_b = torch.where(norm_b == 0, 0.0, b / norm_b)
    cosine = (unit_a * unit_b).sum(dim=1, keepdim=True)
    angle = cosine.acos()
    turned = (((1 - weight) * angle).sin() * unit_a + (weight * angle).sin() * unit_b) / angle.sin()
    turned = turned * (norm_a * (1 - weight) + norm_b * weight)
    mixed = torch.where(cosine < -_PARALLEL, a * (1 - weight) + b * weight, turned)
    return torch.where(cosine > _PARALLEL, a, mixed)


def _lanczos_levels(levels: Tensor, width: int, height: int) -> Tensor:
    has_alpha = levels.shape[1] == 4
    across = _lanczos_weights(levels.shape[-1], width).to(levels.device)
    down = _lanczos_weights(levels.shape[-2], height).to(levels.device)
    scaled = _premultiplied(levels) if has_alpha else levels
    scaled = _fixed_point(scaled @ across.T)  # (B, C, H, width)
    scaled = _fixed_point(down @ scaled)  # (B, C, height, width)
    return _unmultiplied(scaled) if has_alpha else scaled


def _lanczos_weights(old: int, new: int) -> Tensor:
    """The matrix [new, old] of fixed-point weights: whole numbers in float64, in units of 2 ** -22.

    Taps are those whose centres lie within the filter's support, which widens when scaling down.
    """
    scale = old / new
    widening = max(scale, 1.0)
    centre = (torch.arange(new, dtype=torch.float64).unsqueeze(1) + 0.5) * scale  # (new, 1)
    taps = torch.arange(old, dtype=torch.float64)
    first = (centre - _LANCZOS_LOBES * widening + 0.5).trunc()
    end = (centre + _LANCZOS_LOBES * widening + 0.5).trunc()
    distance = (taps - centre + 0.5) / widening  # (new, old)
    weights = torch.sinc(distance) * torch.sinc(distance / _LANCZOS_LOBES)
    inside = (taps >= first) & (taps < end) & (distance.abs() < _LANCZOS_LOBES)
    weights = torch.where(inside, weights, 0.0)
    fixed = weights / weights.sum(dim=1, keepdim=True) * 2**_FIXED_POINT_BITS
    rounded: Tensor = (fixed + 0.5 * fixed.sign()).trunc()
    return rounded


def _fixed_point(sums: Tensor) -> Tensor:
    """Weighted sums of 8-bit levels back to 8-bit levels. All numbers are whole and below 2 ** 53, hence exact."""
    levels: Tensor = (sums / 2**_FIXED_POINT_BITS + 0.5).floor()
    return levels.clamp(0, 255)


def _premultiplied(levels: Tensor) -> Tensor:
    colour, alpha = levels[:, :3], levels[:, 3:]
    product = colour * alpha + 128  # division by 255 in integers: (p + p / 256) / 256
    return torch.cat([((product / 256).floor() + product).div(256).floor(), alpha], dim=1)


def _unmultiplied(levels: Tensor) -> Tensor:
    colour, alpha = levels[:, :3], levels[:, 3:]
    divided = (255 * colour / alpha.clamp(min=1)).floor().clamp(max=255)
    return torch.cat([torch.where(alpha == 0, colour, divided), alpha], dim=1)


METHODS: Final[Mapping[str, Resize]] = {
    "nearest-exact": partial(_interpolate, mode="nearest-exact"),
    "bilinear": partial(_interpolate, mode="bilinear"),
    "area": partial(_interpolate, mode="area"),
    "bicubic": partial(_interpolate, mode="bicubic"),
    "bislerp": bislerp,
    "lanczos": lanczos,
}
