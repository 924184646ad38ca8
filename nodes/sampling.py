"""Sampling as nodes do it: from the values on wires to a run of `nodes/diffusion/sampling.py`, and back.

Borrows the network, moves what it needs to its device, watches the steps (progress, preview, cancel) and refuses what
cannot work with a message instead of a shape error.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graph.context import Context
from graph.errors import Cancelled
from nodes.diffusion.cfg_patches import PerpendicularNegative
from nodes.diffusion.conditioning import ConditioningEntry, moved
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.control_net import ControlNetConfig
from nodes.diffusion.dual_guidance import ThirdAway, ThirdTowards
from nodes.diffusion.gligen import GligenConfig
from nodes.diffusion.inputs import SHOWN_CHANNELS
from nodes.diffusion.noise import seeded_noise
from nodes.diffusion.sampling import DiffusionModel, Run, diffusion_model, plain_latent, sample, scaled_latent, start
from nodes.diffusion.t2i_adapter import T2iAdapterConfig
from nodes.diffusion.taesd import TaesdDecoder
from nodes.errors import UnsuitableInput
from nodes.folders import Folders
from nodes.memory.shortage import NotEnoughMemory, is_out_of_memory, what_fits
from nodes.models import Models
from nodes.previews import Previewer
from nodes.resuming import Request, Steps
from nodes.sockets import Conditioning, Guider, Latent, Noise
from nodes.sockets.tensors import expect_finite
from nodes.taesd import find_previewer
from nodes.weights.networks import NetworkRef


@dataclass(frozen=True, slots=True)
class Sampled:
    """Where sampling arrived, and the last prediction of the clean latent: the same unless it stopped on the way."""

    output: Latent
    denoised: Latent


def sampled(request: Request, context: Context) -> Sampled:
    """Run all steps that no earlier run has taken. Reports progress after each, and raises `Cancelled` between two when the
    run was cancelled. Where memory runs out, what nobody uses is dropped and then the U-Net streamed; raises
    `NotEnoughMemory` where that does not help."""
    config = request.guider.model.config
    request = replace(request, latent=with_channels(request.latent, config))
    if len(request.sigmas.values) == 0:
        return Sampled(request.latent, request.latent)
    expect_fitting(config, prompts_of(request.guider), request.latent.samples)
    models = Models.of(context)
    # As the policy says; with nothing else in memory; with the U-Net streamed.
    for streamed_from_now in (None, request.guider.model.weights, None):
        try:
            return _sampled(request, context)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        models.residency.make_room(streamed_from_now)  # here, where what the attempt held is free
    raise _too_large(request, models)


def _too_large(request: Request, models: Models) -> NotEnoughMemory:
    weights, samples = request.guider.model.weights, request.latent.samples
    batch, _, height, width = samples.shape
    itemsize = models.residency.placement(weights).dtype.itemsize
    free = models.residency.free_bytes(models.device(weights))
    return NotEnoughMemory(
        f"there is no memory for {batch} x {8 * width}x{8 * height} pixels at once",
        hint=what_fits(weights.config.unet, batch, height, width, itemsize, free),
    )


def _sampled(request: Request, context: Context) -> Sampled:
    guider, latent, config = request.guider, request.latent, request.guider.model.config
    if request.sampler.method.resizes:
        _expect_no_places(prompts_of(guider), latent)
    models = Models.of(context)
    device = models.device(guider.model.weights)
    steps = Steps(request, models.residency.policy.placement_of(guider.model.weights), context)
    past = steps.known(device)
    previewer = _previewer(config, context)
    context.progress(past[-1].index + 1 if past else 0, max(1, len(request.sigmas.values) - 1))
    prompts = prompts_of(guider)
    with (
        models.unet(guider.model.weights, guider.model.adapters, guider.model.hypernetworks) as network,
        models.control_nets(networks_of(*prompts), guider.model.weights, guider.model.adapters) as controls,
        models.groundings(groundings_of(*prompts)) as groundings,
        torch.inference_mode(),
    ):
        steps.rest_on(network)
        model = diffusion_model(config, network, controls, models.statistics(guider.model.weights), groundings)
        run = _run(request, model, device)
        begun = start(run)
        try:
            for step in sample(run, past):
                expect_finite(step.x, f"the latent after step {step.index + 1} of {step.total}")
                steps.add(step)
                context.progress(step.index + 1, step.total, previewer.offer(step.denoised))
        except Cancelled:
            steps.leave()
            raise
    last = steps.last
    if last is None:  # one noise level and no step: the latent is noised, and another sampler goes on
        noised = replace(latent, samples=finished(plain_latent(config, begun)))
        return Sampled(noised, noised)
    return Sampled(
        replace(latent, samples=finished(plain_latent(config, last.x))),
        replace(latent, samples=finished(plain_latent(config, last.denoised))),
    )


def starting_noise(noise: Noise, latent: Latent) -> Tensor:
    """The noise for a latent, in its shape, on the CPU."""
    if noise.seed is None:
        return torch.zeros_like(latent.samples)
    return seeded_noise(noise.seed, latent.samples, latent.batch_index)


def prompts_of(guider: Guider) -> tuple[Conditioning, ...]:
    """Both sides of the guidance, and the prompts that patches bring."""
    brought = (
        Conditioning(patch.entries)
        for patch in guider.model.patches
        if isinstance(patch, PerpendicularNegative | ThirdAway | ThirdTowards)
    )
    return (guider.positive, guider.negative, *brought)


def with_channels(latent: Latent, config: ModelConfig) -> Latent:
    """An empty latent in as many channels as the model's have: it is empty in any. Others stay as they are."""
    channels, samples = config.unet.out_channels, latent.samples
    if samples.shape[1] == channels or bool(samples.any()):
        return latent
    return replace(latent, samples=samples.new_zeros(samples.shape[0], channels, *samples.shape[2:]))


def expect_fitting(config: ModelConfig, prompts: Iterable[Conditioning], samples: Tensor) -> None:
    """Raises `UnsuitableInput` where conditioning or latent belong to another family than the model."""
    wanted = config.unet.context_dim
    for prompt in prompts:
        for entry in prompt.entries:
            if entry.embedding.shape[2] != wanted:
                raise UnsuitableInput(
                    f"a {config.family} model is guided by embeddings of width {wanted}, not {entry.embedding.shape[2]}",
                    hint="Encode the prompt with the CLIP of the same checkpoint.",
                )
            for hint in entry.controls:
                _expect_family(config, hint.network)
            if entry.grounding is not None:
                _expect_family(config, entry.grounding.network)
            _expect_pictures(config, entry)
    if samples.shape[1] != config.unet.out_channels:
        raise UnsuitableInput(
            f"a {config.family} model works on latents of {config.unet.out_channels} channels, not {samples.shape[1]}"
        )


def _expect_no_places(prompts: Iterable[Conditioning], latent: Latent) -> None:
    """Raises `UnsuitableInput` where something belongs to places of a latent that does not keep its size."""
    entries = [entry for prompt in prompts for entry in prompt.entries]
    if latent.noise_mask is not None or any(one.area or one.mask is not None or one.concat for one in entries):
        raise UnsuitableInput(
            "a sampler that changes the size of the latent cannot keep to masks, areas or pictures that a model is shown",
            hint="Use another sampler, or leave them out.",
        )


def _expect_family(config: ModelConfig, network: Hashable) -> None:
    """Raises `UnsuitableInput` where a control or grounding network was made for another family."""
    if not isinstance(network, NetworkRef):
        return
    made_for = network.config
    if isinstance(made_for, ControlNetConfig | T2iAdapterConfig | GligenConfig) and not made_for.fits(config.unet):
        kind = "GLIGEN" if isinstance(made_for, GligenConfig) else "control"
        raise UnsuitableInput(
            f"{network.path.name} is a {kind} network for {made_for.family} models, and the model is {config.family}",
            hint=f"Load a {kind} network for {config.family}.",
        )


def _expect_pictures(config: ModelConfig, entry: ConditioningEntry) -> None:
    """Raises `UnsuitableInput` where pictures, or what CLIP saw in them, are not what the model is shown."""
    shown = config.unet.in_channels - config.unet.out_channels
    channels = SHOWN_CHANNELS.get(shown)
    if entry.concat is not None and channels is not None and entry.concat.latent.shape[1] != channels:
        raise UnsuitableInput(
            f"a {config.family} model is shown pictures of {channels} channels, not {entry.concat.latent.shape[1]}",
            hint="Use the conditioning node for that kind of model, such as InpaintModelConditioning.",
        )
    wanted = _picture_width(config)
    if wanted is None:
        return
    for hint in entry.pictures:
        if hint.embeddings.shape[1] != wanted:
            raise UnsuitableInput(
                f"a {config.family} model is guided by pictures as {wanted} numbers, not {hint.embeddings.shape[1]}",
                hint="Encode the picture with the CLIP_VISION of the same checkpoint.",
            )


def _picture_width(config: ModelConfig) -> int | None:
    """How wide a picture is as CLIP sees it, for models that take one, as SDXL does in the place of the pooled prompt."""
    label = config.unet.adm_in_channels
    if label is None or config.label == "noise":
        return None
    return label // 2 if config.label == "picture" else config.text[-1].projection_dim


def networks_of(*sides: Conditioning) -> list[Hashable]:
    """The control networks that hints of some conditioning name."""
    return [hint.network for side in sides for entry in side.entries for hint in entry.controls]


def groundings_of(*sides: Conditioning) -> list[Hashable]:
    """The networks that read the boxes of some conditioning."""
    return [entry.grounding.network for side in sides for entry in side.entries if entry.grounding is not None]


def on_device(conditioning: Conditioning, device: torch.device) -> tuple[ConditioningEntry, ...]:
    """The entries with all their tensors on one device."""
    return tuple(moved(entry, device) for entry in conditioning.entries)


def finished(samples: Tensor) -> Tensor:
    """A result as it leaves a node: on the CPU, ordinary memory."""
    return samples.cpu().clone()


def _previewer(config: ModelConfig, context: Context) -> Previewer:
    """Previews by the tiny decoder if it is there; its file is read when somebody looks."""
    models, ref = Models.of(context), find_previewer(context.service(Folders), config)
    if ref is None:
        return Previewer(config)

    def decode(denoised: Tensor) -> Tensor:
        with models.network(ref, TaesdDecoder) as decoder, torch.inference_mode():
            first = next(decoder.parameters())
            decoded: Tensor = decoder(denoised.to(first))
            return decoded

    return Previewer(config, decode)


def _run(request: Request, model: DiffusionModel, device: torch.device) -> Run:
    guider, latent = request.guider, request.latent
    config = guider.model.config
    mask = latent.noise_mask
    return Run(
        model=model,
        positive=on_device(guider.positive, device),
        negative=on_device(guider.negative, device),
        cfg=guider.cfg,
        sampler=request.sampler.method,
        sigmas=request.sigmas.values,
        latent=scaled_latent(config, latent.samples.to(device)),
        noise=starting_noise(request.noise, latent).to(device),
        noise_mask=None if mask is None else mask.to(device),
        seed=request.seed,
        patches=guider.model.patches,
    )
