"""Operations on pictures [B, H, W, C], float32 in 0..1."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from nodes.diffusion import latent
from nodes.diffusion.resize import resize, resize_cropped

_MEGAPIXEL = 1024 * 1024
_GREY = 0.5


def scale(image: Tensor, width: int, height: int, method: str) -> Tensor:
    return resize(image.movedim(-1, 1), width, height, method).movedim(1, -1)


def scale_cropped(image: Tensor, width: int, height: int, method: str) -> Tensor:
    """Like `scale`, after cutting the centre to the proportions of the target."""
    return resize_cropped(image.movedim(-1, 1), width, height, method).movedim(1, -1)


def scale_by(image: Tensor, factor: float, method: str) -> Tensor:
    """Both sides times `factor`, rounded to pixels, one at least."""
    return scale(image, max(1, round(image.shape[2] * factor)), max(1, round(image.shape[1] * factor)), method)


def scale_to_megapixels(image: Tensor, megapixels: float, method: str) -> Tensor:
    """The same proportions at about so many times 1024 * 1024 pixels, in whole ones."""
    factor = math.sqrt(int(megapixels * _MEGAPIXEL) / (image.shape[1] * image.shape[2]))
    return scale_by(image, factor, method)


def invert(image: Tensor) -> Tensor:
    return 1.0 - image


def crop(image: Tensor, x: int, y: int, width: int, height: int) -> Tensor:
    """A rectangle of the picture, cut to what lies within it; its corner is moved inside."""
    x, y = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
    return image[:, y : y + height, x : x + width]


def join(image1: Tensor, image2: Tensor) -> Tensor:
    """One batch of both: the second is cut and scaled to the first's size, an opaque alpha added where only one has it."""
    channels = max(image1.shape[-1], image2.shape[-1])
    image1, image2 = with_channels(image1, channels), with_channels(image2, channels)
    if image1.shape[1:] != image2.shape[1:]:
        image2 = scale_cropped(image2, image1.shape[2], image1.shape[1], "bilinear")
    return torch.cat([image1, image2])


def with_channels(image: Tensor, channels: int) -> Tensor:
    """The picture with grey repeated, an opaque alpha added, or channels left out, to have so many."""
    if image.shape[-1] == 1 < channels:
        image = image.expand(-1, -1, -1, 3)
    return F.pad(image, (0, channels - image.shape[-1]), value=1.0)


def composite_masked(destination: Tensor, source: Tensor, x: int, y: int, mask: Tensor | None = None) -> Tensor:
    """`source` over `destination` with its corner at (x, y), where the mask [b, h, w], scaled to it, is 1."""
    above = with_channels(source, destination.shape[-1]).movedim(-1, 1)
    return latent.composite_masked(destination.movedim(-1, 1), above, x, y, mask).movedim(1, -1)


def pad_for_outpaint(
    image: Tensor, left: int, top: int, right: int, bottom: int, feathering: int
) -> tuple[Tensor, Tensor]:
    """The picture with grey added around it, and a mask [1, H, W] of what is new.

    The mask reaches `feathering` pixels into the picture, fading with the square of the distance, on sides that were
    extended, unless the picture is too small for it.
    """
    batch, height, width, channels = image.shape
    padded = image.new_full((batch, height + top + bottom, width + left + right, channels), _GREY)
    padded[:, top : top + height, left : left + width] = image
    mask = image.new_ones(padded.shape[1:3])
    inside = image.new_zeros(height, width)
    if 0 < 2 * feathering < min(height, width):
        distance = _distance_to_extended(height, width, (left, top, right, bottom)).to(image)
        inside = ((feathering - distance) / feathering).clamp(min=0.0) ** 2
    mask[top : top + height, left : left + width] = inside
    return padded, mask.unsqueeze(0)


def blend(image1: Tensor, image2: Tensor, blend_factor: float, blend_mode: str) -> Tensor:
    """`image1` mixed with what one of `BLEND_MODES` makes of both; `blend_factor` is the share of the latter."""
    image2 = with_channels(image2, image1.shape[-1])
    if image1.shape[1:] != image2.shape[1:]:
        image2 = scale_cropped(image2, image1.shape[2], image1.shape[1], "bicubic")
    blended = BLEND_MODES[blend_mode](image1, image2)
    return (image1 * (1.0 - blend_factor) + blended * blend_factor).clamp(0.0, 1.0)


def blur(image: Tensor, radius: int, sigma: float) -> Tensor:
    """Convolution with a Gaussian over 2 radius + 1 pixels a side, whose `sigma` is in units of the radius."""
    return image if radius == 0 else _convolve(image, gaussian_kernel(radius, sigma).to(image))


def sharpen(image: Tensor, radius: int, sigma: float, alpha: float) -> Tensor:
    """Unsharp masking: the blurred picture subtracted, 10 `alpha` times, in one convolution."""
    if radius == 0:
        return image
    kernel = gaussian_kernel(radius, sigma) * -(alpha * 10)
    kernel[radius, radius] += 1.0 - kernel.sum()
    return _convolve(image, kernel.to(image)).clamp(0.0, 1.0)


def gaussian_kernel(radius: int, sigma: float) -> Tensor:
    """A Gaussian over 2 radius + 1 pixels a side that sums to 1; `sigma` is in units of the radius."""
    along = torch.linspace(-1, 1, 2 * radius + 1)
    squared = along.reshape(-1, 1) ** 2 + along.reshape(1, -1) ** 2
    kernel = (-squared / (2.0 * sigma**2)).exp()
    return kernel / kernel.sum()


def _distance_to_extended(height: int, width: int, sides: tuple[int, int, int, int]) -> Tensor:
    """For each pixel [H, W], how far it is from the nearest side that was extended."""
    left, top, right, bottom = sides
    far = float(height + width)
    y = torch.arange(height, dtype=torch.float32).reshape(-1, 1)
    x = torch.arange(width, dtype=torch.float32).reshape(1, -1)
    distance = torch.full((height, width), far)
    for extended, to_side in ((left, x), (top, y), (right, width - x), (bottom, height - y)):
        if extended > 0:
            distance = distance.minimum(to_side)
    return distance


def _convolve(image: Tensor, kernel: Tensor) -> Tensor:
    """Every channel with one kernel [k, k], the picture reflected at its borders."""
    radius, channels = kernel.shape[0] // 2, image.shape[-1]
    padded = reflected(image.movedim(-1, 1), radius)
    weight = kernel.expand(channels, 1, *kernel.shape)
    return F.conv2d(padded, weight, groups=channels).movedim(1, -1)


def reflected(x: Tensor, radius: int) -> Tensor:
    """[B, C, H, W] mirrored at its borders, as often as few pixels need."""
    while radius > 0:
        step = min(radius, x.shape[2] - 1, x.shape[3] - 1)
        if step < 1:
            return F.pad(x, (radius,) * 4, mode="replicate")
        x = F.pad(x, (step,) * 4, mode="reflect")
        radius -= step
    return x


def _normal(_: Tensor, b: Tensor) -> Tensor:
    return b


def _screen(a: Tensor, b: Tensor) -> Tensor:
    return 1.0 - (1.0 - a) * (1.0 - b)


def _overlay(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(a <= 0.5, 2.0 * a * b, 1.0 - 2.0 * (1.0 - a) * (1.0 - b))


def _soft_light(a: Tensor, b: Tensor) -> Tensor:
    """W3C Compositing and Blending, section 10.1.10."""
    root = torch.where(a <= 0.25, ((16.0 * a - 12.0) * a + 4.0) * a, a.clamp(min=0.0).sqrt())
    return torch.where(b <= 0.5, a - (1.0 - 2.0 * b) * a * (1.0 - a), a + (2.0 * b - 1.0) * (root - a))


BLEND_MODES: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "normal": _normal,
    "multiply": torch.mul,
    "screen": _screen,
    "overlay": _overlay,
    "soft_light": _soft_light,
    "difference": torch.sub,
}
