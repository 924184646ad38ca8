"""Noise on the pictures that a network is shown: trained with it, a network can be told how far to trust them.

Ho et al. (2022), "Cascaded diffusion models", section 4.2; the schedules are those of Stable Diffusion's own
configuration files (x4-upscaling, v2-1-stable-unclip).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.config import ScheduleConfig
from nodes.diffusion.noise import seeded_generator
from nodes.diffusion.schedule import noise_schedule

LOW_RESOLUTION_LEVELS: Final = 350
"""The noisiest small pictures that the x4 upscaler was trained on, of 1000 levels."""
_LOW_RESOLUTION: Final = ScheduleConfig(beta_start=0.0001, beta_end=0.02)
_SEEDS_APART: Final = 10
_EMBEDDINGS: Final = ScheduleConfig(betas="squaredcos_cap_v2")


def picture_seed(seed: int) -> int:
    """The seed of the noise on pictures, of a run's: not that of the noise which sampling starts from."""
    return seed - _SEEDS_APART


def low_resolution_level(share: float) -> int:
    """The noise level, 0..350, of a share (0..1) of the most."""
    return round(LOW_RESOLUTION_LEVELS * share)


def noised_low_resolution(image: Tensor, level: int, seed: int) -> Tensor:
    """A small picture [B, 3, h, w] with the noise of a level, 0..999, from the seed of a run."""
    return _diffused(image, level, _LOW_RESOLUTION, seeded_generator(picture_seed(seed)))


def embedding_level(share: float) -> int:
    """The noise level, 0..999, of a share (0..1) of the most."""
    return round((_EMBEDDINGS.timesteps - 1) * share)


def noised_embeddings(embeddings: Tensor, level: int, generator: torch.Generator) -> Tensor:
    """Normalised embeddings [B, P] with the noise of a level, 0..999."""
    return _diffused(embeddings, level, _EMBEDDINGS, generator)


def _diffused(clean: Tensor, level: int, config: ScheduleConfig, generator: torch.Generator) -> Tensor:
    """Ho et al. (2020), equation 4: sqrt(a) x + sqrt(1 - a) noise, with a = 1 / (1 + sigma^2)."""
    sigma = noise_schedule(config).sigmas[level].to(clean.device)
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    return (clean + sigma * noise) / (1.0 + sigma**2).sqrt()
