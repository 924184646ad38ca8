"""Euler: first-order steps along the probability flow ODE (Karras et al., 2022)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nodes.diffusion.samplers.step import (
    Denoise,
    Noise,
    Past,
    Step,
    ancestral_sigmas,
    derivative,
    intervals,
)


def euler_step(x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """One Euler step from `sigma` to `sigma_next` (Karras et al., 2022, algorithm 1 without its second half)."""
    return x + derivative(x, sigma, denoised) * (sigma_next - sigma)


def euler(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:  # noqa: ARG001
    """Euler's method, deterministic."""
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        x = euler_step(x, denoised, at.sigma, at.sigma_next)
        yield at.arrive(x, denoised)


def euler_ancestral(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[Step]:
    """Euler steps that go below the next sigma and come back up with fresh noise."""
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        sigma_down, sigma_up = ancestral_sigmas(at.sigma, at.sigma_next, eta)
        x = euler_step(x, denoised, at.sigma, sigma_down)
        if sigma_down > 0:  # a large eta goes down to nothing, and is left there
            x = x + noise(at.sigma, at.sigma_next) * (s_noise * sigma_up)
        yield at.arrive(x, denoised)
