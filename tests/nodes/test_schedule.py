"""Noise schedules and schedulers: the reference's sigmas, and what must hold of any number of steps."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nodes.diffusion.config import ScheduleConfig
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import (
    SCHEDULERS,
    beta_sigmas,
    drop_penultimate,
    karras_sigmas,
    partial_sigmas,
    simple,
)
from tests.nodes.golden import golden_json, needs_shared

SD = noise_schedule(ScheduleConfig())
MODELS = {"sd": SD, "zsnr_v": noise_schedule(ScheduleConfig(prediction="v", zero_terminal_snr=True))}
# These merge or add steps by their nature.
EXACT_COUNT = sorted(SCHEDULERS.keys() - {"beta", "ddim_uniform"})


@pytest.mark.golden
@needs_shared
@pytest.mark.parametrize(("model", "scheduler", "steps"), list(product(MODELS, SCHEDULERS, (4, 10, 20))))
def test_sigmas_equal_the_reference(model: str, scheduler: str, steps: int) -> None:
    expected = torch.tensor(golden_json("samplers.json")["schedules"][f"{model}/{scheduler}/{steps}"])
    torch.testing.assert_close(SCHEDULERS[scheduler](MODELS[model], steps), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
@given(steps=st.integers(1, 300))
def test_sigmas_descend_to_zero(scheduler: str, steps: int) -> None:
    sigmas = SCHEDULERS[scheduler](SD, steps)
    assert sigmas.dtype == torch.float32
    assert sigmas.ndim == 1
    assert sigmas[-1] == 0
    assert bool((sigmas.diff() < 0).all())
    assert sigmas[0] <= SD.sigma_max * 1.0001


@pytest.mark.parametrize("scheduler", EXACT_COUNT)
@given(steps=st.integers(1, 1000))
def test_there_are_as_many_steps_as_asked_for(scheduler: str, steps: int) -> None:
    assert len(SCHEDULERS[scheduler](SD, steps)) == steps + 1


@given(st.integers(0, 999))
def test_timestep_inverts_sigma_at_training_timesteps(timestep: int) -> None:
    assert SD.timestep(SD.sigma(torch.tensor(timestep))) == timestep


@given(st.floats(0, 998.5))
def test_sigma_between_timesteps_lies_between_their_sigmas(timestep: float) -> None:
    low = int(timestep)
    sigma = float(SD.sigma(torch.tensor(timestep)))
    assert float(SD.sigmas[low]) * 0.99999 <= sigma <= float(SD.sigmas[low + 1]) * 1.00001


@pytest.mark.parametrize(("percent", "sigma"), [(-1.0, 999999999.9), (0.0, 999999999.9), (1.0, 0.0), (1.5, 0.0)])
def test_percent_beyond_the_schedule(percent: float, sigma: float) -> None:
    assert SD.percent_to_sigma(percent) == sigma


def test_percent_counts_from_pure_noise() -> None:
    assert SD.percent_to_sigma(0.25) > SD.percent_to_sigma(0.5) > SD.percent_to_sigma(0.75)


def test_zero_terminal_snr_keeps_the_smallest_sigma_and_ends_in_almost_pure_noise() -> None:
    rescaled = MODELS["zsnr_v"]
    assert rescaled.sigma_min == pytest.approx(SD.sigma_min)
    assert rescaled.sigma_max > 4000


@pytest.mark.parametrize(
    ("denoise", "spaced", "kept"), [(1.0, 10, 11), (0.99995, 10, 11), (0.5, 20, 11), (0.55, 18, 11), (0.3, 33, 11)]
)
def test_partial_denoise_keeps_the_last_steps_of_a_longer_run(denoise: float, spaced: int, kept: int) -> None:
    assert torch.equal(partial_sigmas(simple, SD, 10, denoise), simple(SD, spaced)[-kept:])


def test_no_denoise_is_no_steps() -> None:
    assert len(partial_sigmas(simple, SD, 10, 0.0)) == 0


def test_drop_penultimate_leaves_out_the_smallest_sigma_of_one_more_step() -> None:
    whole, dropped = simple(SD, 7), drop_penultimate(simple)(SD, 6)
    assert torch.equal(dropped, torch.cat([whole[:-2], whole[-1:]]))


def test_karras_with_rho_1_is_linear() -> None:
    torch.testing.assert_close(karras_sigmas(5, 2.0, 10.0, rho=1.0), torch.tensor([10.0, 8.0, 6.0, 4.0, 2.0, 0.0]))


def test_a_flat_beta_distribution_spaces_timesteps_evenly() -> None:
    sigmas = beta_sigmas(SD, 9, alpha=1.0, beta=1.0)
    assert torch.equal(sigmas[:-1], SD.sigmas[[999, 888, 777, 666, 555, 444, 333, 222, 111]])


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.5), (50.0, 50.0), (50.0, 0.1), (0.1, 50.0)])
def test_extreme_beta_distributions_still_descend(alpha: float, beta: float) -> None:
    sigmas = beta_sigmas(SD, 20, alpha, beta)
    assert sigmas[0] == SD.sigma_max
    assert bool((sigmas.diff() < 0).all())


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.6), (0.6, -1.0)])
def test_a_beta_distribution_needs_positive_parameters(alpha: float, beta: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        beta_sigmas(SD, 5, alpha, beta)
