"""The training loss of a diffusion network and its weight over timesteps."""

from __future__ import annotations

import torch
from torch import Tensor

from nodes.diffusion.config import Prediction


def min_snr_weight(snr: Tensor, gamma: float, prediction: Prediction) -> Tensor:
    """Min-SNR-gamma (Hang et al., 2023): the x0 loss weighted by min(SNR, gamma), for what is predicted.

    eps: min(SNR, gamma) / SNR. v: min(SNR, gamma) / (SNR + 1).
    """
    clipped = snr.clamp(max=gamma)
    return clipped / (snr if prediction == "eps" else snr + 1)


def weighted_loss(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean of squared errors [B, ...], each example weighted by weight [B]."""
    errors = (predicted.float() - target.float()).pow(2).flatten(1).mean(1)  # (B,)
    return (weight * errors).mean()


def drop_captions(tokens: Tensor, empty: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Tokens [B, T] with a share of the rows replaced by those of the empty caption [T].

    What classifier-free guidance needs to know of the unconditional model (Ho and Salimans, 2022).
    """
    dropped = torch.rand(len(tokens), generator=generator) < share
    return torch.where(dropped[:, None], empty[None], tokens)
