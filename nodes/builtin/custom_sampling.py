"""Sampling from parts: noise as a handle, and the loop that takes a guider, a method, noise levels and a latent."""

from __future__ import annotations

from dataclasses import replace

from graph.context import Context
from graph.declare import node
from nodes.builtin.sampling import Cfg, SeedValue
from nodes.diffusion import denoiser
from nodes.diffusion.sampling import plain_latent, scaled_latent
from nodes.resuming import Request
from nodes.sampling import Sampled, sampled, starting_noise
from nodes.sockets import Conditioning, Guider, Latent, Model, Noise, Sampler, Sigmas


@node("RandomNoise", category="sampling/custom_sampling/noise", returns="NOISE", lane="inline", words=("seed",))
def random_noise(*, noise_seed: SeedValue = 0) -> Noise:
    """Noise from a seed."""
    return Noise(noise_seed)


@node("DisableNoise", category="sampling/custom_sampling/noise", returns="NOISE", lane="inline")
def disable_noise() -> Noise:
    """No noise: the latent has its own already."""
    return Noise(None)


@node("AddNoise", category="_for_testing/custom_sampling/noise", returns="LATENT")
def add_noise(*, model: Model, noise: Noise, sigmas: Sigmas, latent_image: Latent) -> Latent:
    """Put as much noise on a latent as the way from the first to the last noise level removes."""
    levels = sigmas.values
    if len(levels) == 0:
        return latent_image
    sigma = (levels[0] - levels[-1]).abs() if len(levels) > 1 else levels[0]
    scaled = scaled_latent(model.config, latent_image.samples)
    noisy = denoiser.add_noise(scaled, starting_noise(noise, latent_image), sigma)
    return replace(latent_image, samples=plain_latent(model.config, noisy))


@node(
    "SamplerCustom",
    category="sampling/custom_sampling",
    returns=("output", "denoised_output"),
    lane="device",
    version=2,
)
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
    "SamplerCustomAdvanced",
    category="sampling/custom_sampling",
    returns=("output", "denoised_output"),
    lane="device",
    version=2,
    words=("sample",),
)
def sampler_custom_advanced(
    *, noise: Noise, guider: Guider, sampler: Sampler, sigmas: Sigmas, latent_image: Latent, context: Context
) -> tuple[Latent, Latent]:
    """Denoise a latent, all choices made by other nodes. Also gives the last prediction of the clean latent."""
    return _both(sampled(Request(guider, sampler, sigmas, latent_image, noise, noise.seed or 0), context))


def _both(result: Sampled) -> tuple[Latent, Latent]:
    return result.output, result.denoised
