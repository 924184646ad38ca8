"""Drawing with networks that are being trained or measured, by the samplers that everybody uses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.noise import seeded_noise
from nodes.diffusion.samplers.table import SAMPLERS
from nodes.diffusion.sampling import Run, diffusion_model, sample
from nodes.diffusion.schedulers import SCHEDULERS
from nodes.training.captioned_latents import Networks


def sampled_latents(
    networks: Networks,
    captions: Sequence[str],
    cells: Sequence[int],
    seed: int,
    *,
    steps: int | None = None,
    cfg: float | None = None,
) -> Tensor:
    """Scaled latents [B, C, h, w] drawn from captions with the model's own habits, in fewer steps, or at another cfg."""
    defaults, device = networks.config.defaults, networks.device
    diffusion = diffusion_model(networks.config, networks.unet)
    positive, negative = networks.context(networks.tokens(captions)), networks.context(networks.tokens([""]))
    empty = torch.zeros(len(captions), networks.config.unet.in_channels, *cells)
    wanted = defaults.steps if steps is None else min(steps, defaults.steps)
    run = Run(
        diffusion,
        (ConditioningEntry(positive),),
        (ConditioningEntry(negative),),
        defaults.cfg if cfg is None else cfg,
        SAMPLERS[defaults.sampler],
        SCHEDULERS[defaults.scheduler](diffusion.denoiser.schedule, wanted),
        empty.to(device),
        seeded_noise(seed, empty).to(device),
    )
    last = empty
    for step in sample(run):
        last = step.x
    return last
