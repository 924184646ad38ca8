"""DPM-Solver: single steps of order 1 to 3 in lambda = -log sigma on the predicted noise (Lu et al., 2022).

`dpm_fast`, and `dpm_adaptive` in its own file, take from a schedule only where it begins and its smallest sigma above 0.
They space their own steps between these, and end at the latter and not at 0. The predicted noise is the slope dx/dsigma.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.samplers.exponential import between, log_ratio
from nodes.diffusion.samplers.step import Denoise, Interval, Noise, Past, Step, derivative

# (denoise, x, eps, sigma, sigma_next), with `eps` the noise predicted at x, to where x goes by the method of one order less
# and by the method itself.
Solver = Callable[[Denoise, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def dpm_fast(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:  # noqa: ARG001
    """DPM-Solver-fast: as many evaluations as the schedule has steps, most of them in steps of order 3 (section 3.4)."""
    orders = fast_orders(len(sigmas) - 1)
    first, last = ends(sigmas)
    levels = (-torch.linspace(-math.log(first), -math.log(last), len(orders) + 1)).exp()
    for index in range(past[-1].index + 1 if past else 0, len(orders)):
        at = Interval(index, len(orders), levels[index], levels[index + 1])
        denoised = denoise(x, at.sigma)
        _, x = SOLVERS[orders[index]](denoise, x, derivative(x, at.sigma, denoised), at.sigma, at.sigma_next)
        yield at.arrive(x, denoised)


def fast_orders(evaluations: int) -> list[int]:
    """The orders of the steps that use up so many evaluations of the model."""
    thirds, rest = divmod(evaluations, 3)
    return [3] * (thirds - 1) + [2, 1] if rest == 0 else [3] * thirds + [rest]


def ends(sigmas: Tensor) -> tuple[float, float]:
    """The first sigma and the last above 0."""
    return float(sigmas[0]), float(sigmas[-1] if sigmas[-1] > 0 else sigmas[-2])


def _first_order(denoise: Denoise, x: Tensor, eps: Tensor, sigma: Tensor, sigma_next: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """Equation 3.7, which is Euler's step."""
    return x, x + eps * (sigma_next - sigma)


def _second_order(denoise: Denoise, x: Tensor, eps: Tensor, sigma: Tensor, sigma_next: Tensor) -> tuple[Tensor, Tensor]:
    """Algorithm 4 with r1 = 1/2."""
    _, first = _first_order(denoise, x, eps, sigma, sigma_next)
    change = _change_of_eps(denoise, x, eps, sigma, between(sigma, sigma_next, 1 / 2))
    return first, first + change * (sigma_next - sigma)


def _third_order(denoise: Denoise, x: Tensor, eps: Tensor, sigma: Tensor, sigma_next: Tensor) -> tuple[Tensor, Tensor]:
    """Algorithm 5 with r1 = 1/3 and r2 = 2/3; the second order is algorithm 4 with r1 = 1/3."""
    _, first = _first_order(denoise, x, eps, sigma, sigma_next)
    h = log_ratio(sigma, sigma_next)
    change_1 = _change_of_eps(denoise, x, eps, sigma, between(sigma, sigma_next, 1 / 3))
    sigma_2 = between(sigma, sigma_next, 2 / 3)
    bent = x - change_1 * (2 * sigma_2 * _phi(2 / 3 * h))
    change_2 = _change_of_eps(denoise, bent, eps, sigma, sigma_2)
    second = first + change_1 * (3 / 2 * (sigma_next - sigma))
    return second, first - change_2 * (3 / 2 * sigma_next * _phi(h))


def _change_of_eps(denoise: Denoise, x: Tensor, eps: Tensor, sigma: Tensor, sigma_there: Tensor) -> Tensor:
    """How much other noise is predicted after Euler's step along `eps` from x."""
    there = x + eps * (sigma_there - sigma)
    return derivative(there, sigma_there, denoise(there, sigma_there)) - eps


def _phi(h: Tensor) -> Tensor:
    """(e^h - 1) / h - 1."""
    return h.expm1() / h - 1


SOLVERS: Final[Mapping[int, Solver]] = {1: _first_order, 2: _second_order, 3: _third_order}
