"""Optimizers by name, for the parameters of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import nn

from nodes.diffusion.training.muon import Muon, orthogonalized, suits_muon
from nodes.training.precision import TrainingDtype
from nodes.training.ranks import shared_out

ElementwiseOptimizer = Literal["AdamW", "Adam", "SGD", "RMSprop"]
OptimizerName = Literal[ElementwiseOptimizer, "Muon"]


def optimizers_of(
    parameters: Mapping[str, nn.Parameter], weight_decay: float, name: OptimizerName, dtype: TrainingDtype
) -> list[torch.optim.Optimizer]:
    """What moves these parameters, each by one. Biases and norms do not decay.

    Muon leaves to AdamW what does not suit it, and makes its matrices orthogonal in `dtype`, shared out over the processes.
    """
    if name != "Muon":
        return [_elementwise(list(parameters.values()), weight_decay, name)]
    suited = [parameter for name, parameter in parameters.items() if suits_muon(name, parameter)]
    others = [parameter for name, parameter in parameters.items() if not suits_muon(name, parameter)]
    optimizers: list[torch.optim.Optimizer] = []
    if suited:
        optimizers.append(_muon(suited, weight_decay, dtype))
    if others:
        optimizers.append(_elementwise(others, weight_decay, "AdamW"))
    return optimizers


def _muon(matrices: list[nn.Parameter], weight_decay: float, dtype: TrainingDtype) -> Muon:
    within = torch.bfloat16 if dtype == "bf16" else torch.float32
    groups: list[dict[str, object]] = [{"params": matrices, "weight_decay": weight_decay}]
    return Muon(groups, lambda wanted: shared_out(lambda matrix: orthogonalized(matrix, within), wanted))


def _elementwise(
    parameters: list[nn.Parameter], weight_decay: float, name: ElementwiseOptimizer
) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    match name:
        case "AdamW":
            return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.99), fused=True)
        case "Adam":
            return torch.optim.Adam(groups, lr=0.0, betas=(0.9, 0.99), fused=True)
        case "SGD":
            return torch.optim.SGD(groups, lr=0.0)
        case "RMSprop":
            return torch.optim.RMSprop(groups, lr=0.0)
