"""A sampler taken apart: one node for each thing that the loop in `KSampler` does.

    BeginSampling -> x -> UNetStep -> denoised -> EulerStep -> x -> UNetStep -> ... -> EndSampling

Between begin and end, latents are in the scale of the network, and the numbers are those of the loop, bit for bit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch

from graph.context import Context
from graph.declare import Range, SocketOnly, node
from nodes.builtin.sampling import Cfg
from nodes.diffusion.denoiser import initial_latent
from nodes.diffusion.inputs import Canvas
from nodes.diffusion.samplers.euler import euler_step
from nodes.diffusion.sampling import begin, diffusion_model, guide, plain_latent, scaled_latent
from nodes.diffusion.schedule import noise_schedule
from nodes.errors import UnsuitableInput
from nodes.models import Models
from nodes.sampling import expect_fitting, finished, groundings_of, networks_of, on_device, prompts_of, starting_noise
from nodes.sockets import Conditioning, Guider, Latent, Model, Noise, ScaledLatent, Sigmas

Sigma = Annotated[float, SocketOnly()]


@node("SigmaAt", display_name="Sigma At", category="sampling/by_hand", returns="sigma", lane="inline")
def sigma_at(*, sigmas: Sigmas, index: Annotated[int, Range(-10000, 10000)] = 0) -> float:
    """One noise level of a schedule. Negative indices count from the end."""
    count = len(sigmas.values)
    if not -count <= index < count:
        raise UnsuitableInput(
            f"these sigmas have {count} values, hence none at index {index}",
            hint=f"Use {-count} to {count - 1}." if count else "Use at least one step and a denoise above 0.",
        )
    return float(sigmas.values[index])


@node("BeginSampling", display_name="Begin Sampling", category="sampling/by_hand", returns="x")
def begin_sampling(*, model: Model, noise: Noise, sigma: Sigma, latent_image: Latent) -> ScaledLatent:
    """The noisy latent that the first step is given: scaled for the model, with noise of the first sigma."""
    config = model.config
    scaled = scaled_latent(config, latent_image.samples)
    schedule = noise_schedule(config.schedule)
    return ScaledLatent(initial_latent(scaled, starting_noise(noise, latent_image), torch.tensor(sigma), schedule))


@node("UNetStep", display_name="UNet Step", category="sampling/by_hand", returns="denoised", lane="device", version=2)
def unet_step(
    *,
    model: Model,
    x: ScaledLatent,
    sigma: Sigma,
    positive: Conditioning,
    negative: Conditioning,
    cfg: Cfg = 8.0,
    context: Context,
) -> ScaledLatent:
    """One evaluation of the model under guidance: the clean latent it sees in a noisy one at one noise level."""
    prompts = prompts_of(Guider(model, positive, negative, cfg))
    expect_fitting(model.config, prompts, x.samples)
    models = Models.of(context)
    device = models.device(model.weights)
    samples = x.samples.to(device)
    with (
        models.unet(model.weights, model.adapters, model.hypernetworks) as network,
        models.control_nets(networks_of(*prompts), model.weights, model.adapters) as controls,
        models.groundings(groundings_of(*prompts)) as groundings,
        torch.inference_mode(),
    ):
        prepared = diffusion_model(model.config, network, controls, models.statistics(model.weights), groundings)
        canvas, level = Canvas(samples), torch.tensor(sigma)
        hooks = begin(prepared, model.patches, canvas, level[None], seed=0)
        guidance = guide(prepared, on_device(positive, device), on_device(negative, device), cfg, canvas, hooks)
        denoised = guidance(samples, level)
    return ScaledLatent(finished(denoised))


@node("EulerStep", display_name="Euler Step", category="sampling/by_hand", returns="x")
def sampler_euler_step(*, x: ScaledLatent, denoised: ScaledLatent, sigma: Sigma, sigma_next: Sigma) -> ScaledLatent:
    """One step of Euler's method from a noise level to the next."""
    if sigma == 0.0:
        raise UnsuitableInput("no step starts at sigma 0, where no noise is left")
    return ScaledLatent(euler_step(x.samples, denoised.samples, torch.tensor(sigma), torch.tensor(sigma_next)))


@node("EndSampling", display_name="End Sampling", category="sampling/by_hand", returns="LATENT")
def end_sampling(*, model: Model, x: ScaledLatent, latent_image: Latent | None = None) -> Latent:
    """Back to an ordinary latent. The noise mask and batch of `latent_image`, if it is linked, are kept."""
    samples = plain_latent(model.config, x.samples)
    return Latent(samples) if latent_image is None else replace(latent_image, samples=samples)
