"""UniPC: multistep predictor and corrector of the same order (Zhao et al., 2023, "UniPC", algorithms 5 to 8).

A step takes from the last prediction what a first-order step does, and from its differences to others what makes the result
exact for polynomials of rising degree. The corrector comes with the next step, whose prediction is one more difference: so
a step carries its first-order part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch import Tensor

from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, intervals, latest

# Where the last step arrives instead of at 0, where lambda has no end. The method is published with 0.001, which the
# variance-preserving scale in float32 rounds to this.
SIGMA_END = 2.0**-10

_MOST_ORDER = 3

# A sigma and the prediction at it.
Known = tuple[float, Tensor]


def uni_pc(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:  # noqa: ARG001
    """Variant B_1(h) = h."""
    return _uni_pc(denoise, x, sigmas, past, lambda h: -h)


def uni_pc_bh2(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:  # noqa: ARG001
    """Variant B_2(h) = e^h - 1, at -h since it is the clean latent that is predicted."""
    return _uni_pc(denoise, x, sigmas, past, lambda h: math.expm1(-h))


def _uni_pc(denoise: Denoise, x: Tensor, sigmas: Tensor, past: Past, b: Callable[[float], float]) -> Iterator[Step]:
    for at in intervals(sigmas, past):
        past = latest(past, _MOST_ORDER)
        sigma, sigma_next = float(at.sigma), float(at.sigma_next) or SIGMA_END
        denoised = denoise(x, at.sigma)
        if at.total == 1:  # as published: the first step only predicts, and its move is made by the second
            yield at.arrive(x * math.sqrt((1 + sigma_next**2) / (1 + sigma**2)), denoised)
            return
        known = [(step.sigma, step.denoised) for step in reversed(past)]
        if past:
            others = [*known[1 : _order(at.index - 1, at.total)], (sigma, denoised)]
            x = past[-1].carry[0] + _change(known[0], others, math.log(past[-1].sigma / sigma), b)
        h = math.log(sigma / sigma_next)
        first_order = math.exp(-h) * x - math.expm1(-h) * denoised
        x = first_order + _change((sigma, denoised), known[: _order(at.index, at.total) - 1], h, b)
        step = at.arrive(x, denoised, first_order)
        past = (*past, step)
        yield step


def _order(index: int, total: int) -> int:
    """The order of a step: rising at the beginning, falling at the end, and below the number of steps."""
    return max(1, min(_MOST_ORDER, total - 1, index + 1, total - index))


def _change(origin: Known, others: Sequence[Known], h: float, b: Callable[[float], float]) -> Tensor | float:
    """What differences of predictions to that at `origin` add to a step of length h."""
    places = [math.log(origin[0] / sigma) / h for sigma, _ in others]
    change: Tensor | float = 0.0
    for weight, place, (_, denoised) in zip(_weights(places, h, b(h)), places, others, strict=True):
        change = change - (b(h) * weight / place) * (denoised - origin[1])
    return change


def _weights(places: Sequence[float], h: float, b: float) -> Sequence[float]:
    """The coefficients that satisfy the order conditions (equation 5); a single one is 1/2 for either variant."""
    if len(places) < 2:
        return [0.5] * len(places)
    conditions, phi = [], math.expm1(-h) / -h - 1
    for n in range(1, len(places) + 1):
        conditions.append(phi * math.factorial(n) / b)
        phi = phi / -h - 1 / math.factorial(n + 1)
    powers = np.vander(np.array(places), increasing=True).T  # row n: places ** n
    return [float(weight) for weight in np.linalg.solve(powers, np.array(conditions))]
