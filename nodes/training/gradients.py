"""What a step comes to: a loss, and its gradient for each parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Gradients:
    """The mean loss of a batch and its gradient for each parameter, in the parameters' order."""

    loss: float
    gradients: tuple[Tensor, ...]


def gradients_of(loss: Tensor, parameters: Mapping[str, nn.Parameter]) -> Gradients:
    """The gradient of a loss for each parameter; zeros for one that has no part in it."""
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
    return Gradients(loss.item(), tuple(found))
