"""SwinIR: pictures restored and enlarged by attention in shifted windows.

Liang et al. (2021), "SwinIR: Image Restoration Using Swin Transformer"; the blocks are those of Liu et al. (2021), "Swin
Transformer". Parameter names are those of the published checkpoints. Pixels are [B, C, H, W] in 0..1, in and out; between
the layers features are [B, H, W, C].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.upscaler import Upscaler

Reconstruction = Literal["shuffled", "shuffled at once", "repeated", "residual"]
"""How features become a larger picture: by sub-pixel convolutions, by a single one (for light nets), by repeating pixels
(for real photographs), or, at the same size, by adding to the picture what restores it."""

_MEAN: Final = (0.4488, 0.4371, 0.4040)
_SLOPE: Final = 0.2


@dataclass(frozen=True, slots=True)
class SwinIrConfig:
    """`depths` and `heads` give each layer's blocks and attention heads, `upscale` the factor, `span` what white is."""

    image_channels: int = 3
    embed: int = 180
    depths: tuple[int, ...] = (6,) * 6
    heads: tuple[int, ...] = (6,) * 6
    window: int = 8
    hidden: int = 360
    features: int = 64
    upscale: int = 4
    reconstruction: Reconstruction = "shuffled"
    bottleneck: bool = False
    span: float = 1.0

    @property
    def scale(self) -> float:
        return float(self.upscale)


class WindowAttention(nn.Module):
    """Attention inside windows, with a learned bias for each offset between two places of a window."""

    def __init__(self, channels: int, window: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """`x` [B windows, N, C] with N places a window; `mask` [windows, N, N] is 0 or -inf-like."""
        count, places, channels = x.shape
        qkv = self.qkv(x).view(count, places, 3, self.heads, channels // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # [B windows, heads, N, C / heads] each
        bias = self.relative_position_bias_table[_offsets(math.isqrt(places)).to(x.device)]  # [N, N, heads]
        bias = bias.permute(2, 0, 1)[None].to(x.dtype)
        if mask is not None:
            bias = (bias + mask[:, None]).repeat(count // len(mask), 1, 1, 1)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        out: Tensor = self.proj(attended.transpose(1, 2).reshape(count, places, channels))
        return out


class Mlp(nn.Module):
    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden)
        self.fc2 = nn.Linear(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class SwinBlock(nn.Module):
    """One block; `shift` moves the windows, so that every other block looks across their edges."""

    def __init__(self, config: SwinIrConfig, heads: int, shift: int) -> None:
        super().__init__()
        self.window, self.shift = config.window, shift
        self.norm1 = nn.LayerNorm(config.embed)
        self.attn = WindowAttention(config.embed, config.window, heads)
        self.norm2 = nn.LayerNorm(config.embed)
        self.mlp = Mlp(config.embed, config.hidden)

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, C], sides multiples of the window."""
        height, width = x.shape[1:3]
        h = torch.roll(self.norm1(x), (-self.shift, -self.shift), dims=(1, 2))
        mask = _mask(height, width, self.window, self.shift).to(x) if self.shift else None
        h = _joined(self.attn(_windows(h, self.window), mask), self.window, height, width)
        x = x + torch.roll(h, (self.shift, self.shift), dims=(1, 2))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class _Blocks(nn.Module):
    def __init__(self, config: SwinIrConfig, depth: int, heads: int) -> None:
        super().__init__()
        shifts = (0, config.window // 2)
        self.blocks = nn.ModuleList(SwinBlock(config, heads, shifts[index % 2]) for index in range(depth))


class ResidualSwinLayer(nn.Module):
    """Blocks, then a convolution, added to what came in (section 3.2)."""

    def __init__(self, config: SwinIrConfig, depth: int, heads: int) -> None:
        super().__init__()
        self.residual_group = _Blocks(config, depth, heads)
        self.conv = _convolution(config)

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for block in self.residual_group.blocks:
            h = block(h)
        out: Tensor = x + self.conv(h.movedim(-1, 1)).movedim(1, -1)
        return out


class _PatchEmbed(nn.Module):
    """Pixels are patches of one: only the norm is left of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)


class SwinIr(Upscaler):
    """[B, C, H, W] -> [B, C, H upscale, W upscale], of any sides."""

    def __init__(self, config: SwinIrConfig) -> None:
        super().__init__()
        self.config, self.scale = config, config.scale
        self.conv_first = _conv(config.image_channels, config.embed)
        self.patch_embed = _PatchEmbed(config.embed)
        self.layers = nn.ModuleList(
            ResidualSwinLayer(config, depth, heads) for depth, heads in zip(config.depths, config.heads, strict=True)
        )
        self.norm = nn.LayerNorm(config.embed)
        self.conv_after_body = _convolution(config)
        self._add_reconstruction()

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        mean = x.new_tensor(_MEAN if x.shape[1] == len(_MEAN) else (0.0,)).view(1, -1, 1, 1)
        x = (_padded(x, self.config.window) - mean) * self.config.span
        shallow = self.conv_first(x)
        h = self.patch_embed.norm(shallow.movedim(1, -1))
        for layer in self.layers:
            h = layer(h)
        deep = self.conv_after_body(self.norm(h).movedim(-1, 1)) + shallow
        enlarged = self._reconstructed(x, deep) / self.config.span + mean
        return enlarged[..., : height * self.config.upscale, : width * self.config.upscale]

    def _add_reconstruction(self) -> None:
        config = self.config
        channels, features, upscale = config.image_channels, config.features, config.upscale
        match config.reconstruction:
            case "shuffled":
                self.conv_before_upsample = nn.Sequential(_conv(config.embed, features), nn.LeakyReLU())
                self.upsample = nn.Sequential(*_sub_pixel(features, upscale))
                self.conv_last = _conv(features, channels)
            case "shuffled at once":
                self.upsample = nn.Sequential(_conv(config.embed, channels * upscale**2), nn.PixelShuffle(upscale))
            case "repeated":
                self.conv_before_upsample = nn.Sequential(_conv(config.embed, features), nn.LeakyReLU())
                for index in range(int(math.log2(upscale))):
                    self.add_module(f"conv_up{index + 1}", _conv(features, features))
                self.conv_hr = _conv(features, features)
                self.conv_last = _conv(features, channels)
            case "residual":
                self.conv_last = _conv(config.embed, channels)

    def _reconstructed(self, x: Tensor, deep: Tensor) -> Tensor:
        """Section 3.1, "image reconstruction": from features [B, C, H, W] to pixels."""
        out: Tensor
        match self.config.reconstruction:
            case "shuffled":
                out = self.conv_last(self.upsample(self.conv_before_upsample(deep)))
            case "shuffled at once":
                out = self.upsample(deep)
            case "repeated":
                out = self._repeated(self.conv_before_upsample(deep))
            case _:
                out = x + self.conv_last(deep)
        return out

    def _repeated(self, h: Tensor) -> Tensor:
        for index in range(int(math.log2(self.config.upscale))):
            h = F.interpolate(h, scale_factor=2.0, mode="nearest")
            h = F.leaky_relu(self.get_submodule(f"conv_up{index + 1}")(h), _SLOPE)
        out: Tensor = self.conv_last(F.leaky_relu(self.conv_hr(h), _SLOPE))
        return out


def _convolution(config: SwinIrConfig) -> nn.Module:
    """The convolution at the end of a layer: one, or three with a narrow middle."""
    if not config.bottleneck:
        return _conv(config.embed, config.embed)
    narrow = config.embed // 4
    return nn.Sequential(
        _conv(config.embed, narrow),
        nn.LeakyReLU(_SLOPE),
        nn.Conv2d(narrow, narrow, 1),
        nn.LeakyReLU(_SLOPE),
        _conv(narrow, config.embed),
    )


def _sub_pixel(features: int, upscale: int) -> list[nn.Module]:
    """Shi et al. (2016): a factor of 3 at once, a power of 2 by doublings."""
    if upscale == 3:
        return [_conv(features, 9 * features), nn.PixelShuffle(3)]
    layers: list[nn.Module] = []
    for _ in range(int(math.log2(upscale))):
        layers += [_conv(features, 4 * features), nn.PixelShuffle(2)]
    return layers


def _conv(channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, 3, padding=1)


def _padded(x: Tensor, window: int) -> Tensor:
    """Mirrored at the right and below to whole windows, as often as small pictures need."""
    height, width = x.shape[2:]
    wanted_height, wanted_width = height + -height % window, width + -width % window
    while x.shape[2:] != (wanted_height, wanted_width):
        below = min(wanted_height - x.shape[2], x.shape[2] - 1) if x.shape[2] > 1 else 0
        right = min(wanted_width - x.shape[3], x.shape[3] - 1) if x.shape[3] > 1 else 0
        if below == right == 0:  # a single row or column has nothing to mirror
            return F.pad(x, (0, wanted_width - x.shape[3], 0, wanted_height - x.shape[2]), mode="replicate")
        x = F.pad(x, (0, right, 0, below), mode="reflect")
    return x


def _windows(x: Tensor, window: int) -> Tensor:
    """[B, H, W, C] -> [B windows, N, C]."""
    batch, height, width, channels = x.shape
    x = x.view(batch, height // window, window, width // window, window, channels)
    return x.transpose(2, 3).reshape(-1, window * window, channels)


def _joined(windows: Tensor, window: int, height: int, width: int) -> Tensor:
    """The inverse of `_windows`."""
    channels = windows.shape[-1]
    x = windows.view(-1, height // window, width // window, window, window, channels)
    return x.transpose(2, 3).reshape(-1, height, width, channels)


def _mask(height: int, width: int, window: int, shift: int) -> Tensor:
    """[windows, N, N]: places that were not neighbours before the shift do not see each other."""
    rows, columns = (_regions(length, window, shift) for length in (height, width))
    regions = (3 * rows[:, None] + columns[None, :]).view(1, height, width, 1)
    of = _windows(regions, window).squeeze(-1)  # [windows, N]
    return (of[:, None] != of[:, :, None]).float() * -100.0


def _regions(length: int, window: int, shift: int) -> Tensor:
    """Which of three bands each row belongs to: whole windows, and the two parts of the last, split one."""
    regions = torch.zeros(length, dtype=torch.long)
    regions[-window:] = 1
    regions[-shift:] = 2
    return regions


def _offsets(window: int) -> Tensor:
    """[N, N]: for each pair of places of a window, the row of the bias table for their offset."""
    places = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    down, right = places[:, :, None] - places[:, None, :] + window - 1
    rows: Tensor = down * (2 * window - 1) + right
    return rows
