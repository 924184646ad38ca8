"""Networks that enlarge pictures: ESRGAN with residual-in-residual dense blocks, and the compact net of Real-ESRGAN.

Parameter names are those of the newer checkpoints (`conv_first`, `body.0.rdb1.conv1`, ...); the older names of the same
layers are a table in `nodes/weights`. Pixels are [B, C, H, W] in 0..1, in and out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.upscaler import Upscaler

_RESIDUAL = 0.2
_SLOPE = 0.2


@dataclass(frozen=True, slots=True)
class RrdbConfig:
    """Wang et al. (2018), "ESRGAN", section 3.1. `doublings` enlarge by two each.

    Nets for small factors see the picture with squares of `unshuffle` pixels a side folded into channels (Wang et al., 2021,
    "Real-ESRGAN", section 3.2).
    """

    image_channels: int = 3
    out_channels: int = 3
    features: int = 64
    blocks: int = 23
    growth: int = 32
    doublings: int = 2
    unshuffle: int = 1

    @property
    def scale(self) -> float:
        return float(2**self.doublings) / self.unshuffle


@dataclass(frozen=True, slots=True)
class CompactConfig:
    """The plain stack of convolutions of Real-ESRGAN's small models (`SRVGGNetCompact`)."""

    image_channels: int = 3
    features: int = 64
    convolutions: int = 16
    upscale: int = 4

    @property
    def scale(self) -> float:
        return float(self.upscale)


class _DenseBlock(nn.Module):
    """Five convolutions, each of which sees all before it."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.conv1 = _conv(features, growth)
        self.conv2 = _conv(features + growth, growth)
        self.conv3 = _conv(features + 2 * growth, growth)
        self.conv4 = _conv(features + 3 * growth, growth)
        self.conv5 = _conv(features + 4 * growth, features)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, _leaky(conv(seen))], dim=1)
        out: Tensor = self.conv5(seen) * _RESIDUAL + x
        return out


class _ResidualDenseBlock(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = _DenseBlock(features, growth)
        self.rdb2 = _DenseBlock(features, growth)
        self.rdb3 = _DenseBlock(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.rdb3(self.rdb2(self.rdb1(x))) * _RESIDUAL + x
        return out


class RrdbNet(Upscaler):
    """ESRGAN's generator."""

    def __init__(self, config: RrdbConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = config.scale
        features = config.features
        self.conv_first = _conv(config.image_channels * config.unshuffle**2, features)
        self.body = nn.ModuleList(_ResidualDenseBlock(features, config.growth) for _ in range(config.blocks))
        self.conv_body = _conv(features, features)
        for index in range(config.doublings):
            self.add_module(f"conv_up{index + 1}", _conv(features, features))
        self.conv_hr = _conv(features, features)
        self.conv_last = _conv(features, config.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C', H scale, W scale], of any sides."""
        height, width = x.shape[2:]
        first = self.conv_first(_unshuffled(x, self.config.unshuffle))
        h = first
        for block in self.body:
            h = block(h)
        h = first + self.conv_body(h)
        for index in range(self.config.doublings):
            h = _leaky(self.get_submodule(f"conv_up{index + 1}")(F.interpolate(h, scale_factor=2.0, mode="nearest")))
        out: Tensor = self.conv_last(_leaky(self.conv_hr(h)))
        return out[..., : round(height * self.scale), : round(width * self.scale)]


class CompactNet(Upscaler):
    """A picture enlarged by repeating pixels, and what a stack of convolutions adds to it."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = config.scale
        widths = [config.image_channels, *[config.features] * (config.convolutions + 1)]
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [_conv(before, after), nn.PReLU(after)]
        layers.append(_conv(config.features, config.image_channels * config.upscale**2))
        self.body = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H scale, W scale]."""
        h = x
        for layer in self.body:
            h = layer(h)
        enlarged = F.interpolate(x, scale_factor=float(self.config.upscale), mode="nearest")
        return F.pixel_shuffle(h, self.config.upscale) + enlarged


def _conv(channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, 3, padding=1)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _unshuffled(x: Tensor, size: int) -> Tensor:
    """Squares of pixels as channels, after mirroring what is missing at the right and below to whole squares."""
    if size == 1:
        return x
    padded = F.pad(x, (0, -x.shape[3] % size, 0, -x.shape[2] % size), mode="reflect")
    return F.pixel_unshuffle(padded, size)
