"""Ancestral sampling of the discrete diffusion process (Ho et al., 2020, "DDPM", algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, derivative, intervals


def ddpm(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:
    """The mean and the variance of the posterior, in the paper's variance-preserving scale."""
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        eps = derivative(x, at.sigma, denoised)
        alpha_bar, alpha_bar_next = 1 / (1 + at.sigma**2), 1 / (1 + at.sigma_next**2)
        alpha = alpha_bar / alpha_bar_next
        mean = (x * alpha_bar.sqrt() - eps * ((1 - alpha) / (1 - alpha_bar).sqrt())) / alpha.sqrt()
        x = mean / alpha_bar_next.sqrt()
        if not at.is_last:
            variance = (1 - alpha) * (1 - alpha_bar_next) / (1 - alpha_bar)
            x = x + noise(at.sigma, at.sigma_next) * (variance / alpha_bar_next).sqrt()
        yield at.arrive(x, denoised)
