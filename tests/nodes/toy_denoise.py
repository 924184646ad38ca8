"""A model of one formula: what samplers are tested on where a network would only cost time."""

from __future__ import annotations

import torch
from torch import Tensor

from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.config import ModelConfig, ScheduleConfig, UNetConfig
from nodes.diffusion.sampling import DiffusionModel, diffusion_model
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.unet import ControlResiduals

SHAPE = (1, 4, 6, 8)


class ToyDenoise:
    """The prediction that the reference samplers ran on (`shared/golden/README.md`)."""

    schedule = noise_schedule(ScheduleConfig())

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        shrunk = x / (1 + sigma**2) * (1 + 0.15 * torch.sin(3 * x / (1 + sigma)))
        return shrunk + 0.2 * torch.tanh(torch.roll(x, 1, dims=-1) / (1 + sigma))

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self(x, sigma), self(0.9 * x, sigma)


class ToyNetwork:
    """A network whose output depends on every input, and on each cell and its right neighbour; it counts its calls."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.tokens: list[int] = []

    def __call__(
        self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None, control: ControlResiduals | None = None
    ) -> Tensor:
        self.batches.append(x.shape[0])
        self.tokens.append(context.shape[1])
        said = context.mean(dim=(1, 2)) + (0.0 if y is None else y.mean(dim=1))
        time = torch.sin(timesteps / 300.0)
        extra = x[:, 4:].mean(dim=1, keepdim=True) if x.shape[1] > 4 else torch.zeros_like(x[:, :1])
        bias = (said + time)[:, None, None, None] + (
            0.0 if control is None or control.middle is None else control.middle
        )
        return torch.tanh(0.7 * x[:, :4] + 0.2 * torch.roll(x[:, :4], 1, dims=-1) + bias + extra)


def toy_model(network: ToyNetwork | None = None, in_channels: int = 4) -> DiffusionModel:
    return diffusion_model(ModelConfig("toy", UNetConfig(in_channels=in_channels)), network or ToyNetwork())


def says(value: float, tokens: int = 3) -> ConditioningEntry:
    """A prompt that moves the toy network's output by `value`."""
    return ConditioningEntry(torch.full((1, tokens, 2), value))
