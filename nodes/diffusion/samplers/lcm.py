"""Multistep sampling of consistency models (Song et al., 2023, algorithm 1; Luo et al., 2023, "LCM", algorithm 3)."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, intervals


def lcm(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:
    """All noise is removed by one prediction, and new noise of the next sigma added."""
    for at in intervals(sigmas, past):
        denoised = x = denoise(x, at.sigma)
        if not at.is_last:
            x = denoised + noise(at.sigma, at.sigma_next) * at.sigma_next
        yield at.arrive(x, denoised)
