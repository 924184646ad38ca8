"""SA-Solver: stochastic Adams methods, predictor and corrector (Xue et al., 2023, "SA-Solver", algorithm 1).

Over a step of length h in lambda with stochasticity tau, x keeps e^-(1 + tau^2)h of itself, gets noise, and takes the rest
from the polynomial through the last predictions. A step carries all but the latter, so that the corrector in the next step,
which knows one prediction more, only exchanges the polynomial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
    simple_order_2: bool = False,
    again: bool = False,
) -> Iterator[Step]:
    """Predict, evaluate, correct. Orders are the numbers of predictions used: 1..6, and 0..6 for the corrector.

    With `again`, the corrected x is evaluated, too, and has a prediction of its own.
    """
    tau = tau or tau_within(denoise.schedule)
    adams = _Adams(tau, s_noise, predictor_order, corrector_order, simple_order_2, again)
    return adams.steps(denoise, x, sigmas, noise, past)


def tau_within(schedule: NoiseSchedule, eta: float = 1.0, start_percent: float = 0.2, end_percent: float = 0.8) -> Tau:
    """`eta` between two shares of the schedule, where noise mends errors, and 0 outside (section 6.1)."""
    return tau_between(schedule.percent_to_sigma(start_percent), schedule.percent_to_sigma(end_percent), eta)


def tau_between(start_sigma: float, end_sigma: float, eta: float = 1.0) -> Tau:
    """`eta` from one sigma down to another, and 0 outside."""
    return lambda sigma: eta if start_sigma >= sigma >= end_sigma else 0.0


@dataclass(frozen=True, slots=True)
class _Adams:
    """One choice of the method."""

    tau: Tau
    s_noise: float
    predictor_order: int
    corrector_order: int
    simple_order_2: bool
    again: bool

    def steps(self, denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past) -> Iterator[Step]:
        ends_clean = bool(sigmas[-1] == 0)
        for at in intervals(sigmas, past):
            past = latest(past, max(self.predictor_order, self.corrector_order))
            sigma, sigma_next = float(at.sigma), float(at.sigma_next)
            left = at.total - at.index if ends_clean else at.total + 1  # orders fall towards a clean end
            denoised = denoise(x, at.sigma)
            known = [(sigma, denoised), *((step.sigma, step.denoised) for step in reversed(past))]
            if past and self.corrector_order and (self.again or not at.is_last):
                used = known[: min(self.corrector_order, left)]
                x = past[-1].carry[0] + self._increment(used, past[-1].sigma, sigma)
                if self.again:
                    denoised = denoise(x, at.sigma)
                    known[0] = sigma, denoised
            if at.is_last:
                x = kept = denoised
            else:
                kept = _kept(x, noise, at.sigma, at.sigma_next, self.tau(sigma_next), self.s_noise)
                x = kept + self._increment(known[: min(self.predictor_order, left - 1)], sigma, sigma_next)
            step = at.arrive(x, denoised, kept)
            past = (*past, step)
            yield step

    def _increment(self, known: Sequence[tuple[float, Tensor]], sigma: float, sigma_next: float) -> Tensor:
        """What a step takes from the predictions at some sigmas, newest first (equation 14 with alpha = 1)."""
        lambdas, rate = [-math.log(level) for level, _ in known], 1 + self.tau(sigma_next) ** 2
        weigh = _short_weights if self.simple_order_2 and len(known) == 2 else _weights
        taken = torch.zeros_like(known[0][1])
        for weight, (_, denoised) in zip(weigh(lambdas, sigma, sigma_next, rate), known, strict=True):
            taken = taken + weight * denoised
        return taken


def _kept(x: Tensor, noise: Noise, sigma: Tensor, sigma_next: Tensor, tau: float, s_noise: float) -> Tensor:
    """What a step keeps of x, with the noise that it adds."""
    h = math.log(sigma / sigma_next)
    kept = math.exp(-(1 + tau**2) * h) * x
    if tau == 0:
        return kept
    return kept + noise(sigma, sigma_next) * (sigma_next * math.sqrt(-math.expm1(-2 * tau**2 * h)) * s_noise)


def _weights(lambdas: Sequence[float], sigma: float, sigma_next: float, rate: float) -> Sequence[float]:
    """The integrals of the polynomial's basis over a step."""
    end = -math.log(sigma_next)
    start = max(-math.log(sigma), end - _FAR / rate)
    return basis_integrals(lambdas, start, end, lambda at: rate * (rate * (at - end)).exp())


def _short_weights(lambdas: Sequence[float], sigma: float, sigma_next: float, rate: float) -> Sequence[float]:
    """The same for two predictions, to the order of the method only (appendix D). The corrector knows the one at the end."""
    h = math.log(sigma / sigma_next)
    both = -math.expm1(-rate * h)
    if lambdas[0] > -math.log(sigma):
        return rate * h / 2, both - rate * h / 2
    earlier = rate * h**2 / 2 / (lambdas[1] - lambdas[0])
    return both - earlier, earlier
