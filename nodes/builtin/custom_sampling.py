"""Sampling from parts: schedules as values, methods, guiders and noise as handles, and the loop that takes them."""

from __future__ import annotations

from typing import Annotated

import torch

from graph.context import Context
from graph.declare import Range, node
from nodes.builtin.ranges import Share
from nodes.builtin.sampling import Cfg, SamplerName, SchedulerName, SeedValue, Steps
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import (
    SCHEDULERS,
    beta_sigmas,
    exponential_sigmas,
    karras_sigmas,
    partial_sigmas,
)
from nodes.errors import UnsuitableInput
from nodes.sampling import Request, Sampled, sampled
from nodes.sockets import Conditioning, Guider, Latent, Model, Noise, Sampler, Sigmas

Level = Annotated[float, Range(0.0, 5000.0, 0.01)]

_ALMOST_CLEAN = 0.0001


@node("BasicScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def basic_scheduler(*, model: Model, scheduler: SchedulerName, steps: Steps = 20, denoise: Share = 1.0) -> Sigmas:
    """The noise levels that a number of steps visit."""
    schedule = noise_schedule(model.config.schedule)
    return Sigmas(partial_sigmas(SCHEDULERS[scheduler], schedule, steps, denoise))


@node("KarrasScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def karras_scheduler(
    *,
    steps: Steps = 20,
    sigma_max: Level = 14.614642,
    sigma_min: Level = 0.0291675,
    rho: Annotated[float, Range(0.0, 100.0, 0.01)] = 7.0,
) -> Sigmas:
    """Noise levels spaced as by Karras et al., 2022."""
    if rho == 0.0:
        raise UnsuitableInput("rho must be above 0")
    return Sigmas(karras_sigmas(steps, sigma_min, sigma_max, rho))


@node("ExponentialScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def exponential_scheduler(*, steps: Steps = 20, sigma_max: Level = 14.614642, sigma_min: Level = 0.0291675) -> Sigmas:
    """Noise levels that fall by the same factor each step."""
    if sigma_max == 0.0 or sigma_min == 0.0:
        raise UnsuitableInput("sigma_max and sigma_min must be above 0")
    return Sigmas(exponential_sigmas(steps, sigma_min, sigma_max))


@node("BetaSamplingScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def beta_sampling_scheduler(
    *,
    model: Model,
    steps: Steps = 20,
    alpha: Annotated[float, Range(0.0, 50.0, 0.01)] = 0.6,
    beta: Annotated[float, Range(0.0, 50.0, 0.01)] = 0.6,
) -> Sigmas:
    """Noise levels at the quantiles of a beta distribution."""
    if alpha == 0.0 or beta == 0.0:
        raise UnsuitableInput("alpha and beta must be above 0")
    return Sigmas(beta_sigmas(noise_schedule(model.config.schedule), steps, alpha, beta))


@node("SplitSigmas", category="sampling/custom_sampling/sigmas", returns=("high_sigmas", "low_sigmas"))
def split_sigmas(*, sigmas: Sigmas, step: Annotated[int, Range(0, 10000)] = 0) -> tuple[Sigmas, Sigmas]:
    """Cut a schedule in two after some steps; both parts have the level at the cut."""
    return Sigmas(sigmas.values[: step + 1]), Sigmas(sigmas.values[step:])


@node("SplitSigmasDenoise", category="sampling/custom_sampling/sigmas", returns=("high_sigmas", "low_sigmas"))
def split_sigmas_denoise(*, sigmas: Sigmas, denoise: Share = 1.0) -> tuple[Sigmas, Sigmas]:
    """Cut a schedule in two so that the second part is this share of its steps."""
    steps = max(len(sigmas.values) - 1, 0)
    redone = round(steps * denoise)
    high = sigmas.values[: len(sigmas.values) - redone] if redone else sigmas.values[:0]
    return Sigmas(high), Sigmas(sigmas.values[-(redone + 1) :])


@node("FlipSigmas", category="sampling/custom_sampling/sigmas", returns="SIGMAS")
def flip_sigmas(*, sigmas: Sigmas) -> Sigmas:
    """A schedule backwards, from picture to noise."""
    flipped = sigmas.values.flip(0)
    if len(flipped) and flipped[0] == 0:
        flipped[0] = _ALMOST_CLEAN
    return Sigmas(flipped)


@node("SetFirstSigma", category="sampling/custom_sampling/sigmas", returns="SIGMAS")
def set_first_sigma(*, sigmas: Sigmas, sigma: Annotated[float, Range(0.0, 20000.0, 0.001)] = 136.0) -> Sigmas:
    """Start a schedule at another level."""
    return Sigmas(torch.cat([sigmas.values.new_full((min(1, len(sigmas.values)),), sigma), sigmas.values[1:]]))


@node("KSamplerSelect", category="sampling/custom_sampling/samplers", returns="SAMPLER", lane="inline")
def ksampler_select(*, sampler_name: SamplerName) -> Sampler:
    """A sampling method."""
    return Sampler(sampler_name)


@node("RandomNoise", category="sampling/custom_sampling/noise", returns="NOISE", lane="inline")
def random_noise(*, noise_seed: SeedValue = 0) -> Noise:
    """Noise from a seed."""
    return Noise(noise_seed)


@node("DisableNoise", category="sampling/custom_sampling/noise", returns="NOISE", lane="inline")
def disable_noise() -> Noise:
    """No noise: the latent has its own already."""
    return Noise(None)


@node("CFGGuider", category="sampling/custom_sampling/guiders", returns="GUIDER", lane="inline")
def cfg_guider(*, model: Model, positive: Conditioning, negative: Conditioning, cfg: Cfg = 8.0) -> Guider:
    """Towards one prompt and away from another."""
    return Guider(model, positive, negative, cfg)


@node("BasicGuider", category="sampling/custom_sampling/guiders", returns="GUIDER", lane="inline")
def basic_guider(*, model: Model, conditioning: Conditioning) -> Guider:
    """By one prompt alone."""
    return Guider(model, conditioning, conditioning, 1.0)


@node("SamplerCustom", category="sampling/custom_sampling", returns=("output", "denoised_output"), lane="device")
def sampler_custom(
    *,
    model: Model,
    add_noise: bool = True,
    noise_seed: SeedValue = 0,
    cfg: Cfg = 8.0,
    positive: Conditioning,
    negative: Conditioning,
    sampler: Sampler,
    sigmas: Sigmas,
    latent_image: Latent,
    context: Context,
) -> tuple[Latent, Latent]:
    """Denoise a latent along given noise levels. Also gives the last prediction of the clean latent."""
    guider = Guider(model, positive, negative, cfg)
    noise = Noise(noise_seed if add_noise else None)
    return _both(sampled(Request(guider, sampler, sigmas, latent_image, noise, noise_seed), context))


@node(
    "SamplerCustomAdvanced", category="sampling/custom_sampling", returns=("output", "denoised_output"), lane="device"
)
def sampler_custom_advanced(
    *, noise: Noise, guider: Guider, sampler: Sampler, sigmas: Sigmas, latent_image: Latent, context: Context
) -> tuple[Latent, Latent]:
    """Denoise a latent, all choices made by other nodes. Also gives the last prediction of the clean latent."""
    return _both(sampled(Request(guider, sampler, sigmas, latent_image, noise, noise.seed or 0), context))


def _both(result: Sampled) -> tuple[Latent, Latent]:
    return result.output, result.denoised
