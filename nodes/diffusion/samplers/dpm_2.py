"""DPM-Solver-2 in sigma: steps along the slope at the middle of a step (Lu et al., 2022, "DPM-Solver", algorithm 1).

The form of Karras et al. (2022, algorithm 2 with a midpoint in log sigma), without churn.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nodes.diffusion.samplers.euler import euler_step
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, ancestral_sigmas, derivative, intervals


def dpm_2(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:  # noqa: ARG001
    """Second order; the last step is Euler's."""
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        x = midpoint_step(denoise, x, denoised, at.sigma, at.sigma_next)
        yield at.arrive(x, denoised)


def dpm_2_ancestral(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[Step]:
    """The same to below the next sigma, and back up with fresh noise."""
    for at in intervals(sigmas, past):
        denoised = denoise(x, at.sigma)
        sigma_down, sigma_up = ancestral_sigmas(at.sigma, at.sigma_next, eta)
        x = midpoint_step(denoise, x, denoised, at.sigma, sigma_down)
        if not at.is_last:
            x = x + noise(at.sigma, at.sigma_next) * (s_noise * sigma_up)
        yield at.arrive(x, denoised)


def midpoint_step(denoise: Denoise, x: Tensor, denoised: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """From `sigma` to `sigma_next` along the slope at their geometric mean; Euler's step where `sigma_next` is 0."""
    if sigma_next == 0:
        return euler_step(x, denoised, sigma, sigma_next)
    middle = (sigma * sigma_next).sqrt()
    halfway = euler_step(x, denoised, sigma, middle)
    return x + derivative(halfway, middle, denoise(halfway, middle)) * (sigma_next - sigma)
