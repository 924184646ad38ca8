"""The task of training the U-Net together with the text encoder on captioned latents.

The VAE is frozen and only encodes. Captions are made anew for every use of a picture, some are dropped for
guidance's sake, and half the batches are padded to the full context while the others are cut to their longest caption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn

from nodes.diffusion.sampling import scaled_latent
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.training.noising import (
    forward_process,
    noised,
    stratified_timesteps,
    training_target,
)
from nodes.diffusion.training.objective import drop_captions, min_snr_weight, weighted_loss
from nodes.training.chance import step_generator, step_random
from nodes.training.held_out import HeldOutSet, held_out_loss
from nodes.training.latent_pool import LatentPool
from nodes.training.model import LatentDiffusion, token_rows
from nodes.training.picture_blocks import BlockOrder, BlockRenderer, Pictures
from nodes.training.pixels import in_batches, to_pixels
from nodes.training.sample_sheet import write_sample_sheet
from nodes.training.settings import RunSettings
from nodes.training.workers import Gradients, Workers, mixed_precision
from nodes.training_data.captions import caption
from nodes.training_data.composition import composition
from nodes.training_data.objects import object_kinds

_GAMMA = 5.0
_WHOLE_CONTEXT = 0.5  # share of batches padded to the full length
_ENCODED_AT_ONCE = 16


class DiffusionTask:
    """Trains U-Net and text encoder; the folder keeps the encoded pictures."""

    def __init__(self, model: LatentDiffusion, settings: RunSettings, folder: Path) -> None:
        model.unet.requires_grad_().train()
        model.text.requires_grad_().train()
        self._model = model
        self._settings = settings
        self._process = forward_process(noise_schedule(model.config.schedule))
        self._workers = Workers(settings.workers)
        self._things = object_kinds()
        order = BlockOrder("training", settings.picture_size, settings.block, settings.first_seed)
        self._renderer = BlockRenderer(order)
        self._pool = LatentPool(folder / "latents", self._renderer, self._encode, settings.pool_blocks)
        self._held_out: HeldOutSet | None = None

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        unet = {f"unet.{name}": value for name, value in self._model.unet.named_parameters()}
        return unet | {f"text.{name}": value for name, value in self._model.text.named_parameters()}

    def gradients(self, step: int) -> Gradients:
        settings = self._settings
        passed = step * settings.batch // (settings.block * settings.uses)
        self._pool.move_to(settings.pool_blocks - 1 + passed)
        random = step_random(settings.seed, step)
        generator = step_generator(settings.seed, step)
        batch = settings.batch
        x0, seeds = self._pool.draw(random, batch)
        rows = token_rows(self._model, self._captions(seeds, random), whole=random.random() < _WHOLE_CONTEXT)
        empty = token_rows(self._model, [""], whole=True)[0, : rows.shape[1]]
        tokens = drop_captions(rows, empty, settings.caption_dropout, generator)
        t = stratified_timesteps(batch, self._process.timesteps, generator)
        epsilon = torch.randn(x0.shape, generator=generator)
        parts = [value.chunk(self._workers.count) for value in (x0, epsilon, t, tokens)]
        return self._workers.gradients(
            list(self.parameters.values()), lambda number: self._loss(*(part[number] for part in parts))
        )

    def observe(self, step: int, folder: Path) -> Mapping[str, float]:
        """Loss on held-out compositions at fixed noise, and the fixed sheet of prompts."""
        if self._held_out is None:
            self._held_out = HeldOutSet.render(self._settings, self._encode)
        write_sample_sheet(self._model, self._settings.picture_size, folder / f"sheet-{step:08d}.png")
        return held_out_loss(self._model, self._held_out, self._process)

    def close(self) -> None:
        """End the helpers."""
        self._renderer.close()
        self._workers.close()

    def _loss(self, x0: Tensor, epsilon: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        prediction = self._model.config.schedule.prediction
        with mixed_precision():
            context, _ = self._model.text(tokens)
            predicted = self._model.unet(noised(self._process, x0, epsilon, t), t, context)
        weight = min_snr_weight(self._process.snr(t), _GAMMA, prediction)
        return weighted_loss(predicted, training_target(prediction, self._process, x0, epsilon, t), weight)

    def _captions(self, seeds: Sequence[int], random: Random) -> list[str]:
        pictures = (composition(seed, "training", self._things) for seed in seeds)
        return [caption(picture, random) for picture in pictures]

    @torch.no_grad()
    def _encode(self, pictures: Pictures) -> Tensor:
        """Scaled latents of uint8 pictures, each worker encoding its share."""
        parts = to_pixels(pictures).chunk(self._workers.count)

        def encoded(number: int) -> Tensor:
            with torch.no_grad():
                batches = in_batches(parts[number], _ENCODED_AT_ONCE)
                return torch.cat([self._model.vae.encode(pixels).mode() for pixels in batches])

        return scaled_latent(self._model.config, torch.cat(self._workers.map(encoded)))
