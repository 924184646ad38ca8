"""DPM-Solver++ for the reverse diffusion SDE: noise is added back on the way (Lu et al., 2022, section 5).

With eta = 1 a step of length h in lambda keeps e^-2h of x, takes the rest from a prediction, and adds noise of variance
sigma_next^2 (1 - e^-2h); with eta = 0 the methods are those of `dpmpp.py`. They are meant for Brownian noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import Tensor

from nodes.diffusion.samplers.euler import euler_step
from nodes.diffusion.samplers.exponential import between, log_ratio, phi_2, relative_length
from nodes.diffusion.samplers.step import (
    Denoise,
    Interval,
    Noise,
    Past,
    Step,
    ancestral_sigmas,
    intervals,
    latest,
)


def dpmpp_sde(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r: float = 0.5,
) -> Iterator[Step]:
    """DPM-Solver++ (SDE), single-step: second order from a noisy prediction the share `r` of the way."""
    for at in intervals(sigmas, past):
        denoised = target = denoise(x, at.sigma)
        if at.is_last:
            x = denoised
        else:
            middle = between(at.sigma, at.sigma_next, r)
            sigma_down, sigma_up = ancestral_sigmas(at.sigma, middle, eta)
            there = euler_step(x, denoised, at.sigma, sigma_down) + noise(at.sigma, middle) * (s_noise * sigma_up)
            target = denoised + (denoise(there, middle) - denoised) / (2 * r)
            sigma_down, sigma_up = ancestral_sigmas(at.sigma, at.sigma_next, eta)
            x = euler_step(x, target, at.sigma, sigma_down) + noise(at.sigma, at.sigma_next) * (s_noise * sigma_up)
        yield at.arrive(x, denoised)


def dpmpp_2m_sde(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    solver_type: Literal["midpoint", "heun"] = "midpoint",
) -> Iterator[Step]:
    """SDE-DPM-Solver++(2M): second order from the previous step's prediction."""
    last = past[-1] if past else None
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        if at.is_last:
            x = denoised
        else:
            h = log_ratio(at.sigma, at.sigma_next) * (1 + eta)
            x = (-h).exp() * x - (-h).expm1() * denoised
            if last is not None:
                weight = -(-h).expm1() / 2 if solver_type == "midpoint" else phi_2(h)
                x = x + weight / relative_length(last, at) * (denoised - last.denoised)
            x = x + fresh_noise(noise, at, eta, s_noise)
        last = at.arrive(x, denoised)
        yield last


def dpmpp_3m_sde(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[Step]:
    """DPM-Solver++(3M) SDE: third order from two previous predictions (Katherine Crowson, k-diffusion)."""
    for at in intervals(sigmas, past):
        past = latest(past, 2)
        denoised = denoise(x, at.sigma)
        if at.is_last:
            x = denoised
        else:
            h = log_ratio(at.sigma, at.sigma_next) * (1 + eta)
            x = (-h).exp() * x - (-h).expm1() * denoised
            x = x + _curvature(h, denoised, past, at) + fresh_noise(noise, at, eta, s_noise)
        step = at.arrive(x, denoised)
        past = (*past, step)
        yield step


def fresh_noise(noise: Noise, at: Interval, eta: float, s_noise: float) -> Tensor:
    """The noise that a step adds: as much as it takes of the old one."""
    h = log_ratio(at.sigma, at.sigma_next)
    deviation = at.sigma_next * (-(-2 * eta * h).expm1()).sqrt()
    return noise(at.sigma, at.sigma_next) * (deviation * s_noise)


def _curvature(h: Tensor, denoised: Tensor, past: Past, at: Interval) -> Tensor | float:
    """What the change of the prediction adds to a step; of second order after one step, of third after two."""
    if not past:
        return 0.0
    r0 = relative_length(past[-1], at)
    change_0 = (denoised - past[-1].denoised) / r0
    if len(past) == 1:
        return phi_2(h) * change_0
    r1 = relative_length(past[-2], at)
    change_1 = (past[-1].denoised - past[-2].denoised) / r1
    bend = (change_0 - change_1) / (r0 + r1)
    return phi_2(h) * (change_0 + r0 * bend) - (phi_2(h) / h - 0.5) * bend
