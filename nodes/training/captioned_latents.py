"""The tasks of training a diffusion model on latents with captions: from noise (with or without its text encoder), and from
a teacher that takes more steps.

Captions are made anew for every use of a picture; some are dropped for guidance's sake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.denoiser import Denoiser, NetworkInputs
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import SCHEDULERS
from nodes.diffusion.tokenizer import Tokenizer
from nodes.diffusion.training.distillation import Denoised, guided, intervals, teacher_target, truncated_snr_weight
from nodes.diffusion.training.noising import forward_process, noised, stratified_timesteps, training_target
from nodes.diffusion.training.objective import drop_captions, min_snr_weight, weighted_loss
from nodes.diffusion.unet import UNet
from nodes.training.adapter_task import picks
from nodes.training.chance import step_generator, step_random
from nodes.training.precision import TrainingDtype, computing
from nodes.training.sources import PictureSource
from nodes.training.workers import Gradients


class Captioned(Protocol):
    """Latents with the source of their captions: `nodes.sockets.LatentDataset`."""

    @property
    def latents(self) -> Tensor: ...

    @property
    def source(self) -> PictureSource: ...


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """What is trained, and how it reads: all modules on one device."""

    config: ModelConfig
    unet: UNet
    text: TextEncoder
    tokenizer: Tokenizer

    def tokens(self, captions: Sequence[str]) -> Tensor:
        """Token ids int64 [B, T] of the whole context: start, caption, end, padding."""
        text = self.config.text[0]
        length = text.max_position_embeddings
        rows = [
            [text.bos_token_id, *self.tokenizer.encode(caption)[: length - 2], text.eos_token_id]
            for caption in captions
        ]
        return torch.tensor([row + [text.pad_token_id] * (length - len(row)) for row in rows])

    @property
    def device(self) -> torch.device:
        return next(self.unet.parameters()).device


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How examples are drawn and computed."""

    batch: int
    seed: int
    dtype: TrainingDtype
    caption_dropout: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step's examples: latents [B, C, h, w], noise of their shape, tokens [B, T]; what else is drawn comes from the
    generator."""

    x0: Tensor
    epsilon: Tensor
    tokens: Tensor
    generator: torch.Generator


def draw_batch(networks: Networks, data: Captioned, settings: BatchSettings, step: int) -> Batch:
    """The batch of a step: every picture once before any comes again, with captions of this step's own."""
    batch = settings.batch
    picked = picks(settings.seed, step * batch, batch, data.source.count)
    random, generator = step_random(settings.seed, step), step_generator(settings.seed, step)
    tokens = networks.tokens([data.source.caption(index, random) for index in picked])
    tokens = drop_captions(tokens, networks.tokens([""])[0], settings.caption_dropout, generator)
    x0 = data.latents[picked].float()
    epsilon = torch.randn(x0.shape, generator=generator)
    device = networks.device
    return Batch(x0.to(device), epsilon.to(device), tokens.to(device), generator)


class NoisePredictionTask:
    """Trains a U-Net to predict what the model's schedule says, and its text encoder if that is to be trained, too."""

    def __init__(
        self, networks: Networks, data: Captioned, settings: BatchSettings, *, gamma: float, with_text: bool
    ) -> None:
        self._networks, self._data, self._settings, self._gamma = networks, data, settings, gamma
        self._process = forward_process(noise_schedule(networks.config.schedule))
        self._with_text = with_text
        networks.unet.requires_grad_().train()
        networks.text.requires_grad_(with_text).train(with_text)

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        found = {f"unet.{name}": value for name, value in self._networks.unet.named_parameters()}
        if self._with_text:
            found |= {f"text.{name}": value for name, value in self._networks.text.named_parameters()}
        return found

    def gradients(self, step: int) -> Gradients:
        batch = draw_batch(self._networks, self._data, self._settings, step)
        t = stratified_timesteps(self._settings.batch, self._process.timesteps, batch.generator)
        prediction, device = self._networks.config.schedule.prediction, self._networks.device
        x = noised(self._process, batch.x0.cpu(), batch.epsilon.cpu(), t).to(device)
        target = training_target(prediction, self._process, batch.x0.cpu(), batch.epsilon.cpu(), t).to(device)
        with computing(self._settings.dtype, device):
            context, _ = self._networks.text(batch.tokens)
            predicted = self._networks.unet(x, t.to(device), context)
        weight = torch.ones(len(t))
        if self._gamma > 0:
            weight = min_snr_weight(self._process.snr(t), self._gamma, prediction)
        return gradients_of(weighted_loss(predicted, target, weight.to(device)), self.parameters)


class DistillationTask:
    """Trains a student to go in one step as far as its teacher goes in several, under guidance."""

    def __init__(
        self,
        networks: Networks,
        teacher: UNet,
        data: Captioned,
        settings: BatchSettings,
        *,
        student_steps: int,
        teacher_steps: int,
        cfg: float,
    ) -> None:
        """`networks` hold the student. Raises ValueError where the teacher's steps do not divide into the student's."""
        self._networks, self._data, self._settings, self._cfg = networks, data, settings, cfg
        schedule = noise_schedule(networks.config.schedule)
        prediction = networks.config.schedule.prediction
        self._intervals = intervals(SCHEDULERS["simple"](schedule, teacher_steps), student_steps)
        self._student = Denoiser(networks.unet, schedule, prediction)
        self._teacher = Denoiser(teacher, schedule, prediction)
        networks.unet.requires_grad_().train()
        networks.text.requires_grad_(requires_grad=False).eval()

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        return {f"unet.{name}": value for name, value in self._networks.unet.named_parameters()}

    def gradients(self, step: int) -> Gradients:
        """All examples of a step are in one interval; intervals take turns."""
        batch = draw_batch(self._networks, self._data, self._settings, step)
        sigmas = self._intervals[step % len(self._intervals)]
        x = batch.x0 + sigmas[0] * batch.epsilon
        with computing(self._settings.dtype, self._networks.device):
            with torch.no_grad():
                context = self._networks.text(batch.tokens)[0]
                empty = self._networks.text(self._networks.tokens([""]).to(x.device))[0].expand_as(context)
                target = teacher_target(self._taught(context, empty), x, list(sigmas))
            predicted = self._student(x, sigmas[0], NetworkInputs(context))
        weight = truncated_snr_weight(sigmas[0]).expand(len(x)).to(x.device)
        return gradients_of(weighted_loss(predicted, target, weight), self.parameters)

    def _taught(self, context: Tensor, empty: Tensor) -> Denoised:
        """The teacher's prediction under guidance."""

        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            positive = self._teacher(x, sigma, NetworkInputs(context))
            return guided(positive, self._teacher(x, sigma, NetworkInputs(empty)), self._cfg)

        return denoise


def gradients_of(loss: Tensor, parameters: Mapping[str, nn.Parameter]) -> Gradients:
    """The gradient of a loss for each parameter; zeros for one that has no part in it."""
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
    return Gradients(loss.item(), tuple(found))
