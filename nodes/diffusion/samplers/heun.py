"""Heun's method and a longer relative: steps along a mean of slopes, found further down the path."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nodes.diffusion.samplers.euler import euler_step
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, derivative, intervals


def heun(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:  # noqa: ARG001
    """Heun's method: the mean of the slopes at both ends (Karras et al., 2022, algorithm 1)."""
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        ahead = euler_step(x, denoised, at.sigma, at.sigma_next)
        if not at.is_last:
            slope = derivative(x, at.sigma, denoised)
            slope_ahead = derivative(ahead, at.sigma_next, denoise(ahead, at.sigma_next))
            ahead = x + (slope + slope_ahead) / 2 * (at.sigma_next - at.sigma)
        x = ahead
        yield at.arrive(x, denoised)


def heunpp2(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:  # noqa: ARG001
    """Heun++ 2: with the slopes after up to two Euler steps ahead (Carzit, sd-webui-sampler-heunpp).

    A slope found at a smaller sigma counts less: by that sigma over the run's first, and over the number of slopes. The
    method is near to Euler's at the end, where Heun's adds noise.
    """
    sigmas = sigmas.detach().cpu()
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        slope = mean = slope_there = derivative(x, at.sigma, denoised)
        sigma, there = at.sigma, x
        ahead = sigmas[at.index + 1 : at.total][:2]
        for sigma_there in ahead:
            there = there + slope_there * (sigma_there - sigma)
            slope_there = derivative(there, sigma_there, denoise(there, sigma_there))
            mean = mean + (slope_there - slope) * (sigma_there / (sigmas[0] * (len(ahead) + 1)))
            sigma = sigma_there
        x = x + mean * (at.sigma_next - at.sigma)
        yield at.arrive(x, denoised)
