"""Extended reverse-time SDE solver (Cui et al., 2023, "Elucidating the solution space of extended reverse-time SDE for
diffusion models", ER-SDE-Solver-3, algorithm 3).

A function of sigma, the paper's phi, chooses how much noise a step puts in the place of old noise: sigma itself none
(the ODE), sigma^2 all (the reverse-time SDE).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from nodes.diffusion.samplers.step import Denoise, Interval, Noise, Past, Step, intervals, latest

NoiseScale = Callable[[Tensor], Tensor]

_POINTS = 200


def er_sde_noise(sigma: Tensor) -> Tensor:
    """The paper's choice, ER SDE 5: sigma (e^(sigma^0.3) + 10)."""
    return sigma * ((sigma**0.3).exp() + 10.0)


def reverse_sde_noise(sigma: Tensor, eta: float) -> Tensor:
    """The reverse-time SDE at an `eta` of 1, the ODE at 0."""
    return sigma ** (eta + 1.0)


def er_sde(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    noise_scale: NoiseScale = er_sde_noise,
    max_stage: int = 3,
    s_noise: float = 1.0,
) -> Iterator[Step]:
    """Of order `max_stage`, 1..3, from the changes of the prediction over that many steps."""
    for at in intervals(sigmas, past):
        past = latest(past, max_stage - 1)
        denoised = denoise(x, at.sigma)
        if at.is_last:
            x = denoised
        else:
            keep = noise_scale(at.sigma_next) / noise_scale(at.sigma)
            x = keep * x + (1 - keep) * denoised
            for weight, change in zip(_weights(at, noise_scale), _changes(denoised, at, past), strict=False):
                x = x + weight * change
            deviation = (at.sigma_next**2 - (at.sigma * keep) ** 2).clamp(min=0).sqrt()
            x = x + noise(at.sigma, at.sigma_next) * (deviation * s_noise)
        step = at.arrive(x, denoised)
        past = (*past, step)
        yield step


def _changes(denoised: Tensor, at: Interval, past: Past) -> tuple[Tensor, ...]:
    """The first derivative of the prediction by sigma and the second, as far as steps are known (backward differences)."""
    if not past:
        return ()
    slope = (denoised - past[-1].denoised) / (at.sigma - past[-1].sigma)
    if len(past) == 1:
        return (slope,)
    before = (past[-1].denoised - past[-2].denoised) / (past[-1].sigma - past[-2].sigma)
    return slope, (slope - before) / ((at.sigma - past[-2].sigma) / 2)


def _weights(at: Interval, noise_scale: NoiseScale) -> tuple[Tensor, Tensor]:
    """What these derivatives count for over a step (proposition 4); the integrals are sums over so many points."""
    length = at.sigma_next - at.sigma
    width = -length / _POINTS
    points = at.sigma_next + torch.arange(_POINTS) * width
    scaled = noise_scale(at.sigma_next) / noise_scale(points)
    first = length + scaled.sum() * width
    second = length**2 / 2 + ((points - at.sigma) * scaled).sum() * width
    return first, second
