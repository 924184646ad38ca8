"""Multistep sampling of consistency models (Song et al., 2023, algorithm 1; Luo et al., 2023, "LCM", algorithm 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from nodes.diffusion.noise import seeded_generator
from nodes.diffusion.resize import resize
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, intervals


def lcm(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:
    """All noise is removed by one prediction, and new noise of the next sigma added."""
    for at in intervals(sigmas, past):
        denoised = x = denoise(x, at.sigma)
        if not at.is_last:
            x = denoised + noise(at.sigma, at.sigma_next) * at.sigma_next
        yield at.arrive(x, denoised)


def lcm_growing(
    denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = (), *, scales: Sequence[float], method: str
) -> Iterator[Step]:
    """The same, with each prediction enlarged: after step i to `scales[i]` times the first size, after the last no more.

    What noise adds then has the new size. A run that stopped is not gone on with.
    """
    size = x.shape[-2:]
    for at in intervals(sigmas, past):
        denoised = x = denoise(x, at.sigma)
        if at.index < len(scales):
            height, width = grown(size, scales[at.index])
            denoised = x = resize(denoised, width, height, method)
        if not at.is_last:
            x = denoised + noise(at.sigma, at.sigma_next) * at.sigma_next
        yield at.arrive(x, denoised)


def growing_noise(seed: int, like: Tensor, sigmas: Tensor, drawn: int, *, scales: Sequence[float]) -> Noise:  # noqa: ARG001
    """Independent draws from one seed, behind the starting noise, each of the size that the latent has by then."""
    generator = seeded_generator(seed)
    torch.randn(like.shape, generator=generator)
    count = drawn

    def draw(sigma: Tensor, sigma_next: Tensor) -> Tensor:  # noqa: ARG001
        nonlocal count
        height, width = grown(like.shape[-2:], scales[min(count, len(scales) - 1)] if scales else 1.0)
        count += 1
        shape = (*like.shape[:2], height, width)
        return torch.randn(shape, dtype=like.dtype, generator=generator).to(like.device)

    return draw


def growing_scales(ratio: float, steps: int) -> tuple[float, ...]:
    """Evenly from the first size to `ratio` times that, over so many steps."""
    return tuple(1.0 + (ratio - 1.0) * (step + 1) / steps for step in range(steps))


def grown(size: Sequence[int], scale: float) -> tuple[int, int]:
    """A size (h, w) so many times as large, at least one cell each way."""
    height, width = size
    return max(1, round(height * scale)), max(1, round(width * scale))
