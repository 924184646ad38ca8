"""RES, multistep: second order from the previous prediction (Zhang et al., 2023, "Improved order analysis and design of
exponential integrator for diffusion models sampling", section 4).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nodes.diffusion.samplers.euler import euler_step
from nodes.diffusion.samplers.exponential import log_ratio, phi_2
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, ancestral_sigmas, intervals


def res_multistep(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Iterator[Step]:
    """An Euler step, and what the prediction's change since the last step adds. Ancestral with an `eta` above 0."""
    last = past[-1] if past else None
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        sigma_down, sigma_up = ancestral_sigmas(at.sigma, at.sigma_next, eta)
        x = euler_step(x, denoised, at.sigma, sigma_down)
        if last is not None and sigma_down > 0:
            x = x + (denoised - last.denoised) * change_weight(at.sigma, sigma_down, last, eta)
        if eta and not at.is_last:
            x = x + noise(at.sigma, at.sigma_next) * (s_noise * sigma_up)
        last = at.arrive(x, denoised)
        yield last


def change_weight(sigma: Tensor, sigma_down: Tensor, last: Step, eta: float) -> Tensor:
    """What the prediction's change since the last step counts for: h phi_2(-h) over that step's length, in steps of h.

    In an ancestral step only the way down has a length.
    """
    h = log_ratio(sigma, sigma_down)
    down_before, _ = ancestral_sigmas(torch.tensor(last.sigma), torch.tensor(last.sigma_next), eta)
    return phi_2(h) * h / log_ratio(torch.tensor(last.sigma), down_before)
