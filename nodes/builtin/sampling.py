"""Sampling in one node: the whole way from noise to latent."""

from __future__ import annotations

from typing import Annotated, Literal

from torch import Tensor

from graph.context import Context
from graph.declare import Choices, Range, Seed, node
from nodes.builtin.ranges import Share
from nodes.diffusion.samplers.table import SAMPLERS
from nodes.diffusion.sampling import section, to_the_end
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import SCHEDULERS, drop_penultimate, partial_sigmas
from nodes.resuming import Request
from nodes.sampling import sampled
from nodes.sockets import Conditioning, Guider, Latent, Model, Noise, Sampler, Sigmas

SeedValue = Annotated[int, Range(0, 2**64 - 1), Seed()]
Steps = Annotated[int, Range(1, 10000)]
Cfg = Annotated[float, Range(0.0, 100.0, 0.1, 0.01)]
SamplerName = Annotated[str, Choices(tuple(SAMPLERS))]
SchedulerName = Annotated[str, Choices(tuple(SCHEDULERS))]


@node(
    "KSampler",
    category="sampling",
    returns="LATENT",
    lane="device",
    version=2,
    words=("sample", "denoise", "generate", "txt2img", "img2img"),
)
def ksampler(
    *,
    model: Model,
    seed: SeedValue = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: SamplerName,
    scheduler: SchedulerName,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: Share = 1.0,
    context: Context,
) -> Latent:
    """Denoise a latent under two prompts, towards one and away from the other.

    With a denoise below 1 the latent is only noised in part and redone, so that much of it stays.
    """
    sigmas = _sigmas(model, sampler_name, scheduler, steps, denoise)
    guider = Guider(model, positive, negative, cfg)
    request = Request(guider, Sampler(sampler_name), Sigmas(sigmas), latent_image, Noise(seed), seed)
    return sampled(request, context).output


@node(
    "KSamplerAdvanced",
    display_name="KSampler (Advanced)",
    category="sampling",
    returns="LATENT",
    lane="device",
    version=2,
    words=("sample", "refiner", "start at step"),
)
def ksampler_advanced(
    *,
    model: Model,
    add_noise: Literal["enable", "disable"],
    noise_seed: SeedValue = 0,
    steps: Steps = 20,
    cfg: Cfg = 8.0,
    sampler_name: SamplerName,
    scheduler: SchedulerName,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    start_at_step: Annotated[int, Range(0, 10000)] = 0,
    end_at_step: Annotated[int, Range(0, 10000)] = 10000,
    return_with_leftover_noise: Literal["disable", "enable"],
    context: Context,
) -> Latent:
    """A part of a schedule: from one step to another, with or without new noise, and with or without what is left of it."""
    sigmas = section(_sigmas(model, sampler_name, scheduler, steps, 1.0), start_at_step, end_at_step)
    if return_with_leftover_noise == "disable":
        sigmas = to_the_end(sigmas)
    noise = Noise(noise_seed if add_noise == "enable" else None)
    guider = Guider(model, positive, negative, cfg)
    request = Request(guider, Sampler(sampler_name), Sigmas(sigmas), latent_image, noise, noise_seed)
    return sampled(request, context).output


def _sigmas(model: Model, sampler_name: str, scheduler: str, steps: int, denoise: float) -> Tensor:
    spacing = SCHEDULERS[scheduler]
    if SAMPLERS[sampler_name].drops_penultimate:
        spacing = drop_penultimate(spacing)
    return partial_sigmas(spacing, noise_schedule(model.config.schedule), steps, denoise)
