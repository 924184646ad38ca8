"""The loss of the autoencoder: how far a decoded picture is from the original.

Pixels are [B, 3, H, W] in -1..1. Absolute errors at several scales keep colours and shapes, errors of the
gradients keep edges; the Kullback-Leibler term only keeps the latent bounded (Rombach et al., 2022, appendix G).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nodes.diffusion.vae import LatentDistribution

_SCALES = 3


def reconstruction_loss(decoded: Tensor, original: Tensor) -> Tensor:
    """Multi-scale absolute error plus the absolute error of the picture's gradients."""
    loss = _gradient_error(decoded, original)
    for _ in range(_SCALES):
        loss = loss + (decoded - original).abs().mean()
        decoded, original = F.avg_pool2d(decoded, 2), F.avg_pool2d(original, 2)
    return loss


def kl_divergence(latent: LatentDistribution) -> Tensor:
    """KL(q || N(0, 1)) in nats per latent value."""
    log_variance = latent.log_variance.clamp(-30, 20)
    return 0.5 * (latent.mean**2 + log_variance.exp() - 1 - log_variance).mean()


def psnr(decoded: Tensor, original: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each picture: [B]."""
    error = ((decoded.clamp(-1, 1) - original) / 2).pow(2).flatten(1).mean(1)
    return -10 * torch.log10(error.clamp(min=1e-10))


def _gradient_error(decoded: Tensor, original: Tensor) -> Tensor:
    difference = decoded - original
    down = (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
    across = (difference[..., :, 1:] - difference[..., :, :-1]).abs().mean()
    return down + across
