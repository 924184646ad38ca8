"""The tasks of training a diffusion model on latents with captions: from noise (with or without its text encoder), and from
a teacher that takes more steps.

Captions are made anew for every use of a picture; some are dropped for guidance's sake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

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
from nodes.training.gradients import Gradients, gradients_of
from nodes.training.precision import TrainingDtype, computing
from nodes.training.ranks import Share
from nodes.training.sources import PictureSource

_WHOLE_CONTEXT: Final = 0.5  # share of batches padded to the full length
_ROUNDED_TO: Final = 8  # tokens


class Captioned(Protocol):
    """Latents with the source of their captions: `nodes.sockets.LatentDataset`."""

    @property
    def latents(self) -> Tensor: ...

    @property
    def source(self) -> PictureSource: ...


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """What is trained, and how it reads: all modules on one device. `layer` of the text encoder is read, counted from the
    end; None is the family's own."""

    config: ModelConfig
    unet: UNet
    text: TextEncoder
    tokenizer: Tokenizer
    layer: int | None = None

    def tokens(self, captions: Sequence[str], *, whole: bool = True) -> Tensor:
        """Token ids int64 [B, T]: start, caption, end, padding. T is the whole context, or what the longest needs."""
        text = self.config.text[0]
        longest = text.max_position_embeddings
        bodies = [self.tokenizer.encode(caption)[: longest - 2] for caption in captions]
        needed = -(-(max(len(body) for body in bodies) + 2) // _ROUNDED_TO) * _ROUNDED_TO
        length = longest if whole else min(needed, longest)
        rows = [[text.bos_token_id, *body, text.eos_token_id] for body in bodies]
        return torch.tensor([row + [text.pad_token_id] * (length - len(row)) for row in rows])

    def context(self, tokens: Tensor) -> Tensor:
        """What the U-Net reads of tokens [B, T]: [B, T, D]."""
        hidden, _ = self.text(tokens.to(self.device), self.layer)
        return cast("Tensor", hidden)

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
    """Some rows of a step's examples, on the CPU: latents [B, C, h, w], noise of their shape, tokens [B, T]; what else is
    drawn for the whole batch comes from the generator."""

    x0: Tensor
    epsilon: Tensor
    tokens: Tensor
    generator: torch.Generator


def draw_batch(networks: Networks, data: Captioned, settings: BatchSettings, step: int, rows: slice) -> Batch:
    """Rows of the batch of a step: every picture once before any comes again, with captions of this step's own.

    Half of the batches are padded to the whole context, the others only as far as their longest caption needs.
    """
    batch = settings.batch
    picked = picks(settings.seed, step * batch, batch, data.source.count)
    random, generator = step_random(settings.seed, step), step_generator(settings.seed, step)
    captions = [data.source.caption(index, random) for index in picked]
    tokens = networks.tokens(captions, whole=random.random() < _WHOLE_CONTEXT)
    empty = networks.tokens([""])[0, : tokens.shape[1]]
    tokens = drop_captions(tokens, empty, settings.caption_dropout, generator)[rows]
    x0 = data.latents[picked[rows]].float()
    epsilon = torch.randn((batch, *x0.shape[1:]), generator=generator)[rows]
    return Batch(x0, epsilon, tokens, generator)


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

    def gradients(self, step: int, share: Share) -> Gradients:
        rows = share.rows(self._settings.batch)
        batch = draw_batch(self._networks, self._data, self._settings, step, rows)
        t = stratified_timesteps(self._settings.batch, self._process.timesteps, batch.generator)[rows]
        prediction, device = self._networks.config.schedule.prediction, self._networks.device
        x = noised(self._process, batch.x0, batch.epsilon, t).to(device)
        target = training_target(prediction, self._process, batch.x0, batch.epsilon, t).to(device)
        with computing(self._settings.dtype, device):
            predicted = self._networks.unet(x, t.to(device), self._networks.context(batch.tokens))
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

    def gradients(self, step: int, share: Share) -> Gradients:
        """All examples of a step are in one interval; intervals take turns."""
        batch = draw_batch(self._networks, self._data, self._settings, step, share.rows(self._settings.batch))
        sigmas = self._intervals[step % len(self._intervals)]
        x = (batch.x0 + sigmas[0] * batch.epsilon).to(self._networks.device)
        with computing(self._settings.dtype, self._networks.device):
            with torch.no_grad():
                context = self._networks.context(batch.tokens)
                empty = self._empty(batch.tokens)
                target = teacher_target(self._taught(context, empty), x, list(sigmas))
            predicted = self._student(x, sigmas[0], NetworkInputs(context))
        weight = truncated_snr_weight(sigmas[0]).expand(len(x)).to(x.device)
        return gradients_of(weighted_loss(predicted, target, weight), self.parameters)

    def _empty(self, tokens: Tensor) -> Tensor:
        """The context of no caption, as long as that of tokens [B, T]."""
        empty = self._networks.tokens([""])[:, : tokens.shape[1]]
        return self._networks.context(empty).expand(len(tokens), -1, -1)

    def _taught(self, context: Tensor, empty: Tensor) -> Denoised:
        """The teacher's prediction under guidance."""

        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            positive = self._teacher(x, sigma, NetworkInputs(context))
            return guided(positive, self._teacher(x, sigma, NetworkInputs(empty)), self._cfg)

        return denoise
