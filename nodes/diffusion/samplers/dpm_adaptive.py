"""DPM-Solver with steps of its own choosing: as long as the difference between two orders allows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nodes.diffusion.samplers.dpm_solver import SOLVERS, ends
from nodes.diffusion.samplers.exponential import log_ratio
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, ancestral_sigmas, derivative

# What is left of lambda when a run is done.
_DONE = 1e-5
_TINY_ERROR = 1e-8


@dataclass(frozen=True, slots=True)
class Pace:
    """The size in lambda to try next, and one over the errors of the last two steps kept (0: not known yet)."""

    h: float
    before: float = 0.0
    earlier: float = 0.0


@dataclass(frozen=True, slots=True)
class StepSize:
    """How steps are chosen: a PID controller on the local error (Soederlind, 2003).

    The first step has size `h_init` in lambda. Errors are in tolerances, `rtol * |x|` but at least `atol`. A step is kept if
    the controller would shrink it to no less than `accept_safety` of itself.
    """

    rtol: float = 0.05
    atol: float = 0.0078
    h_init: float = 0.05
    pcoeff: float = 0.0
    icoeff: float = 1.0
    dcoeff: float = 0.0
    accept_safety: float = 0.81

    def error(self, lower: Tensor, higher: Tensor, lower_before: Tensor) -> float:
        """How far the results of two orders differ, root mean square, in tolerances."""
        tolerance = (self.rtol * lower.abs().maximum(lower_before.abs())).clamp(min=self.atol)
        return float(((lower - higher) / tolerance).square().mean().sqrt())

    def judge(self, pace: Pace, error: float, order: float) -> tuple[bool, Pace]:
        """Whether to keep a step of this error, and how to go on. What is not finite is kept, since no step mends it."""
        if not math.isfinite(error):
            return True, pace
        now = 1 / (error + _TINY_ERROR)
        before, earlier = pace.before or now, pace.earlier or now
        p, i, d = self.pcoeff / order, self.icoeff / order, self.dcoeff / order
        factor = 1 + math.atan(now ** (p + i + d) * before ** -(p + 2 * d) * earlier**d - 1)  # 1 - pi/4 to 1 + pi/2
        if factor < self.accept_safety:
            return False, Pace(pace.h * factor, before, earlier)
        return True, Pace(pace.h * factor, now, before)


def dpm_adaptive(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    order: int = 3,
    step_size: StepSize | None = None,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Iterator[Step]:
    """DPM-Solver-12 or -23 (Lu et al., 2022, appendix C). `order` is 2 or 3.

    Each step carries the lower order's result and the pace, so that a run goes on with the very steps it would have taken.
    """
    step_size = step_size or StepSize()
    sigma, last = (torch.tensor(level) for level in ends(sigmas))
    index, lower, pace = 0, x, Pace(step_size.h_init)
    if past:
        index, sigma = past[-1].index + 1, torch.tensor(past[-1].sigma_next)
        lower, pace = past[-1].carry[0], Pace(*past[-1].carry[1].tolist())
    while (left := float(log_ratio(sigma, last))) > _DONE:
        denoised = denoise(x, sigma)
        eps = derivative(x, sigma, denoised)
        while True:
            sigma_next = sigma * math.exp(-pace.h) if pace.h < left else last
            sigma_down, sigma_up = _not_below(last, sigma, sigma_next, eta)
            trial, higher = SOLVERS[order](denoise, x, eps, sigma, sigma_down)
            kept, pace = step_size.judge(pace, step_size.error(trial, higher, lower), 1.5 if eta else order)
            if kept:
                break
        lower, x = trial, higher
        if eta:
            x = x + noise(sigma, sigma_next) * (s_noise * sigma_up)
        more = math.ceil(max(0.0, float(log_ratio(sigma_next, last)) - _DONE) / pace.h)
        state = torch.tensor([pace.h, pace.before, pace.earlier], dtype=torch.float64)
        yield Step(index, index + 1 + more, float(sigma), float(sigma_next), x, denoised, (lower, state))
        index, sigma = index + 1, sigma_next


def _not_below(last: Tensor, sigma: Tensor, sigma_next: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """Where to go down to, but not below the last sigma, and how much noise to add to arrive at `sigma_next`."""
    sigma_down = ancestral_sigmas(sigma, sigma_next, eta)[0].maximum(last)
    return sigma_down, (sigma_next**2 - sigma_down**2).clamp(min=0).sqrt()
