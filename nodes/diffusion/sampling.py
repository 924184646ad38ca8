"""One sampling run from end to end: noise, guidance, mask and sampler tied together.

A `Run` is all that decides a picture, as a value. `guided` is its model under guidance, `start` the latent it begins with
and `sample` the loop; a graph that calls them step by step computes the same numbers as the loop. Everything between
is in the network's scaled latent space; `scaled_latent` and `plain_latent` are the way in and out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from nodes.diffusion.attention_bias import fitted_bias, with_token_bias
from nodes.diffusion.conditioning import (
    Area,
    ConditioningEntry,
    Region,
    moved,
    place,
    with_opposites,
    with_shared_hints,
)
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.control import ControlNetwork, place_control
from nodes.diffusion.denoiser import Denoiser, Network, View, initial_latent
from nodes.diffusion.gligen import Gligen, Grounded
from nodes.diffusion.guidance import Guidance, changed_denoiser
from nodes.diffusion.inpaint import MaskedDenoise, latent_noise_mask
from nodes.diffusion.inputs import Canvas, Side, network_inputs
from nodes.diffusion.noise import seeded_generator, seeded_noise
from nodes.diffusion.patching import Hooks, Patch, Start
from nodes.diffusion.samplers.step import Denoise, Past, Step
from nodes.diffusion.samplers.table import Sampler, take_steps
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.unclip import EmbeddingStatistics


@dataclass(frozen=True, slots=True, eq=False)
class DiffusionModel:
    """A network ready to be sampled: what kind it is, how its predictions are read, and the control networks at hand.

    `groundings` are the networks that read boxes; `statistics` are those of the pictures that an unCLIP model was trained
    on, where they are not standard.
    """

    config: ModelConfig
    denoiser: Denoiser
    controls: Mapping[Hashable, ControlNetwork] = field(default_factory=dict)
    statistics: EmbeddingStatistics | None = None
    groundings: Mapping[Hashable, Gligen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What is sampled, from what, how.

    `latent` [B, C, h, w] is scaled; `noise` has its shape (zeros: none is added). `noise_mask` [b, H, W], of any size, is 1
    where the latent may change. `seed` is for noise that the sampler draws itself. All tensors are on one device, except
    `sigmas`, on the CPU, which descend.
    """

    model: DiffusionModel
    positive: tuple[ConditioningEntry, ...]
    negative: tuple[ConditioningEntry, ...]
    cfg: float
    sampler: Sampler
    sigmas: Tensor
    latent: Tensor
    noise: Tensor
    noise_mask: Tensor | None = None
    seed: int = 0
    patches: tuple[Patch, ...] = ()


def diffusion_model(
    config: ModelConfig,
    network: Network,
    controls: Mapping[Hashable, ControlNetwork] | None = None,
    statistics: EmbeddingStatistics | None = None,
    groundings: Mapping[Hashable, Gligen] | None = None,
) -> DiffusionModel:
    """A network of this kind with the schedule it was trained on. `controls` and `groundings` are those hints may name."""
    denoiser = Denoiser(network, noise_schedule(config.schedule), config.schedule.prediction)
    return DiffusionModel(config, denoiser, controls or {}, statistics, groundings or {})


def sample(run: Run, past: Past = ()) -> Iterator[Step]:
    """The steps of a run, each as it is done; those after `past` if some are done already.

    `past` needs the last `run.sampler.history` finished steps. Nothing is yielded where there is no way to go: the latent
    stays as it is.
    """
    if len(run.sigmas) >= 2:
        yield from take_steps(run.sampler, guided(run), start(run), run.sigmas, run.seed, past)


def start(run: Run) -> Tensor:
    """The noisy latent that the first step is given."""
    return initial_latent(run.latent, run.noise, run.sigmas[0], run.model.denoiser.schedule)


def guided(run: Run) -> Denoise:
    """The model under the run's conditioning and mask: one call is one denoising at one sigma."""
    mask = None if run.noise_mask is None else latent_noise_mask(run.noise_mask, run.latent)
    canvas = Canvas(run.latent, mask, run.seed)
    hooks = begin(run.model, run.patches, canvas, run.sigmas, run.seed)
    guidance = guide(run.model, run.positive, run.negative, run.cfg, canvas, hooks)
    if mask is None:
        return guidance
    noise = run.noise
    if run.sampler.redraws_kept:
        noise = seeded_noise(run.seed + 1, run.latent).to(run.latent.device)
    mask_at = next((one.mask for one in reversed(hooks) if one.mask is not None), None)
    return MaskedDenoise(guidance, run.latent, noise, mask, mask_at)


def begin(
    model: DiffusionModel, patches: Sequence[Patch], canvas: Canvas, sigmas: Tensor, seed: int
) -> tuple[Hooks, ...]:
    """Start the patches of a run."""
    generator = seeded_generator(seed)
    torch.randn(canvas.latent.shape, generator=generator)  # the starting noise comes first out of this seed

    def place_here(entries: Sequence[ConditioningEntry], side: Side) -> tuple[Region, ...]:
        return _regions(model, [moved(entry, canvas.latent.device) for entry in entries], canvas, side)

    start = Start(model.config, model.denoiser.schedule, canvas, sigmas, generator, place_here)
    return tuple(patch.begin(start) for patch in patches)


def guide(
    model: DiffusionModel,
    positive: Sequence[ConditioningEntry],
    negative: Sequence[ConditioningEntry],
    cfg: float,
    canvas: Canvas,
    hooks: tuple[Hooks, ...] = (),
) -> Guidance:
    """The model's prediction under classifier-free guidance on this canvas."""
    wanted = _regions(model, positive, canvas, "positive")
    negative = with_shared_hints(positive, negative)
    unwanted = with_opposites(wanted, _regions(model, negative, canvas, "negative"))
    changes = [one.network for one in hooks if one.network is not None]
    observers = tuple(one.observe for one in hooks if one.observe is not None)
    denoiser = replace(changed_denoiser(model.denoiser, changes), observers=observers)
    return Guidance(denoiser, with_opposites(unwanted, wanted), unwanted, cfg, hooks)


def section(sigmas: Tensor, start_at_step: int, end_at_step: int) -> Tensor:
    """The sigmas of steps `start_at_step` up to `end_at_step` of a schedule; empty when there are none."""
    cut = sigmas[start_at_step : end_at_step + 1]
    return cut if len(cut) > 1 else cut[:0]


def to_the_end(sigmas: Tensor) -> Tensor:
    """The sigmas with the last one 0: the last step removes whatever noise is left."""
    return torch.cat([sigmas[:-1], sigmas.new_zeros(min(1, len(sigmas)))])


def scaled_latent(config: ModelConfig, latent: Tensor) -> Tensor:
    """A plain VAE latent as the network knows it."""
    return latent * config.scale_factor


def plain_latent(config: ModelConfig, latent: Tensor) -> Tensor:
    """The inverse of `scaled_latent`."""
    return latent / config.scale_factor


def _regions(
    model: DiffusionModel, entries: Sequence[ConditioningEntry], canvas: Canvas, side: Side
) -> tuple[Region, ...]:
    return tuple(_region(model, entry, canvas, side) for entry in entries)


def _views(model: DiffusionModel, entry: ConditioningEntry, size: tuple[int, int]) -> Iterator[View]:
    """How the network is seen for one entry on a part of the latent of size (h, w)."""
    if entry.grounding is not None:
        network, boxes = model.groundings[entry.grounding.network], entry.grounding.boxes
        yield Grounded(network, boxes, size, network.tokens(boxes, size))
    if entry.token_bias is not None:
        yield partial(with_token_bias, bias=fitted_bias(entry.token_bias, entry.embedding.shape[1]))


def _region(model: DiffusionModel, entry: ConditioningEntry, canvas: Canvas, side: Side) -> Region:
    schedule = model.denoiser.schedule
    controls = tuple(place_control(hint, model.controls, schedule) for hint in entry.controls)
    inputs = replace(network_inputs(model.config, entry, canvas, side, model.statistics), controls=controls)
    region = place(entry, inputs, canvas.size, schedule)
    seen = Area(*canvas.size, 0, 0) if region.area is None else region.area.clipped(*canvas.size)
    size = max(1, seen.height), max(1, seen.width)  # an area beside the latent takes no part
    return replace(region, inputs=replace(inputs, views=tuple(_views(model, entry, size))))
