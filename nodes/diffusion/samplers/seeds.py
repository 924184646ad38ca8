"""SEEDS: exponential solvers for the reverse diffusion SDE (Gonzalez et al., 2023, "SEEDS", algorithms 2 and 3).

Single steps of second and third order on the prediction of the clean latent, with predictions on the way that see the
noise which the step is going to add: what is drawn for a part of the step counts, damped, for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nodes.diffusion.samplers.exponential import between, log_ratio, phi_2
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, intervals


def seeds_2(
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
    """Second order, with a prediction after the share `r` of the step."""
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        if at.is_last:
            x = denoised
        else:
            middle = between(at.sigma, at.sigma_next, r)
            drawn = fresh(noise, at.sigma, middle, eta)
            there = _toward(x, denoised, at.sigma, middle, eta) + drawn * (middle * s_noise)
            target = denoised + (denoise(there, middle) - denoised) / (2 * r)
            drawn = damped(drawn, middle, at.sigma_next, eta) + fresh(noise, middle, at.sigma_next, eta)
            x = _toward(x, target, at.sigma, at.sigma_next, eta) + drawn * (at.sigma_next * s_noise)
        yield at.arrive(x, denoised)


def seeds_3(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
    r_1: float = 1 / 3,
    r_2: float = 2 / 3,
) -> Iterator[Step]:
    """Third order, with predictions after the shares `r_1` and `r_2` of the step."""
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        if at.is_last:
            x = denoised
        else:
            first, second = (between(at.sigma, at.sigma_next, r) for r in (r_1, r_2))
            h = log_ratio(at.sigma, at.sigma_next) * (1 + eta)
            drawn = fresh(noise, at.sigma, first, eta)
            there = _toward(x, denoised, at.sigma, first, eta) + drawn * (first * s_noise)
            change = denoise(there, first) - denoised
            drawn = damped(drawn, first, second, eta) + fresh(noise, first, second, eta)
            there = _toward(x, denoised, at.sigma, second, eta) + change * (r_2 / r_1 * phi_2(r_2 * h))
            change = denoise(there + drawn * (second * s_noise), second) - denoised
            drawn = damped(drawn, second, at.sigma_next, eta) + fresh(noise, second, at.sigma_next, eta)
            x = _toward(x, denoised, at.sigma, at.sigma_next, eta) + change * (phi_2(h) / r_2)
            x = x + drawn * (at.sigma_next * s_noise)
        yield at.arrive(x, denoised)


def _toward(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor, eta: float) -> Tensor:
    """The mean of a step with one prediction."""
    h = log_ratio(sigma, sigma_next) * (1 + eta)
    return (-h).exp() * x - (-h).expm1() * denoised


def fresh(noise: Noise, sigma: Tensor, sigma_next: Tensor, eta: float) -> Tensor:
    """The noise that is added from one sigma to the next, in units of the latter."""
    return noise(sigma, sigma_next) * (-(-2 * eta * log_ratio(sigma, sigma_next)).expm1()).sqrt()


def damped(drawn: Tensor, sigma: Tensor, sigma_next: Tensor, eta: float) -> Tensor:
    """What noise added up to `sigma` counts for at `sigma_next`, both in units of where they are."""
    return drawn * (-eta * log_ratio(sigma, sigma_next)).exp()
