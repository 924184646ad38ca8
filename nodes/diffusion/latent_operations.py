"""Operations on latents [B, C, h, w] that treat the length of each channel vector apart from its direction.

They are values, so that one can be made in one place and applied in another, to a latent or inside a sampling run.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from nodes.diffusion.image import gaussian_kernel, reflected

_SMALLEST_LENGTH = 1e-10
_SMALLEST_LUMINANCE = 1e-6
_DEVIATIONS_TO_TOP = 5.0
_SHARPEN_SCALE = 10.0


@dataclass(frozen=True, slots=True)
class TonemapReinhard:
    """Long vectors shortened, as bright lights are in photographs (Reinhard et al., 2002, equation 3).

    `multiplier` moves the length that vectors never reach, in units of five deviations above their mean.
    """

    multiplier: float

    def __call__(self, samples: Tensor) -> Tensor:
        length: Tensor = samples.norm(dim=1, keepdim=True) + _SMALLEST_LENGTH
        deviation, mean = torch.std_mean(length, dim=(1, 2, 3), keepdim=True)
        top = (deviation * _DEVIATIONS_TO_TOP + mean) * self.multiplier
        return samples / length * (length * top / (length + top))


@dataclass(frozen=True, slots=True)
class Sharpen:
    """Unsharp masking of the directions; lengths stay."""

    radius: int
    sigma: float
    alpha: float

    def __call__(self, samples: Tensor) -> Tensor:
        length: Tensor = samples.norm(dim=1, keepdim=True) + _SMALLEST_LUMINANCE
        kernel = gaussian_kernel(self.radius, self.sigma) * -(self.alpha * _SHARPEN_SCALE)
        kernel[self.radius, self.radius] += 1.0 - kernel.sum()
        direction = samples / length
        padded = reflected(direction, self.radius)
        weight = kernel.to(samples).expand(samples.shape[1], 1, *kernel.shape)
        return length * F.conv2d(padded, weight, groups=samples.shape[1])


LatentFunction = TonemapReinhard | Sharpen


def concat(samples1: Tensor, samples2: Tensor, dim: int) -> Tensor:
    """Two latents of one batch beside each other."""
    return torch.cat([samples1, samples2], dim=dim)


def cut(samples: Tensor, dim: int, index: int, amount: int) -> Tensor:
    """`amount` rows or columns from `index`, which counts from the end if negative; moved and cut to what there is."""
    length = samples.shape[dim]
    start = min(index, length - 1) if index >= 0 else max(index, -length)
    available = length - start if index >= 0 else -start
    return samples.narrow(dim, start, min(available, amount))
