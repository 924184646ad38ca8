"""Samplers by the names people use, with what the loop around them must know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from nodes.diffusion.noise import gaussian_noise
from nodes.diffusion.samplers.dpm import dpmpp_2m
from nodes.diffusion.samplers.euler import euler, euler_ancestral, heun
from nodes.diffusion.samplers.step import Noise, Sample

NoiseSource = Callable[[int, Tensor, Tensor, int], Noise]


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampling function and its habits.

    `history`: how many finished steps it must be given to go on after them (0 means that `x` is enough).
    `noise`: the kind of noise it wants, made from a seed, a latent, the run's sigmas and the draws already made.
    `draws`: how often it draws noise in a step that does not arrive at sigma 0.
    `drops_penultimate`: it is meant for schedules without their smallest sigma.
    `redraws_kept`: under a noise mask, what is kept gets noise of its own and not the run's.
    `uses_uncond`: it asks for the unconditional prediction too, whatever the cfg.
    """

    sample: Sample
    history: int = 0
    draws: int = 0
    noise: NoiseSource = gaussian_noise
    drops_penultimate: bool = False
    redraws_kept: bool = False
    uses_uncond: bool = False


SAMPLERS: Final[Mapping[str, Sampler]] = {
    "euler": Sampler(euler),
    "euler_ancestral": Sampler(euler_ancestral, draws=1),
    "heun": Sampler(heun),
    "dpmpp_2m": Sampler(dpmpp_2m, history=1),
    "ddim": Sampler(euler, redraws_kept=True),
}
