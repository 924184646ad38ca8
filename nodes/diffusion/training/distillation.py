"""Progressive distillation: a student learns to go in one step as far as its teacher goes in several.

Salimans and Ho (2022), section 3 and algorithm 2, in the coordinates of samplers (x = x_0 + sigma epsilon), where a step of
DDIM is a step of Euler. Guidance becomes part of the student (Meng et al., 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

Denoised = Callable[[Tensor, Tensor], Tensor]


def teacher_target(denoise: Denoised, x: Tensor, sigmas: Sequence[Tensor]) -> Tensor:
    """The prediction of the clean latent with which one Euler step from x arrives where the teacher's steps do.

    `sigmas` are the teacher's, from that of x down, the last possibly 0.
    """
    reached = x
    for sigma, sigma_next in pairwise(sigmas):
        slope = (reached - denoise(reached, sigma)) / sigma
        reached = reached + slope * (sigma_next - sigma)
    return implied_denoised(x, reached, sigmas[0], sigmas[-1])


def implied_denoised(x: Tensor, reached: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """The prediction that makes an Euler step from x at `sigma` end in `reached` at `sigma_next`."""
    return x - sigma * (reached - x) / (sigma_next - sigma)


def truncated_snr_weight(sigma: Tensor, most: float = 5.0) -> Tensor:
    """max(SNR, 1), no more than `most`: the weight of an error of the prediction (Salimans and Ho, 2022, equation 9)."""
    return (1 / sigma**2).clamp(1.0, most)


def intervals(sigmas: Tensor, steps: int) -> list[Tensor]:
    """The teacher's sigmas [steps k + 1] in as many overlapping parts [k + 1] as the student takes steps."""
    within = (len(sigmas) - 1) // steps
    if within * steps != len(sigmas) - 1:
        raise ValueError(f"{len(sigmas) - 1} steps of a teacher do not divide into {steps} of a student")
    return [sigmas[start : start + within + 1] for start in range(0, len(sigmas) - 1, within)]


def guided(positive: Tensor, negative: Tensor, cfg: float) -> Tensor:
    """Classifier-free guidance (Ho and Salimans, 2022)."""
    return torch.lerp(negative, positive, cfg)
