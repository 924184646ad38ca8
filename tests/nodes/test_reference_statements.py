"""What the reference's description says of its constants, line by line, against ours."""

from __future__ import annotations

import math

import pytest
import torch

from nodes.catalogue import read_catalogue
from nodes.diffusion.config import SD15
from nodes.diffusion.samplers.table import SAMPLERS
from nodes.diffusion.sampling import section, to_the_end
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import SCHEDULERS, partial_sigmas

SAMPLER_NAMES = """
euler, euler_cfg_pp, euler_ancestral, euler_ancestral_cfg_pp, heun, heunpp2, dpm_2, dpm_2_ancestral, lms, dpm_fast,
dpm_adaptive, dpmpp_2s_ancestral, dpmpp_2s_ancestral_cfg_pp, dpmpp_sde, dpmpp_sde_gpu, dpmpp_2m, dpmpp_2m_cfg_pp,
dpmpp_2m_sde, dpmpp_2m_sde_gpu, dpmpp_2m_sde_heun, dpmpp_2m_sde_heun_gpu, dpmpp_3m_sde, dpmpp_3m_sde_gpu, ddpm, lcm, ipndm,
ipndm_v, deis, res_multistep, res_multistep_cfg_pp, res_multistep_ancestral, res_multistep_ancestral_cfg_pp,
gradient_estimation, gradient_estimation_cfg_pp, er_sde, seeds_2, seeds_3, sa_solver, sa_solver_pece, ddim, uni_pc,
uni_pc_bh2
"""
SCHEDULER_NAMES = "simple, sgm_uniform, karras, exponential, ddim_uniform, beta, normal, linear_quadratic, kl_optimal"
SCHEDULE = noise_schedule(SD15.schedule)


def names(text: str) -> list[str]:
    return text.replace(",", " ").split()


def choices(node: str, field: str) -> list[str]:
    (found,) = (one for one in read_catalogue()[node].inputs if one.name == field)
    return list(found.widget.options)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("node", "field", "expected"),
    [
        ("KSampler", "sampler_name", SAMPLER_NAMES),
        ("KSamplerSelect", "sampler_name", SAMPLER_NAMES),
        ("KSampler", "scheduler", SCHEDULER_NAMES),
        ("BasicScheduler", "scheduler", SCHEDULER_NAMES),
        ("LatentUpscale", "upscale_method", "nearest-exact, bilinear, area, bicubic, bislerp"),
        ("LatentUpscaleBy", "upscale_method", "nearest-exact, bilinear, area, bicubic, bislerp"),
        ("ImageScale", "upscale_method", "nearest-exact, bilinear, area, bicubic, lanczos"),
        ("ImageScaleBy", "upscale_method", "nearest-exact, bilinear, area, bicubic, lanczos"),
        ("LatentUpscale", "crop", "disabled, center"),
        ("ImageScale", "crop", "disabled, center"),
    ],
)
def test_choices_in_their_order(node: str, field: str, expected: str) -> None:
    assert choices(node, field) == names(expected)


def test_four_samplers_take_one_step_more_and_drop_the_last_but_one_sigma() -> None:
    dropping = {name for name, sampler in SAMPLERS.items() if sampler.drops_penultimate}
    assert dropping == {"dpm_2", "dpm_2_ancestral", "uni_pc", "uni_pc_bh2"}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("denoise", [0.13, 0.5, 0.87, 0.99])
@pytest.mark.parametrize("steps", [1, 3, 7, 20])
def test_a_share_of_the_way_is_the_tail_of_a_longer_one(scheduler: str, steps: int, denoise: float) -> None:
    whole = SCHEDULERS[scheduler](SCHEDULE, math.floor(steps / denoise))
    assert torch.equal(partial_sigmas(SCHEDULERS[scheduler], SCHEDULE, steps, denoise), whole[-(steps + 1) :])


@pytest.mark.parametrize(
    ("first", "last", "leftover", "expected"),
    [
        (0, 10000, False, [8, 4, 2, 1, 0]),
        (0, 2, True, [8, 4, 2]),
        (0, 2, False, [8, 4, 0]),
        (2, 10000, True, [2, 1, 0]),
        (3, 4, True, [1, 0]),
        (1, 3, False, [4, 2, 0]),
        (4, 10000, True, []),
        (3, 2, True, []),
        (2, 2, False, []),
        (0, 0, False, []),
    ],
)
def test_a_part_of_a_schedule(first: int, last: int, leftover: bool, expected: list[float]) -> None:
    """`start_at_step`, `end_at_step` and `return_with_leftover_noise` of `KSamplerAdvanced`; without a step to take, the
    latent is returned as it is."""
    cut = section(torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0]), first, last)
    assert (cut if leftover else to_the_end(cut)).tolist() == expected
