"""FreeU: stronger backbone features and weaker skips on the two deepest levels (Si et al., 2023, section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodes.diffusion.patching import Hooks, Start, wrap_layers
from nodes.diffusion.unet import UNet

_RADIUS = 1  # of the low frequencies, in cells of the shifted spectrum


@dataclass(frozen=True, slots=True)
class FreeU:
    """b1 and s1 scale the level of four times the base width, b2 and s2 that of twice it.

    Half of the backbone's channels is scaled; when `by_structure` (version 2) by as much as the mean over all channels says
    that something is there.
    """

    b1: float
    b2: float
    s1: float
    s2: float
    by_structure: bool

    def begin(self, start: Start) -> Hooks:
        width = start.config.unet.model_channels
        factors = {4 * width: (self.b1, self.s1), 2 * width: (self.b2, self.s2)}
        return Hooks(network=lambda network: self._network(network, factors))

    def _network(self, network: UNet, factors: dict[int, tuple[float, float]]) -> UNet:
        names = [f"joins.{index}" for index in range(len(network.joins))]
        return wrap_layers(network, names, lambda join: _ScaledJoin(join, factors, by_structure=self.by_structure))


class _ScaledJoin(nn.Module):
    def __init__(self, join: nn.Module, factors: dict[int, tuple[float, float]], *, by_structure: bool) -> None:
        super().__init__()
        self.join = join
        self.factors = factors
        self.by_structure = by_structure

    def forward(self, h: Tensor, skip: Tensor) -> Tensor:
        if h.shape[1] in self.factors:
            backbone, low = self.factors[h.shape[1]]
            half = h.shape[1] // 2
            strength = (backbone - 1.0) * _structure(h) + 1.0 if self.by_structure else backbone
            h = torch.cat([h[:, :half] * strength, h[:, half:]], dim=1)
            skip = scale_frequencies(skip, low, 1.0, _RADIUS)
        out: Tensor = self.join(h, skip)
        return out


def scale_frequencies(x: Tensor, low: float, high: float, radius: int) -> Tensor:
    """x [B, C, h, w] with the square of frequencies around zero, up to `radius` to each side, and all others scaled."""
    spectrum = torch.fft.fftshift(torch.fft.fftn(x.float(), dim=(-2, -1)), dim=(-2, -1))
    scale = torch.full_like(x, high, dtype=torch.float32)
    scale[..., _around_zero(x.shape[-2], radius), _around_zero(x.shape[-1], radius)] = low
    shifted = torch.fft.ifftshift(spectrum * scale, dim=(-2, -1))
    filtered: Tensor = torch.fft.ifftn(shifted, dim=(-2, -1)).real
    return filtered.to(x.dtype)


def _around_zero(cells: int, radius: int) -> slice:
    """The places of a shifted axis that are within a radius of zero; one cell is all low."""
    middle = cells // 2
    reach = min(radius, middle)
    return slice(middle - reach, middle + reach) if cells > 1 else slice(None)


def _structure(h: Tensor) -> Tensor:
    """The mean over channels [B, 1, h, w], each picture's range stretched to 0..1; 0 where all is alike."""
    mean = h.mean(dim=1, keepdim=True)
    low, high = mean.amin(dim=(2, 3), keepdim=True), mean.amax(dim=(2, 3), keepdim=True)
    stretched: Tensor = (mean - low) / (high - low).clamp(min=torch.finfo(mean.dtype).tiny)
    return stretched
