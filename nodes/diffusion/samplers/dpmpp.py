"""DPM-Solver++: steps in lambda = -log sigma on the prediction of the clean latent (Lu et al., 2022).

Its first-order step is Euler's. A step of length h keeps e^-h of x and takes the rest from a prediction; the methods differ
in which prediction that is.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nodes.diffusion.samplers.euler import euler_step
from nodes.diffusion.samplers.exponential import between, relative_length
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, ancestral_sigmas, intervals


def dpmpp_2m(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:  # noqa: ARG001
    """DPM-Solver++(2M): second order from the previous step's prediction (algorithm 2); the last step is first order."""
    last = past[-1] if past else None
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        target = denoised
        if last is not None and not at.is_last:
            target = denoised + (denoised - last.denoised) / (2 * relative_length(last, at))
        x = euler_step(x, target, at.sigma, at.sigma_next)
        last = at.arrive(x, denoised)
        yield last


def dpmpp_2s_ancestral(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[Step]:
    """DPM-Solver++(2S): second order from a prediction half-way (algorithm 1, r = 1/2), ancestral."""
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        sigma_down, sigma_up = ancestral_sigmas(at.sigma, at.sigma_next, eta)
        target = denoised
        if sigma_down > 0:
            middle = between(at.sigma, sigma_down, 1 / 2)
            target = denoise(euler_step(x, denoised, at.sigma, middle), middle)
        x = euler_step(x, target, at.sigma, sigma_down)
        if not at.is_last:
            x = x + noise(at.sigma, at.sigma_next) * (s_noise * sigma_up)
        yield at.arrive(x, denoised)
