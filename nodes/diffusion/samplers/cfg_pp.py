"""CFG++ forms of samplers (Chung et al., 2024, "CFG++", algorithm 1).

Their steps go to the guided prediction, and add noise back along the unconditional one: x goes to
denoised + (x - unconditional) sigma_next / sigma. That is Euler's step from x + denoised - unconditional, and so every
sampler here starts its steps there. They are meant for a cfg near 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from nodes.diffusion.samplers.euler import euler_step
from nodes.diffusion.samplers.exponential import between, relative_length
from nodes.diffusion.samplers.res_multistep import change_weight
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Step, ancestral_sigmas, derivative, intervals


def euler_cfg_pp(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Iterator[Step]:
    """Euler's method. Ancestral with an `eta` above 0."""
    for at in intervals(sigmas, past):
        denoised, unconditional = denoise.pair(x, at.sigma)
        sigma_down, sigma_up = ancestral_sigmas(at.sigma, at.sigma_next, eta)
        x = euler_step(x + denoised - unconditional, denoised, at.sigma, sigma_down)
        if eta and not at.is_last:
            x = x + noise(at.sigma, at.sigma_next) * (s_noise * sigma_up)
        yield at.arrive(x, denoised)


def euler_cfg_pp_alternative(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,  # noqa: ARG001
    past: Past = (),
) -> Iterator[Step]:
    """Euler's method along (x - denoised) + (unconditional - denoised): guidance is undone in the noise, and not only left
    out of it. The steps themselves start at x."""
    for at in intervals(sigmas, past):
        denoised, unconditional = denoise.pair(x, at.sigma)
        slope = derivative(x - denoised + unconditional, at.sigma, denoised)
        x = x + slope * (at.sigma_next - at.sigma)
        yield at.arrive(x, denoised)


def dpmpp_2m_cfg_pp(denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:  # noqa: ARG001
    """DPM-Solver++(2M). Steps carry their unconditional prediction, from which the next measures the change."""
    last = past[-1] if past else None
    for at in intervals(sigmas, past):
        denoised, unconditional = denoise.pair(x, at.sigma)
        target = denoised
        if last is not None and not at.is_last:
            target = denoised + (denoised - last.carry[0]) / (2 * relative_length(last, at))
        x = euler_step(x + denoised - unconditional, target, at.sigma, at.sigma_next)
        last = at.arrive(x, denoised, unconditional)
        yield last


def dpmpp_2s_ancestral_cfg_pp(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 1.0,
    s_noise: float = 1.0,
) -> Iterator[Step]:
    """DPM-Solver++(2S), ancestral. The whole step starts from the unconditional prediction half-way."""
    for at in intervals(sigmas, past):
        denoised, unconditional = denoise.pair(x, at.sigma)
        sigma_down, sigma_up = ancestral_sigmas(at.sigma, at.sigma_next, eta)
        target = denoised
        if sigma_down > 0:
            middle = between(at.sigma, sigma_down, 1 / 2)
            halfway = euler_step(x + denoised - unconditional, denoised, at.sigma, middle)
            target, unconditional = denoise.pair(halfway, middle)
        x = euler_step(x + denoised - unconditional, target, at.sigma, sigma_down)
        if not at.is_last:
            x = x + noise(at.sigma, at.sigma_next) * (s_noise * sigma_up)
        yield at.arrive(x, denoised)


def res_multistep_cfg_pp(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,
    past: Past = (),
    *,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Iterator[Step]:
    """RES, multistep, to the unconditional prediction after the first step, which steps carry. Ancestral with an `eta`."""
    last = past[-1] if past else None
    for at in intervals(sigmas, past):
        denoised, unconditional = denoise.pair(x, at.sigma)
        sigma_down, sigma_up = ancestral_sigmas(at.sigma, at.sigma_next, eta)
        start = x + denoised - unconditional
        if last is None or sigma_down == 0:
            x = euler_step(start, denoised, at.sigma, sigma_down)
        else:
            change = unconditional - last.carry[0]
            x = euler_step(start, unconditional, at.sigma, sigma_down)
            x = x + change * change_weight(at.sigma, sigma_down, last, eta)
        if eta and not at.is_last:
            x = x + noise(at.sigma, at.sigma_next) * (s_noise * sigma_up)
        last = at.arrive(x, denoised, unconditional)
        yield last


def gradient_estimation_cfg_pp(
    denoise: Denoise,
    x: Tensor,
    sigmas: Tensor,
    noise: Noise,  # noqa: ARG001
    past: Past = (),
    *,
    gamma: float = 2.0,
) -> Iterator[Step]:
    """Gradient estimation on the unconditional slope, which steps carry."""
    last = past[-1] if past else None
    for at in intervals(sigmas, past):
        denoised, unconditional = denoise.pair(x, at.sigma)
        slope = derivative(x, at.sigma, unconditional)
        x = denoised + slope * at.sigma_next
        if last is not None and not at.is_last:
            x = x + (gamma - 1) * (slope - last.carry[0]) * (at.sigma_next - at.sigma)
        last = at.arrive(x, denoised, slope)
        yield last
