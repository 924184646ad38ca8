"""Differential diffusion: a grey mask says when each cell begins to change (Levin and Fried, 2023, algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nodes.diffusion.patching import Hooks, Start


@dataclass(frozen=True, slots=True)
class Differential:
    """Cells take part from the moment when the share of the way that is left has come down to their mask.

    A strength below 1 mixes that hard mask with the grey one; 0 is taken for 1.
    """

    strength: float

    def begin(self, start: Start) -> Hooks:
        schedule = start.schedule
        last = max(float(start.sigmas[-1]), schedule.sigma_min)
        to = schedule.timestep(torch.tensor(last))
        distance = schedule.timestep(start.sigmas[0]) - to

        def mask_at(mask: Tensor, sigma: Tensor) -> Tensor:
            left = (schedule.timestep(sigma.reshape(())) - to) / distance
            hard = (mask >= left.to(mask.device)).to(mask.dtype)
            return hard if self.strength in (0.0, 1.0) else self.strength * hard + (1.0 - self.strength) * mask

        return Hooks(mask=mask_at)
