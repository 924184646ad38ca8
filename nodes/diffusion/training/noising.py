"""The forward process: a clean latent and noise, mixed as training sees them.

Ho et al. (2020), equation 4, over the discrete timesteps of a `NoiseSchedule`. Timesteps are int64 [B]; latents
are [B, C, h, w].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nodes.diffusion.config import Prediction
from nodes.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True, eq=False)
class ForwardProcess:
    """The share of signal, sqrt(alpha_bar), and of noise, sqrt(1 - alpha_bar), at each timestep: float32 [T]."""

    signal: Tensor
    noise: Tensor

    @property
    def timesteps(self) -> int:
        return len(self.signal)

    def snr(self, t: Tensor) -> Tensor:
        """Signal-to-noise ratio alpha_bar / (1 - alpha_bar)."""
        return (self.signal[t] / self.noise[t]) ** 2


def forward_process(schedule: NoiseSchedule) -> ForwardProcess:
    """The forward process whose noise relative to the signal is the schedule's sigma."""
    signal = (1 + schedule.sigmas.double() ** 2).rsqrt()
    return ForwardProcess(signal.float(), (1 - signal**2).sqrt().float())


def noised(process: ForwardProcess, x0: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
    """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) epsilon."""
    return _at(process.signal, t) * x0 + _at(process.noise, t) * epsilon


def velocity(process: ForwardProcess, x0: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
    """v_t = sqrt(alpha_bar_t) epsilon - sqrt(1 - alpha_bar_t) x_0 (Salimans and Ho, 2022, section 4)."""
    return _at(process.signal, t) * epsilon - _at(process.noise, t) * x0


def training_target(prediction: Prediction, process: ForwardProcess, x0: Tensor, epsilon: Tensor, t: Tensor) -> Tensor:
    """What the network is to predict from x_t."""
    return epsilon if prediction == "eps" else velocity(process, x0, epsilon, t)


def stratified_timesteps(batch: int, timesteps: int, generator: torch.Generator) -> Tensor:
    """One uniform timestep out of each of `batch` equal parts of 0..timesteps, in random order: int64 [batch].

    Each is uniform over all timesteps, while the batch as a whole covers them evenly, which lowers the variance
    of the loss (Kingma et al., 2021, appendix I.1).
    """
    places = torch.randperm(batch, generator=generator) + torch.rand(batch, generator=generator)
    return (places * timesteps / batch).long().clamp(max=timesteps - 1)


def _at(table: Tensor, t: Tensor) -> Tensor:
    return table[t][:, None, None, None]  # (B, 1, 1, 1)
