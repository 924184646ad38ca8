"""Operations on sigmas as values: cutting a schedule, reversing it, refining it, writing one by hand.

Sigmas are one-dimensional float32 and may be empty. Nothing is changed in place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final, Literal

import torch
from torch import Tensor

Spacing = Literal["linear", "cosine", "sine"]

# What a schedule begins with when it is reversed and would begin with 0, at which no model is defined.
ALMOST_CLEAN = 0.0001

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

# The share of the way between two sigmas after a share of the steps between them.
_SPACINGS: Final[Mapping[Spacing, Callable[[Tensor], Tensor]]] = {
    "linear": lambda share: share,
    "cosine": lambda share: (share * math.pi / 2).sin(),
    "sine": lambda share: 1 - (share * math.pi / 2).cos(),
}


def split(sigmas: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """The first `step` steps and the rest; both have the sigma at the cut."""
    return sigmas[: step + 1], sigmas[step:]


def split_by_denoise(sigmas: Tensor, denoise: float) -> tuple[Tensor, Tensor]:
    """A schedule in two, the second with the share `denoise` (0..1) of its steps; the first is empty when that is 0."""
    redone = round(max(len(sigmas) - 1, 0) * denoise)
    first = sigmas[: len(sigmas) - redone] if redone else sigmas[:0]
    return first, sigmas[-(redone + 1) :]


def flip(sigmas: Tensor) -> Tensor:
    """Backwards, from picture to noise, beginning just above 0."""
    flipped = sigmas.flip(0)
    if len(flipped) and flipped[0] == 0:
        flipped[0] = ALMOST_CLEAN
    return flipped


def set_first(sigmas: Tensor, sigma: float) -> Tensor:
    """With another sigma to begin with."""
    return torch.cat([sigmas.new_full((min(1, len(sigmas)),), sigma), sigmas[1:]])


def extend_intermediate(
    sigmas: Tensor, steps: int, start_at_sigma: float, end_at_sigma: float, spacing: Spacing = "linear"
) -> Tensor:
    """Each step that begins at a sigma from `start_at_sigma` (below 0: any) down to `end_at_sigma`, cut into `steps` steps.

    "cosine" cuts them so that they become smaller, "sine" so that they grow.
    """
    highest = math.inf if start_at_sigma < 0 else start_at_sigma
    shares = _SPACINGS[spacing](torch.linspace(0, 1, steps + 1)[1:-1])
    pieces = []
    for sigma, sigma_next in zip(sigmas[:-1], sigmas[1:], strict=True):
        pieces.append(sigma[None])
        if end_at_sigma <= sigma <= highest:
            pieces.append(sigma + shares * (sigma_next - sigma))
    return torch.cat([*pieces, sigmas[-1:]])


def written(text: str) -> Tensor:
    """The numbers in a text, whatever is between them.

    Raises ValueError if one is negative or not finite.
    """
    values = [float(number) for number in _NUMBER.findall(text)]
    for value in values:
        if value < 0 or not math.isfinite(value):
            raise ValueError(f"a sigma is a finite number from 0, not {value:g}")
    return torch.tensor(values, dtype=torch.float32)
