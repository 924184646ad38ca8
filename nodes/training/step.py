"""One step of training: what is trained, and what a step does to it.

A step draws its data and noise from its own seed, so its number is all the state that chance has: a run resumes with the
very same numbers that it would have had without the interruption.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from nodes.diffusion.training.averaging import ema_decay, update_ema
from nodes.diffusion.training.learning_rate import LearningRate
from nodes.training.checkpoint import TrainingState, last_good
from nodes.training.errors import TrainingError
from nodes.training.gradients import Gradients
from nodes.training.ranks import Share, averaged, own_share


class Trainable(Protocol):
    """What a step trains."""

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The weights by name, in a fixed order."""
        ...

    def gradients(self, step: int, share: Share) -> Gradients:
        """Loss and gradients of a share of the batch of a step: a function of the weights, the step and the share alone."""
        ...


class Pace(Protocol):
    """What of a run's settings its steps depend on."""

    @property
    def learning_rate(self) -> LearningRate: ...

    @property
    def clip(self) -> float:
        """The largest gradient norm."""
        ...

    @property
    def ema(self) -> float:
        """The largest decay of the averaged weights; 0 for no average but the weights themselves."""
        ...


def training_step(task: Trainable, state: TrainingState, settings: Pace, folder: Path) -> tuple[float, float]:
    """One update of the weights and their average, in place and the same in every process; returns loss and gradient norm.

    Raises TrainingError ("diverged") when either is no longer finite, naming the last good checkpoint in `folder`: nothing
    of such a step is kept.
    """
    result = averaged(task.gradients(state.step, own_share()))
    parameters = list(state.parameters.values())
    for parameter, gradient in zip(parameters, result.gradients, strict=True):
        parameter.grad = torch.empty_like(parameter).copy_(gradient)  # fused optimizers read memory, not strides
    norm = float(nn.utils.clip_grad_norm_(parameters, settings.clip))
    if not (math.isfinite(result.loss) and math.isfinite(norm)):
        raise _diverged(state.step, folder)
    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate.at(state.step)
        optimizer.step()
        optimizer.zero_grad()
    update_ema(list(state.average.values()), parameters, ema_decay(state.step, settings.ema))
    state.step += 1
    return result.loss, norm


def _diverged(step: int, folder: Path) -> TrainingError:
    return TrainingError(
        "diverged",
        f"loss or gradient is not finite at step {step}; {last_good(folder)}",
        "Run again with a lower learning rate, or more warm-up by more steps: that is a run of its own, from the start.",
    )
