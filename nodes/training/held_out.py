"""How well a model predicts on compositions it has never been shown: the same pictures, noise and timesteps always."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from nodes.diffusion.noise import seeded_generator
from nodes.diffusion.training.noising import ForwardProcess, noised, training_target
from nodes.training.model import LatentDiffusion, token_rows
from nodes.training.picture_blocks import BlockOrder, Pictures, render_block
from nodes.training.pixels import in_batches
from nodes.training.settings import RunSettings
from nodes.training_data.captions import evaluation_prompt
from nodes.training_data.composition import composition
from nodes.training_data.objects import object_kinds
from nodes.training_data.sprites import SpriteSet

_LEVELS = 20  # timesteps, evenly spaced
_LEVELS_PER_PICTURE = 5
_AT_ONCE = 50


@dataclass(frozen=True, eq=False)
class HeldOutSet:
    """Latents [N, 4, h, w] of held-out pictures with the sentence that says everything about each."""

    latents: Tensor
    captions: tuple[str, ...]

    @staticmethod
    def render(settings: RunSettings, encode: Callable[[Pictures], Tensor]) -> HeldOutSet:
        """The set at a run's picture size."""
        order = BlockOrder("held out", settings.picture_size, settings.held_out)
        things = object_kinds()
        captions = [evaluation_prompt(composition(seed, "held out", things), Random(seed)) for seed in order.seeds(0)]
        return HeldOutSet(encode(render_block(order, 0, SpriteSet())), tuple(captions))


@torch.no_grad()
def held_out_loss(model: LatentDiffusion, held_out: HeldOutSet, process: ForwardProcess) -> Mapping[str, float]:
    """Mean squared error of the prediction, unweighted: over all timesteps, and over the noisier half alone.

    Picture i is seen at levels i, i + 4, i + 8, ... (modulo 20), so each level has as many pictures.
    """
    picture, level = _pairs(len(held_out.latents))
    t = ((level + 0.5) * process.timesteps / _LEVELS).long()
    x0 = held_out.latents[picture]
    epsilon = torch.randn(x0.shape, generator=seeded_generator(0))
    contexts = model.text(token_rows(model, held_out.captions, whole=True))[0][picture]
    prediction = model.config.schedule.prediction
    errors = []
    for rows in in_batches(torch.arange(len(t)), _AT_ONCE):
        predicted = model.unet(noised(process, x0[rows], epsilon[rows], t[rows]), t[rows], contexts[rows])
        target = training_target(prediction, process, x0[rows], epsilon[rows], t[rows])
        errors.append((predicted - target).pow(2).flatten(1).mean(1))
    error = torch.cat(errors)
    return {
        "held_out_loss": round(float(error.mean()), 5),
        "held_out_loss_noisy": round(float(error[t >= process.timesteps // 2].mean()), 5),
    }


def _pairs(pictures: int) -> tuple[Tensor, Tensor]:
    """Every picture's number and one of its levels, for all of its levels: two int64 [pictures * 5]."""
    picture = torch.arange(pictures).repeat_interleave(_LEVELS_PER_PICTURE)
    turn = torch.arange(_LEVELS_PER_PICTURE).repeat(pictures)
    return picture, (picture + turn * (_LEVELS // _LEVELS_PER_PICTURE)) % _LEVELS
