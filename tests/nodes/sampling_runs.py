"""How the tests of samplers run one: from the noise that the reference results began with."""

from __future__ import annotations

import torch
from torch import Tensor

from nodes.diffusion.config import ScheduleConfig
from nodes.diffusion.samplers.step import Denoise, Past, Sample, Step
from nodes.diffusion.samplers.table import Sampler, take_steps
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import drop_penultimate, karras
from tests.nodes.toy_denoise import SHAPE, ToyDenoise

SD = noise_schedule(ScheduleConfig())
SEED = 1234


def sigmas_for(sampler: Sampler, steps: int) -> Tensor:
    """Karras' sigmas of SD 1.x, spaced as the sampler wants them."""
    return (drop_penultimate(karras) if sampler.drops_penultimate else karras)(SD, steps)


def starting_latent(sigmas: Tensor) -> Tensor:
    """Pure noise, as for a full denoise."""
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(SEED)) * (1 + sigmas[0] ** 2).sqrt()


def run(sampler: Sampler, sigmas: Tensor, past: Past = (), denoise: Denoise | None = None) -> list[Step]:
    return list(take_steps(sampler, denoise or ToyDenoise(), starting_latent(sigmas), sigmas, SEED, past))


def result(sample: Sample, steps: int = 6, denoise: Denoise | None = None) -> Tensor:
    """Where a sampler that draws no noise arrives."""
    sampler = Sampler(sample)
    return run(sampler, sigmas_for(sampler, steps), denoise=denoise)[-1].x
