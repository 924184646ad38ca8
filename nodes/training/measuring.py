"""What can be said of a model in training without a judge: how well pictures survive the autoencoder, and how well noise is
seen in pictures that were never trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nodes.diffusion.noise import seeded_generator
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.training.noising import forward_process, noised, training_target
from nodes.training.captioned_latents import Networks
from nodes.training.pixels import in_batches

Watch = Callable[[int, int], object]

_LEVELS = 20
_LEVELS_PER_PICTURE = 5
_AT_ONCE = 32


@torch.no_grad()
def prediction_errors(
    networks: Networks, latents: Tensor, captions: Sequence[str], watch: Watch = lambda _done, _count: None
) -> Tensor:
    """Mean squared errors of the prediction, unweighted, at twenty even timesteps: float32 [20], the least noise first.

    Latents [N, C, h, w] are scaled and have a caption each. The noise is always the same; picture i is seen at levels i,
    i + 4, i + 8, ... (modulo 20). `watch` is told how many predictions are made, and of how many.
    """
    process, prediction = forward_process(noise_schedule(networks.config.schedule)), networks.config.schedule.prediction
    count, device = len(latents), networks.device
    picture = torch.arange(count).repeat_interleave(_LEVELS_PER_PICTURE)
    turn = torch.arange(_LEVELS_PER_PICTURE).repeat(count)
    level = (picture + turn * (_LEVELS // _LEVELS_PER_PICTURE)) % _LEVELS
    t = ((level + 0.5) * process.timesteps / _LEVELS).long()
    errors, drawn = [], seeded_generator(0)
    for rows in in_batches(torch.arange(len(t)), _AT_ONCE):
        x0 = latents[picture[rows]].float()
        watch(int(rows[0]), len(t))
        context = networks.context(networks.tokens([captions[index] for index in picture[rows].tolist()]))
        epsilon = torch.randn(x0.shape, generator=drawn)
        x = noised(process, x0, epsilon, t[rows]).to(device)
        predicted = networks.unet(x, t[rows].to(device), context).cpu()
        target = training_target(prediction, process, x0, epsilon, t[rows])
        errors.append((predicted - target).pow(2).flatten(1).mean(1))
    totals = torch.zeros(_LEVELS).index_add_(0, level, torch.cat(errors))
    return totals / torch.bincount(level, minlength=_LEVELS).clamp(min=1)
