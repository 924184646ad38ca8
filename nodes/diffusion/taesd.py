"""The tiny autoencoder (TAESD, O. Boer Bohan, 2023): a few million weights that stand in for the large one.

Used for previews, and as a VAE where speed matters more than detail. The layers are numbered in checkpoints, so both
halves are plain sequences. Inside, pictures are in 0..1 and latents scaled as the U-Net sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from nodes.diffusion.config import ModelConfig, VaeConfig
from nodes.diffusion.vae import LatentDistribution, crop_to_multiple

Half = Literal["encoder", "decoder"]

_BLOCKS = 3
_LATENT_RANGE = 3.0


@dataclass(frozen=True, slots=True)
class TaesdConfig:
    """One half of the tiny autoencoder."""

    half: Half
    latent_channels: int = 4
    width: int = 64


class _Block(nn.Module):
    """Three convolutions with a residual; both of one width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(_conv(width, width), nn.ReLU(), _conv(width, width), nn.ReLU(), _conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv(x) + x)


class _SoftClamp(nn.Module):
    """Latents bent into -3..3, beyond which the decoder was never trained."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / _LATENT_RANGE) * _LATENT_RANGE


class TaesdEncoder(nn.Sequential):
    """Pictures [B, 3, H, W] in 0..1 -> scaled latents [B, 4, H/8, W/8]."""

    def __init__(self, config: TaesdConfig) -> None:
        width = config.width
        layers: list[nn.Module] = [_conv(3, width), _Block(width)]
        for _ in range(3):
            layers += [nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False), *_blocks(width)]
        super().__init__(*layers, _conv(width, config.latent_channels))


class TaesdDecoder(nn.Sequential):
    """Scaled latents [B, 4, h, w] -> pictures [B, 3, 8h, 8w], about 0..1."""

    def __init__(self, config: TaesdConfig) -> None:
        width = config.width
        layers: list[nn.Module] = [_SoftClamp(), _conv(config.latent_channels, width), nn.ReLU()]
        for _ in range(3):
            layers += [*_blocks(width), nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1, bias=False)]
        super().__init__(*layers, _Block(width), _conv(width, 3))


@dataclass(frozen=True, slots=True)
class TinyVae:
    """Both halves with the large autoencoder's interface: plain latents, pixels in -1..1."""

    config: VaeConfig
    scale_factor: float
    encoder: TaesdEncoder
    decoder: TaesdDecoder

    def encode(self, pixels: Tensor) -> LatentDistribution:
        """Pixels [B, 3, H, W] in -1..1 -> latents [B, 4, H/8, W/8], without any spread."""
        pixels = crop_to_multiple(pixels, self.config.downscale)
        latent = self.encoder(_cast(pixels * 0.5 + 0.5, self.encoder)).float() / self.scale_factor
        return LatentDistribution(latent, torch.full_like(latent, -torch.inf))

    def decode(self, latent: Tensor) -> Tensor:
        """Latents [B, 4, h, w] -> pixels [B, 3, 8h, 8w] in float32, about -1..1 and not clamped."""
        pixels: Tensor = self.decoder(_cast(latent * self.scale_factor, self.decoder))
        return (pixels.float() - 0.5) * 2.0


def tiny_vae(model: ModelConfig, encoder: TaesdEncoder, decoder: TaesdDecoder) -> TinyVae:
    """The tiny autoencoder of a model family."""
    return TinyVae(model.vae, model.scale_factor, encoder, decoder)


def build_taesd(config: TaesdConfig) -> TaesdEncoder | TaesdDecoder:
    return TaesdEncoder(config) if config.half == "encoder" else TaesdDecoder(config)


def _conv(channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, 3, padding=1)


def _blocks(width: int) -> list[nn.Module]:
    return [_Block(width) for _ in range(_BLOCKS)]


def _cast(x: Tensor, module: nn.Module) -> Tensor:
    return x.to(next(module.parameters()).dtype)
