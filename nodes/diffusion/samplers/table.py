"""Samplers by the names people use, with what the loop around them must know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from torch import Tensor

from nodes.diffusion.brownian import brownian_noise, brownian_noise_on_device
from nodes.diffusion.noise import gaussian_noise, no_noise
from nodes.diffusion.samplers.cfg_pp import (
    dpmpp_2m_cfg_pp,
    dpmpp_2s_ancestral_cfg_pp,
    euler_cfg_pp,
    gradient_estimation_cfg_pp,
    res_multistep_cfg_pp,
)
from nodes.diffusion.samplers.ddpm import ddpm
from nodes.diffusion.samplers.dpm_2 import dpm_2, dpm_2_ancestral
from nodes.diffusion.samplers.dpm_adaptive import dpm_adaptive
from nodes.diffusion.samplers.dpm_solver import dpm_fast
from nodes.diffusion.samplers.dpmpp import dpmpp_2m, dpmpp_2s_ancestral
from nodes.diffusion.samplers.dpmpp_sde import dpmpp_2m_sde, dpmpp_3m_sde, dpmpp_sde
from nodes.diffusion.samplers.er_sde import er_sde
from nodes.diffusion.samplers.euler import euler, euler_ancestral
from nodes.diffusion.samplers.gradient_estimation import gradient_estimation
from nodes.diffusion.samplers.heun import heun, heunpp2
from nodes.diffusion.samplers.lcm import lcm
from nodes.diffusion.samplers.multistep import (
    equal_step_weights,
    multistep,
    polynomial_weights,
    step_ratio_weights,
    time_polynomial_weights,
)
from nodes.diffusion.samplers.res_multistep import res_multistep
from nodes.diffusion.samplers.sa_solver import sa_solver
from nodes.diffusion.samplers.seeds import seeds_2, seeds_3
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Sample, Step
from nodes.diffusion.samplers.uni_pc import uni_pc, uni_pc_bh2

NoiseSource = Callable[[int, Tensor, Tensor, int], Noise]


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampling function and its habits.

    `history`: how many finished steps it must be given to go on after them, at least one.
    `noise`: the kind of noise it wants, made from a seed, a latent, the run's sigmas and the draws already made.
    `drops_penultimate`: it is meant for schedules without their smallest sigma.
    `redraws_kept`: under a noise mask, what is kept gets noise of its own and not the run's.
    `looks_ahead`: a step depends on sigmas beyond the one it goes to, or asks the model below it.
    `resizes`: the latent does not keep its size, so nothing that belongs to places of it can take part.
    """

    sample: Sample
    history: int = 1
    noise: NoiseSource = no_noise
    drops_penultimate: bool = False
    redraws_kept: bool = False
    looks_ahead: bool = False
    resizes: bool = False


@dataclass(slots=True, eq=False)
class _Counted:
    """Noise that counts its draws, from those made before it."""

    noise: Noise
    drawn: int

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor:
        self.drawn += 1
        return self.noise(sigma, sigma_next)


def take_steps(
    sampler: Sampler, denoise: Denoise, x: Tensor, sigmas: Tensor, seed: int, past: Past = ()
) -> Iterator[Step]:
    """The steps of a sampler from x [B, C, h, w], each as it is done, with noise from `seed` where it draws any.

    After `past`, which holds the last `sampler.history` finished steps, it goes on to the same bits from there.
    """
    x, drawn = (past[-1].x, past[-1].drawn) if past else (x, 0)
    noise = _Counted(sampler.noise(seed, x, sigmas, drawn), drawn)
    for step in sampler.sample(denoise, x, sigmas, noise, past):
        yield replace(step, drawn=noise.drawn)


SAMPLERS: Final[Mapping[str, Sampler]] = {
    "euler": Sampler(euler),
    "euler_cfg_pp": Sampler(euler_cfg_pp),
    "euler_ancestral": Sampler(euler_ancestral, noise=gaussian_noise),
    "euler_ancestral_cfg_pp": Sampler(partial(euler_cfg_pp, eta=1.0), noise=gaussian_noise),
    "heun": Sampler(heun),
    "heunpp2": Sampler(heunpp2, looks_ahead=True),
    "dpm_2": Sampler(dpm_2, drops_penultimate=True),
    "dpm_2_ancestral": Sampler(dpm_2_ancestral, noise=gaussian_noise, drops_penultimate=True, looks_ahead=True),
    "lms": Sampler(partial(multistep, weights=polynomial_weights), history=3),
    "dpm_fast": Sampler(dpm_fast, looks_ahead=True),
    "dpm_adaptive": Sampler(dpm_adaptive, looks_ahead=True),
    "dpmpp_2s_ancestral": Sampler(dpmpp_2s_ancestral, noise=gaussian_noise, looks_ahead=True),
    "dpmpp_2s_ancestral_cfg_pp": Sampler(dpmpp_2s_ancestral_cfg_pp, noise=gaussian_noise, looks_ahead=True),
    "dpmpp_sde": Sampler(dpmpp_sde, noise=brownian_noise, looks_ahead=True),
    "dpmpp_sde_gpu": Sampler(dpmpp_sde, noise=brownian_noise_on_device, looks_ahead=True),
    "dpmpp_2m": Sampler(dpmpp_2m),
    "dpmpp_2m_cfg_pp": Sampler(dpmpp_2m_cfg_pp),
    "dpmpp_2m_sde": Sampler(dpmpp_2m_sde, noise=brownian_noise, looks_ahead=True),
    "dpmpp_2m_sde_gpu": Sampler(dpmpp_2m_sde, noise=brownian_noise_on_device, looks_ahead=True),
    "dpmpp_2m_sde_heun": Sampler(partial(dpmpp_2m_sde, solver_type="heun"), noise=brownian_noise, looks_ahead=True),
    "dpmpp_2m_sde_heun_gpu": Sampler(
        partial(dpmpp_2m_sde, solver_type="heun"), noise=brownian_noise_on_device, looks_ahead=True
    ),
    "dpmpp_3m_sde": Sampler(dpmpp_3m_sde, history=2, noise=brownian_noise, looks_ahead=True),
    "dpmpp_3m_sde_gpu": Sampler(dpmpp_3m_sde, history=2, noise=brownian_noise_on_device, looks_ahead=True),
    "ddpm": Sampler(ddpm, noise=gaussian_noise),
    "lcm": Sampler(lcm, noise=gaussian_noise),
    "ipndm": Sampler(partial(multistep, weights=equal_step_weights), history=3),
    "ipndm_v": Sampler(partial(multistep, weights=step_ratio_weights), history=3),
    "deis": Sampler(partial(multistep, weights=time_polynomial_weights, order=3), history=2),
    "res_multistep": Sampler(res_multistep),
    "res_multistep_cfg_pp": Sampler(res_multistep_cfg_pp),
    "res_multistep_ancestral": Sampler(partial(res_multistep, eta=1.0), noise=gaussian_noise),
    "res_multistep_ancestral_cfg_pp": Sampler(partial(res_multistep_cfg_pp, eta=1.0), noise=gaussian_noise),
    "gradient_estimation": Sampler(gradient_estimation),
    "gradient_estimation_cfg_pp": Sampler(gradient_estimation_cfg_pp),
    "er_sde": Sampler(er_sde, history=2, noise=gaussian_noise),
    "seeds_2": Sampler(seeds_2, noise=gaussian_noise),
    "seeds_3": Sampler(seeds_3, noise=gaussian_noise),
    "sa_solver": Sampler(sa_solver, history=3, noise=gaussian_noise, looks_ahead=True),
    "sa_solver_pece": Sampler(partial(sa_solver, again=True), history=3, noise=gaussian_noise, looks_ahead=True),
    "ddim": Sampler(euler, redraws_kept=True),
    "uni_pc": Sampler(uni_pc, history=3, drops_penultimate=True, looks_ahead=True),
    "uni_pc_bh2": Sampler(uni_pc_bh2, history=3, drops_penultimate=True, looks_ahead=True),
}
