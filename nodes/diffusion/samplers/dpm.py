"""DPM-Solver++: steps in lambda = -log sigma on the prediction of the clean latent (Lu et al., 2022)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor

from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, intervals


def dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:  # noqa: ARG001
    """DPM-Solver++(2M): second order from the previous step's prediction (algorithm 2); the last step is first order."""
    last = past[-1] if past else None
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        h = (at.sigma / at.sigma_next).log()
        target = denoised
        if last is not None and not at.is_last:
            r = math.log(last.sigma / last.sigma_next) / h
            target = (1 + 1 / (2 * r)) * denoised - 1 / (2 * r) * last.denoised
        x = at.sigma_next / at.sigma * x - (-h).expm1() * target
        last = at.arrive(x, denoised)
        yield last
