"""SA-Solver: stochastic Adams methods, predictor and corrector (Xue et al., 2023, "SA-Solver", algorithm 1).

Over a step of length h in lambda with stochasticity tau, x keeps e^-(1 + tau^2)h of itself, gets noise, and takes the rest
from the polynomial through the last predictions. A step carries all but the latter, so that the corrector in the next step,
which knows one prediction more, only exchanges the polynomial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from nodes.diffusion.samplers.polynomial import basis_integrals
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, intervals, latest
from nodes.diffusion.schedule import NoiseSchedule

# The stochasticity at a sigma: 0 for the ODE, 1 for the reverse diffusion SDE.
Tau = Callable[[float], float]

# e to minus this is nothing beside 1.
_FAR = 40.0


def sa_solver(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    tau: Tau | None = None,
    s_noise: float = 1.0,
    predictor_order: int = 3,
    corrector_order: int = 4,
) -> Iterator[Step]:
    """Predict, evaluate, correct. Orders are the numbers of predictions used: 1..6, and 0..6 for the corrector."""
    orders = predictor_order, corrector_order
    return _adams(denoise, x, sigmas, noise, past, tau or tau_within(denoise.schedule), s_noise, orders, again=False)


def sa_solver_pece(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    tau: Tau | None = None,
    s_noise: float = 1.0,
    predictor_order: int = 3,
    corrector_order: int = 4,
) -> Iterator[Step]:
    """Predict, evaluate, correct, evaluate again: the corrected x has a prediction of its own."""
    orders = predictor_order, corrector_order
    return _adams(denoise, x, sigmas, noise, past, tau or tau_within(denoise.schedule), s_noise, orders, again=True)


def tau_within(schedule: NoiseSchedule, eta: float = 1.0, start_percent: float = 0.2, end_percent: float = 0.8) -> Tau:
    """`eta` between two shares of the schedule, where noise mends errors, and 0 outside (section 6.1)."""
    start, end = schedule.percent_to_sigma(start_percent), schedule.percent_to_sigma(end_percent)
    return lambda sigma: eta if start >= sigma >= end else 0.0


def _adams(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past,
    tau: Tau,
    s_noise: float,
    orders: tuple[int, int],
    *,
    again: bool,
) -> Iterator[Step]:
    ends_clean = bool(sigmas[-1] == 0)
    for at in intervals(sigmas, past):
        past = latest(past, max(orders))
        sigma, sigma_next = float(at.sigma), float(at.sigma_next)
        left = at.total - at.index if ends_clean else at.total + 1  # orders fall towards a clean end
        denoised = denoise(x, at.sigma)
        known = [(sigma, denoised), *((step.sigma, step.denoised) for step in reversed(past))]
        if past and orders[1] and (again or not at.is_last):
            used = known[: min(orders[1], left)]
            x = past[-1].carry[0] + _increment(used, past[-1].sigma, sigma, tau(sigma))
            if again:
                denoised = denoise(x, at.sigma)
                known[0] = sigma, denoised
        if at.is_last:
            x = kept = denoised
        else:
            kept = _kept(x, noise, at.sigma, at.sigma_next, tau(sigma_next), s_noise)
            x = kept + _increment(known[: min(orders[0], left - 1)], sigma, sigma_next, tau(sigma_next))
        step = at.arrive(x, denoised, kept)
        past = (*past, step)
        yield step


def _kept(x: Tensor, noise: Noise, sigma: Tensor, sigma_next: Tensor, tau: float, s_noise: float) -> Tensor:
    """What a step keeps of x, with the noise that it adds."""
    h = math.log(sigma / sigma_next)
    kept = math.exp(-(1 + tau**2) * h) * x
    if tau == 0:
        return kept
    return kept + noise(sigma, sigma_next) * (sigma_next * math.sqrt(-math.expm1(-2 * tau**2 * h)) * s_noise)


def _increment(known: Sequence[tuple[float, Tensor]], sigma: float, sigma_next: float, tau: float) -> Tensor:
    """What a step takes from the predictions at some sigmas (equation 14 with alpha = 1)."""
    rate, end = 1 + tau**2, -math.log(sigma_next)
    start = max(-math.log(sigma), end - _FAR / rate)
    lambdas = [-math.log(level) for level, _ in known]
    weights = basis_integrals(lambdas, start, end, lambda at: rate * (rate * (at - end)).exp())
    taken = torch.zeros_like(known[0][1])
    for weight, (_, denoised) in zip(weights, known, strict=True):
        taken = taken + weight * denoised
    return taken
