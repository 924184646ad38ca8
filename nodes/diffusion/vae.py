"""The autoencoder of latent diffusion: pictures to latents and back.

Rombach et al. (2022), section 3.1 and appendix G: a convolutional encoder and decoder with one attention layer in the middle
and a KL-regularised latent. Parameter names equal those of LDM checkpoints without their `first_stage_model.` prefix.

A latent here is the plain one, as it travels between nodes. The factor that fits it to the U-Net (0.18215 for SD 1.x)
belongs to sampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.attention import multi_head_attention
from nodes.diffusion.config import VaeConfig


@dataclass(frozen=True, slots=True)
class LatentDistribution:
    """A diagonal Gaussian over latents [B, C, h, w]."""

    mean: Tensor
    log_variance: Tensor

    def mode(self) -> Tensor:
        """The most likely latent: what encoding a picture gives, so that it is reproducible."""
        return self.mean

    def sample(self, noise: Tensor) -> Tensor:
        """A draw from the distribution, by standard normal noise of its shape."""
        std = torch.exp(0.5 * self.log_variance.clamp(-30.0, 20.0))
        return self.mean + std * noise.to(self.mean)


class Autoencoder(Protocol):
    """What encodes pixels to latents and decodes them: the large network below, or a tiny one."""

    @property
    def config(self) -> VaeConfig: ...

    def encode(self, pixels: Tensor) -> LatentDistribution: ...

    def decode(self, latent: Tensor) -> Tensor: ...


class Vae(nn.Module):
    """Encoder and decoder with the 1x1 convolutions between them and the latent."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(2 * config.z_channels, 2 * config.embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)

    @property
    def dtype(self) -> torch.dtype:
        """The precision the network computes in: that of its weights."""
        return self.post_quant_conv.weight.dtype

    def encode(self, pixels: Tensor) -> LatentDistribution:
        """Pixels [B, 3, H, W] in -1..1 -> latents [B, 4, H/8, W/8] in float32.

        Sides that are not a multiple of the downscale are cropped around the centre.
        """
        pixels = crop_to_multiple(pixels, self.config.downscale)
        moments = self.quant_conv(self.encoder(pixels.to(self.dtype))).float()
        mean, log_variance = moments.chunk(2, dim=1)
        return LatentDistribution(mean, log_variance)

    def decode(self, latent: Tensor) -> Tensor:
        """Latents [B, 4, h, w] -> pixels [B, 3, 8h, 8w] in float32, about -1..1 and not clamped."""
        pixels: Tensor = self.decoder(self.post_quant_conv(latent.to(self.dtype)))
        return pixels.float()


class PictureTooSmallError(ValueError):
    """A picture of which nothing is left when its sides are cut to multiples."""

    code = "picture_too_small"
    hint = "Scale it up first."


def crop_to_multiple(pixels: Tensor, multiple: int) -> Tensor:
    """The largest centred part of [..., H, W] whose sides are multiples of `multiple`. Raises PictureTooSmallError."""
    height, width = pixels.shape[-2:]
    if min(height, width) < multiple:
        raise PictureTooSmallError(f"a picture of {width}x{height} pixels is too small: {multiple}x{multiple} at least")
    top, left = height % multiple // 2, width % multiple // 2
    return pixels[..., top : top + height // multiple * multiple, left : left + width // multiple * multiple]


def encode_image(vae: Autoencoder, image: Tensor) -> Tensor:
    """An image [B, H, W, 1, 3 or 4] in 0..1 -> its latent [B, 4, H/8, W/8] (the mode); alpha is dropped."""
    return vae.encode(pixels_of(image, vae.config.image_channels)).mode()


def decode_image(vae: Autoencoder, latent: Tensor) -> Tensor:
    """A latent [B, 4, h, w] -> the image [B, 8h, 8w, 3] in 0..1, float32 and contiguous."""
    return picture_of(vae.decode(latent))


def pixels_of(image: Tensor, channels: int) -> Tensor:
    """An image [B, H, W, C] in 0..1 as pixels [B, channels, H, W] in -1..1: grey is repeated, alpha dropped."""
    coloured = image.expand(-1, -1, -1, channels) if image.shape[3] == 1 else image[..., :channels]
    return coloured.movedim(-1, 1) * 2.0 - 1.0


def picture_of(pixels: Tensor) -> Tensor:
    """Pixels [B, C, H, W] around -1..1 as an image [B, H, W, C] in 0..1, contiguous."""
    return ((pixels + 1.0) / 2.0).clamp(0.0, 1.0).movedim(1, -1).contiguous()


class Encoder(nn.Module):
    """Pixels to the moments of the latent, halving the sides between levels."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.ch * mult for mult in config.ch_mult]
        self.conv_in = nn.Conv2d(config.image_channels, config.ch, 3, padding=1)
        self.down = nn.ModuleList(
            _DownLevel(before, after, config, downsample=level < len(widths) - 1)
            for level, (before, after) in enumerate(zip([config.ch, *widths[:-1]], widths, strict=True))
        )
        self.mid = _Middle(widths[-1], config.norm_num_groups)
        self.norm_out = _norm(widths[-1], config.norm_num_groups)
        self.conv_out = nn.Conv2d(widths[-1], 2 * config.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_in(x)
        for level in self.down:
            h = level(h)
        out: Tensor = self.conv_out(F.silu(self.norm_out(self.mid(h))))
        return out


class Decoder(nn.Module):
    """Latents to pixels. Checkpoints number the levels from the largest picture, so they run backwards."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.ch * mult for mult in config.ch_mult]
        self.conv_in = nn.Conv2d(config.z_channels, widths[-1], 3, padding=1)
        self.mid = _Middle(widths[-1], config.norm_num_groups)
        self.up = nn.ModuleList(
            _UpLevel(before, after, config, upsample=level > 0)
            for level, (before, after) in enumerate(zip([*widths[1:], widths[-1]], widths, strict=True))
        )
        self.norm_out = _norm(config.ch, config.norm_num_groups)
        self.conv_out = nn.Conv2d(config.ch, config.image_channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            h = level(h)
        out: Tensor = self.conv_out(F.silu(self.norm_out(h)))
        return out


def _norm(channels: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, channels, eps=1e-6)


class _ResnetBlock(nn.Module):
    """Two normalised convolutions and a residual, without a timestep."""

    def __init__(self, channels: int, out_channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _norm(channels, groups)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.norm2 = _norm(out_channels, groups)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        if channels != out_channels:
            self.nin_shortcut = nn.Conv2d(channels, out_channels, 1)
        self.widens = channels != out_channels

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        out: Tensor = (self.nin_shortcut(x) if self.widens else x) + h
        return out


class _Attention(nn.Module):
    """Single-head self-attention over the cells of the map."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = _norm(channels, groups)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        # (B, h*w, C), each cell's channels side by side: else a number is made for every pair of cells.
        q, k, v = (layer(h).flatten(2).transpose(1, 2).contiguous() for layer in (self.q, self.k, self.v))
        mixed = multi_head_attention(q, k, v, heads=1).transpose(1, 2).reshape(x.shape)
        out: Tensor = x + self.proj_out(mixed)
        return out


class _Middle(nn.Module):
    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.block_1 = _ResnetBlock(channels, channels, groups)
        self.attn_1 = _Attention(channels, groups)
        self.block_2 = _ResnetBlock(channels, channels, groups)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return out


class _Downsample(nn.Module):
    """Strided convolution padded on the right and below only, as the autoencoder was trained."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return out


class _Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out


class _DownLevel(nn.Module):
    def __init__(self, channels: int, out_channels: int, config: VaeConfig, *, downsample: bool) -> None:
        super().__init__()
        self.block = _resnet_chain(channels, out_channels, config.num_res_blocks, config.norm_num_groups)
        if downsample:
            self.downsample = _Downsample(out_channels)
        self.resizes = downsample

    def forward(self, h: Tensor) -> Tensor:
        for block in self.block:
            h = block(h)
        return self.downsample(h) if self.resizes else h


class _UpLevel(nn.Module):
    def __init__(self, channels: int, out_channels: int, config: VaeConfig, *, upsample: bool) -> None:
        super().__init__()
        self.block = _resnet_chain(channels, out_channels, config.num_res_blocks + 1, config.norm_num_groups)
        if upsample:
            self.upsample = _Upsample(out_channels)
        self.resizes = upsample

    def forward(self, h: Tensor) -> Tensor:
        for block in self.block:
            h = block(h)
        return self.upsample(h) if self.resizes else h


def _resnet_chain(channels: int, out_channels: int, count: int, groups: int) -> nn.ModuleList:
    return nn.ModuleList(
        _ResnetBlock(channels if index == 0 else out_channels, out_channels, groups) for index in range(count)
    )
