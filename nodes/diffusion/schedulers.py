"""How a sampler spaces its steps over a model's noise: each scheduler is a function returning sigmas.

Sigmas are one-dimensional float32, descending, and end in 0. They hold `steps + 1` values, except where the method
itself yields another number (`beta` merges steps that fall on one timestep, `ddim_uniform` counts in whole strides).
`SCHEDULERS` maps the names people use to functions over a `NoiseSchedule`; the parametrised forms beside them take
plain numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.schedule import NoiseSchedule

Scheduler = Callable[[NoiseSchedule, int], Tensor]

_WHOLE = 0.9999
_QUANTILE_FLOOR = 1e-5


def simple(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Every (timesteps / steps)-th training sigma, from the largest down."""
    stride = schedule.timesteps / steps
    return _end_in_zero(schedule.sigmas[[-(1 + int(i * stride)) for i in range(steps)]])


def ddim_uniform(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Equal strides of training timesteps, counted up from the second (Song et al., 2021, "DDIM")."""
    stride = max(schedule.timesteps // steps, 1)
    return _end_in_zero(schedule.sigmas[1::stride].flip(0))


def normal(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Equal distances in timestep from the largest sigma to the smallest, which is a step of its own."""
    return _end_in_zero(schedule.sigma(torch.linspace(schedule.last_timestep, schedule.first_timestep, steps)))


def sgm_uniform(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Equal distances in timestep, the smallest sigma left out (Stability AI's generative-models)."""
    spaced = torch.linspace(schedule.last_timestep, schedule.first_timestep, steps + 1)
    return _end_in_zero(schedule.sigma(spaced[:-1]))


def karras(schedule: NoiseSchedule, steps: int) -> Tensor:
    return karras_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def exponential(schedule: NoiseSchedule, steps: int) -> Tensor:
    return exponential_sigmas(steps, schedule.sigma_min, schedule.sigma_max)


def beta(schedule: NoiseSchedule, steps: int) -> Tensor:
    return beta_sigmas(schedule, steps)


def linear_quadratic(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Tiny linear steps for the first half, then quadratic ones (Genmo's Mochi 1)."""
    if steps == 1:
        return torch.tensor([schedule.sigma_max, 0.0])
    threshold = 0.025
    linear = steps // 2
    excess = linear - threshold * steps
    a = excess / (linear * (steps - linear) ** 2)
    b = threshold / linear - 2 * excess / (steps - linear) ** 2
    c = a * linear**2
    first = [i * threshold / linear for i in range(linear)]
    second = [a * i**2 + b * i + c for i in range(linear, steps)]
    return torch.tensor([1.0 - progress for progress in (*first, *second, 1.0)]) * schedule.sigma_max


def kl_optimal(schedule: NoiseSchedule, steps: int) -> Tensor:
    """Equal distances in arctan sigma (Sabour et al., 2024, "Align Your Steps", section 3.1)."""
    ramp = torch.arange(steps, dtype=torch.float32) / max(steps - 1, 1)
    low, high = math.atan(schedule.sigma_min), math.atan(schedule.sigma_max)
    return _end_in_zero((ramp * low + (1 - ramp) * high).tan())


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """Equal distances in sigma ** (1 / rho) (Karras et al., 2022, equation 5)."""
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return _end_in_zero((high + torch.linspace(0, 1, steps) * (low - high)) ** rho)


def exponential_sigmas(steps: int, sigma_min: float, sigma_max: float) -> Tensor:
    """Equal distances in log sigma."""
    return _end_in_zero(torch.linspace(math.log(sigma_max), math.log(sigma_min), steps).exp())


def polyexponential_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 1.0) -> Tensor:
    """Log sigma falls with a power of the way that is left: 1 is `exponential_sigmas`, more dwells at small sigmas."""
    left = torch.linspace(1, 0, steps) ** rho
    return _end_in_zero((left * (math.log(sigma_max) - math.log(sigma_min)) + math.log(sigma_min)).exp())


def vp_sigmas(steps: int, beta_d: float = 19.9, beta_min: float = 0.1, eps_s: float = 0.001) -> Tensor:
    """Equal distances in the time of a variance-preserving process (Song et al., 2021; Karras et al., 2022, table 1)."""
    t = torch.linspace(1, eps_s, steps)
    return _end_in_zero((beta_d * t**2 / 2 + beta_min * t).expm1().sqrt())


def laplace_sigmas(steps: int, sigma_min: float, sigma_max: float, mu: float = 0.0, beta: float = 0.5) -> Tensor:
    """Log sigma at the quantiles of a Laplace distribution (Hang et al., 2024, "Improved Noise Schedule").

    As published it holds `steps` values, of which several at both ends are the same, and ends in `sigma_min`, not in 0.
    """
    from_middle = 0.5 - torch.linspace(0, 1, steps)
    log_sigmas = mu - beta * from_middle.sign() * (1 - 2 * from_middle.abs() + _QUANTILE_FLOOR).log()
    return log_sigmas.exp().clamp(sigma_min, sigma_max)


def sd_turbo_sigmas(schedule: NoiseSchedule, steps: int, denoise: float = 1.0) -> Tensor:
    """Timesteps that SD Turbo was distilled on, 999, 899, ... 99 (Sauer et al., 2023), without the first share.

    `denoise` is 0..1 in tenths. There are no more steps than are left of the ten.
    """
    left_out = 10 - int(10 * denoise)
    timesteps = [100 * tenth - 1 for tenth in range(10, 0, -1)]
    return _end_in_zero(schedule.sigma(torch.tensor(timesteps[left_out : left_out + steps])))


def beta_sigmas(schedule: NoiseSchedule, steps: int, alpha: float = 0.6, beta: float = 0.6) -> Tensor:
    """Timesteps at the quantiles of a beta distribution (Lee et al., 2024, "Beta Sampling is All You Need").

    Raises ValueError unless alpha and beta are positive. Quantiles that round to the same timestep are one step.
    """
    if alpha <= 0 or beta <= 0:
        raise ValueError(f"a beta distribution needs alpha and beta above 0, not {alpha} and {beta}")
    last = schedule.timesteps - 1
    # A quantile rounds to timestep k where its probability lies between the distribution at k - 1/2 and at k + 1/2.
    bounds = _beta_distribution((torch.arange(last, dtype=torch.float64) + 0.5) / last, alpha, beta)
    probabilities = 1.0 - torch.arange(steps, dtype=torch.float64) / steps
    timesteps = torch.searchsorted(bounds, probabilities)
    timesteps[0] = last  # where all is reached, whatever the rounding of bounds near 1
    return _end_in_zero(schedule.sigmas[torch.unique_consecutive(timesteps)])


_MOST_STEPS: Final = 1_000_000


class TooManyStepsError(ValueError):
    """A share of a schedule so small that the whole of it cannot be spaced."""

    code = "too_many_steps"
    hint = "Use fewer steps, or a higher denoise."


def partial_sigmas(scheduler: Scheduler, schedule: NoiseSchedule, steps: int, denoise: float) -> Tensor:
    """Sigmas for redoing the last share `denoise` (0..1) of the way in `steps` steps; empty when it is 0.

    A longer run of `steps / denoise` steps is spaced, and its last `steps` are taken. Raises TooManyStepsError where that
    run would be too long to space.
    """
    if denoise > _WHOLE:
        return scheduler(schedule, steps)
    if denoise <= 0.0:
        return torch.empty(0)
    whole = int(steps / denoise)
    if whole > _MOST_STEPS:
        raise TooManyStepsError(
            f"{steps} steps at denoise {denoise:g} are the end of {whole:,}; at most {_MOST_STEPS:,}"
        )
    return scheduler(schedule, whole)[-(steps + 1) :]


def drop_penultimate(scheduler: Scheduler) -> Scheduler:
    """The scheduler for samplers that jump over the smallest sigma: one step more, then the last but one sigma cut."""

    def dropped(schedule: NoiseSchedule, steps: int) -> Tensor:
        sigmas = scheduler(schedule, steps + 1)
        return torch.cat([sigmas[:-2], sigmas[-1:]])

    return dropped


def _end_in_zero(sigmas: Tensor) -> Tensor:
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def _beta_distribution(x: Tensor, a: float, b: float) -> Tensor:
    """The regularised incomplete beta function I_x(a, b), float64 (DLMF 8.17.8 and its symmetry 8.17.4)."""
    mirrored = x > (a + 1) / (a + b + 2)
    tail = _beta_series(1.0 - x[mirrored], b, a)
    result = torch.empty_like(x)
    result[~mirrored] = _beta_series(x[~mirrored], a, b)
    result[mirrored] = 1.0 - tail
    return result


def _beta_series(x: Tensor, a: float, b: float) -> Tensor:
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    term = torch.ones_like(x)
    total = term.clone()
    n = 0
    while bool((term > 1e-16 * total).any()):
        term = term * x * ((a + b + n) / (a + 1 + n))
        total += term
        n += 1
    return total * (a * x.log() + b * (1.0 - x).log() - log_beta).exp() / a


SCHEDULERS: Final[Mapping[str, Scheduler]] = {
    "simple": simple,
    "sgm_uniform": sgm_uniform,
    "karras": karras,
    "exponential": exponential,
    "ddim_uniform": ddim_uniform,
    "beta": beta,
    "normal": normal,
    "linear_quadratic": linear_quadratic,
    "kl_optimal": kl_optimal,
}
