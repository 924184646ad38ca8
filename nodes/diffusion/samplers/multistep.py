"""Linear multistep methods on the slope dx/dsigma: the next step from the slopes of the last ones.

Each step carries its slope for those after it. The methods differ in how they take slopes to go on between sigmas, that is
in the weights they give them. The step to sigma 0 goes to the prediction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.samplers.polynomial import basis_integrals, lagrange
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, derivative, intervals, latest

# The sigmas that slopes are known at, newest first, and the next sigma, to what each slope is multiplied with.
Weights = Callable[[Sequence[float], float], Sequence[float]]

# Adams-Bashforth coefficients for equal steps, newest slope first, by order.
_ADAMS_BASHFORTH: Final = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)

# The process in whose time DEIS interpolates: sigma = sqrt(exp(beta_d t^2 / 2 + beta_min t) - 1), which is 0.002 at time
# 1e-3 and 80 at time 1.
_VP_BETA_D: Final = 2 * (math.log(0.002**2 + 1) / 1e-3 - math.log(80.0**2 + 1)) / (1e-3 - 1)
_VP_BETA_MIN: Final = math.log(80.0**2 + 1) - _VP_BETA_D / 2
_DEIS_POINTS: Final = 10_000


def multistep(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,  # noqa: ARG001
    past: Past = (),
    *,
    weights: Weights,
    order: int = 4,
) -> Iterator[Step]:
    """The method that has these weights, from `order` slopes at the most."""
    for at in intervals(sigmas, past):
        past = latest(past, order - 1)
        denoised = denoise(x, at.sigma)
        slope = derivative(x, at.sigma, denoised)
        if at.is_last:
            x = denoised
        else:
            known = [float(at.sigma), *(step.sigma for step in reversed(past))]
            slopes = [slope, *(step.carry[0] for step in reversed(past))]
            for weight, each in zip(weights(known, float(at.sigma_next)), slopes, strict=True):
                x = x + weight * each
        step = at.arrive(x, denoised, slope)
        past = (*past, step)
        yield step


def polynomial_weights(known: Sequence[float], sigma_next: float) -> Sequence[float]:
    """`lms`: Adams-Bashforth for steps of any size, the polynomial through the slopes integrated over sigma."""
    return basis_integrals(known, known[0], sigma_next)


def time_polynomial_weights(known: Sequence[float], sigma_next: float) -> Sequence[float]:
    """`deis`: tAB-DEIS, whose slopes are a polynomial in the time of a variance-preserving process (Zhang and Chen, 2022,
    section 3.3). Integrals are the mean of so many points, which is how they are published."""
    if len(known) == 1:
        return [sigma_next - known[0]]
    times = [_vp_time(sigma) for sigma in known]
    end = _vp_time(sigma_next)
    t = torch.linspace(times[0], end, _DEIS_POINTS, dtype=torch.float64)
    rate = _vp_sigma_rate(t)
    return [float((rate * lagrange(times, j, t)).mean()) * (end - times[0]) for j in range(len(times))]


def equal_step_weights(known: Sequence[float], sigma_next: float) -> Sequence[float]:
    """`ipndm`: Adams-Bashforth as if all steps were equal (Zhang and Chen, 2022, "DEIS", iPNDM). At most four."""
    return [(sigma_next - known[0]) * share for share in _ADAMS_BASHFORTH[len(known) - 1]]


def step_ratio_weights(known: Sequence[float], sigma_next: float) -> Sequence[float]:
    """`ipndm_v`: Adams-Bashforth with a share of the step sizes (Zhou et al., 2023, diff-sampler's iPNDM_v), at most four.

    As published they equal the variable-step method's for equal steps only, from order 3 on.
    """
    points = (sigma_next, *known)
    h, *earlier = (a - b for a, b in zip(points, points[1:], strict=False))
    shares = [1.0, 0.0, 0.0, 0.0][: len(known)]
    if len(known) >= 2:
        _add(shares, h / earlier[0] / 2, (1, -1))
    if len(known) >= 3:
        h1, h2 = earlier[:2]
        _add(shares, (1 - h**2 / (3 * h1 * (h1 + h2))) / 2, (1, -1 - h1 / h2, h1 / h2))
    if len(known) >= 4:
        _add(shares, *_fourth_order(h, *earlier))
    return [h * share for share in shares]


def _fourth_order(h: float, h1: float, h2: float, h3: float) -> tuple[float, Sequence[float]]:
    """The last term of diff-sampler's fourth order: a factor, and the slopes' shares in it."""
    growth = h * (h + h1) * (h + h1 + h2) / (h1 * (h1 + h2) * (h1 + h2 + h3))
    factor = (1 - h / (3 * (h + h1))) / 2 + (1 - h / (2 * (h + h1))) * h / (6 * (h + h1 + h2))
    near, far = h1 / h2, h1 * (h1 + h2) / (h2 * (h2 + h3))
    return factor * growth, (1, -1 - near - far, near + far * (1 + h2 / h3), -far * near)


def _add(shares: list[float], factor: float, term: Sequence[float]) -> None:
    for index, value in enumerate(term):
        shares[index] += factor * value


def _vp_time(sigma: float) -> float:
    """When the variance-preserving process with linear beta has this sigma (Karras et al., 2022, table 1)."""
    return (math.sqrt(_VP_BETA_MIN**2 + 2 * _VP_BETA_D * math.log1p(sigma**2)) - _VP_BETA_MIN) / _VP_BETA_D


def _vp_sigma_rate(t: Tensor) -> Tensor:
    """dsigma/dt of that process at times `t`."""
    variance = (_VP_BETA_D / 2 * t**2 + _VP_BETA_MIN * t).expm1()
    return (_VP_BETA_D * t + _VP_BETA_MIN) * (variance + 1) / (2 * variance.sqrt())
