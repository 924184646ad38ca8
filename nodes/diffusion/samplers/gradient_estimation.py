"""Gradient estimation (Permenter and Yuan, 2023, "Interpreting and Improving Diffusion Models from an Optimization
Perspective", algorithm 2): Euler's step along a slope that goes on changing as it did.

Each step carries its slope.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, derivative, intervals


def gradient_estimation(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,  # noqa: ARG001
    past: Past = (),
    *,
    gamma: float = 2.0,
) -> Iterator[Step]:
    """`gamma` is how far the slope is carried on: 1 is Euler's method, 2 repeats the last change once."""
    last = past[-1] if past else None
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        slope = estimate = derivative(x, at.sigma, denoised)
        if last is not None and not at.is_last:
            estimate = slope + (gamma - 1) * (slope - last.carry[0])
        x = x + estimate * (at.sigma_next - at.sigma)
        last = at.arrive(x, denoised, slope)
        yield last
