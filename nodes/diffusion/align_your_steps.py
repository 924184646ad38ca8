"""Schedules optimised for a model: Align Your Steps (Sabour et al., 2024), as tables of its authors.

For Stable Diffusion they are published as training timesteps, for Stable Video Diffusion as sigmas, for ten steps each.
Other numbers of steps interpolate log sigma, as the authors do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor

from nodes.diffusion.config import ScheduleConfig
from nodes.diffusion.schedule import noise_schedule

AlignedModel = Literal["SD1", "SDXL", "SVD"]

_TIMESTEPS: Final[Mapping[AlignedModel, tuple[int, ...]]] = {
    "SD1": (999, 850, 736, 645, 545, 455, 343, 233, 124, 24, 0),
    "SDXL": (999, 845, 730, 587, 443, 310, 193, 116, 53, 13, 0),
}
_SVD_SIGMAS: Final = (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002)


def align_your_steps_sigmas(model: AlignedModel, steps: int, denoise: float = 1.0) -> Tensor:
    """The sigmas of the last share `denoise` (0..1) of `steps` steps, ending in 0; empty when it is 0."""
    if denoise <= 0.0:
        return torch.empty(0)
    sigmas = _interpolated(_table(model), steps + 1)
    sigmas[-1] = 0.0
    return sigmas[-(min(steps, round(steps * denoise)) + 1) :]


def _table(model: AlignedModel) -> Tensor:
    if model == "SVD":
        return torch.tensor(_SVD_SIGMAS)
    return noise_schedule(ScheduleConfig()).sigmas[list(_TIMESTEPS[model])]


def _interpolated(sigmas: Tensor, count: int) -> Tensor:
    """So many sigmas on the straight lines between these in log sigma, at equal distances in index."""
    places = np.linspace(0, len(sigmas) - 1, count)
    logs = np.interp(places, np.arange(len(sigmas)), sigmas.double().log().numpy())
    return torch.from_numpy(logs).exp().float()
