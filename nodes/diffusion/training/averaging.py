"""Exponential moving average of weights, with the short memory it needs at the start."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def ema_decay(step: int, maximum: float) -> float:
    """The decay at a step (from 0): (1 + step) / (10 + step), up to `maximum`."""
    return min(maximum, (1 + step) / (10 + step))


@torch.no_grad()
def update_ema(average: Sequence[Tensor], weights: Sequence[Tensor], decay: float) -> None:
    """average <- decay average + (1 - decay) weights, in place."""
    torch._foreach_lerp_(list(average), list(weights), 1 - decay)
