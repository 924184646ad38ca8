"""Lengths in lambda = -log sigma, and the functions of exponential integrators (Hochbruck and Ostermann, 2010).

In lambda, the probability flow ODE has a linear part, x' = -x + denoised, that these integrators solve exactly: a step of
length h keeps e^-h of x, and what they interpolate is the prediction alone.
"""

from __future__ import annotations

import math

from torch import Tensor

from nodes.diffusion.samplers.step import Interval, Step


def log_ratio(sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """How far a step goes in lambda: the papers' h."""
    return (sigma / sigma_next).log()


def between(sigma: Tensor, sigma_next: Tensor, share: float) -> Tensor:
    """The sigma after this share of the way in lambda."""
    return ((1 - share) * sigma.log() + share * sigma_next.log()).exp()


def relative_length(before: Step, at: Interval) -> Tensor:
    """How far in lambda a finished step went, relative to the one that is to be taken."""
    return math.log(before.sigma / before.sigma_next) / log_ratio(at.sigma, at.sigma_next)


def phi_2(h: Tensor) -> Tensor:
    """(e^-h - 1) / h + 1: the weight of a prediction's change per h over a step."""
    return (-h).expm1() / h + 1
