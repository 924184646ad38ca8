"""Noise schedules and schedulers: the reference's sigmas, and what must hold of any number of steps."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nodes.diffusion.align_your_steps import AlignedModel, align_your_steps_sigmas
from nodes.diffusion.config import ScheduleConfig
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import (
    SCHEDULERS,
    TooManyStepsError,
    beta_sigmas,
    drop_penultimate,
    exponential_sigmas,
    karras_sigmas,
    laplace_sigmas,
    partial_sigmas,
    polyexponential_sigmas,
    sd_turbo_sigmas,
    simple,
    vp_sigmas,
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


def test_a_schedule_too_long_to_space_is_refused() -> None:
    with pytest.raises(TooManyStepsError, match="the end of 100,000,000"):
        partial_sigmas(simple, SD, 10_000, 0.0001)


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


def test_polyexponential_with_rho_1_is_exponential() -> None:
    torch.testing.assert_close(polyexponential_sigmas(9, 0.03, 14.6, 1.0), exponential_sigmas(9, 0.03, 14.6))


@pytest.mark.parametrize(("rho", "middle"), [(0.5, 2.5955), (1.0, 1.0), (2.0, 0.31623)])
def test_polyexponential_with_a_larger_rho_dwells_at_small_sigmas(rho: float, middle: float) -> None:
    """Half of the way is left in the middle: log10 sigma = 2 * 0.5^rho - 1 there."""
    assert polyexponential_sigmas(3, 0.1, 10.0, rho).tolist() == pytest.approx([10.0, middle, 0.1, 0.0], rel=1e-4)


def test_vp_sigmas_are_those_of_the_process() -> None:
    """sigma^2 = exp(19.9 t^2 / 2 + 0.1 t) - 1 at t = 1, (1 + 0.001) / 2 and 0.001."""
    assert vp_sigmas(3).tolist() == pytest.approx([152.1670, 3.42225, 0.0104873, 0.0], rel=1e-3)


def test_laplace_sigmas_lie_closest_around_their_mean() -> None:
    sigmas = laplace_sigmas(21, 0.03, 14.6, mu=0.0, beta=0.5)
    assert sigmas[10] == pytest.approx(1.0, rel=1e-4)
    assert sigmas[0] == pytest.approx(14.6)
    assert sigmas[-1] == pytest.approx(0.03)
    assert bool((sigmas.diff() <= 0).all())
    torch.testing.assert_close(sigmas.log()[6:11], -sigmas.log().flip(0)[6:11])


@pytest.mark.parametrize(
    ("steps", "denoise", "timesteps"),
    [(1, 1.0, [999]), (4, 1.0, [999, 899, 799, 699]), (2, 0.5, [499, 399]), (10, 0.3, [299, 199, 99]), (3, 0.0, [])],
)
def test_sd_turbo_visits_tenths_of_the_schedule(steps: int, denoise: float, timesteps: list[int]) -> None:
    expected = torch.cat([SD.sigmas[timesteps], torch.zeros(1)])
    torch.testing.assert_close(sd_turbo_sigmas(SD, steps, denoise), expected)


# The tables as sigmas, as they are published beside the timesteps.
PUBLISHED: dict[AlignedModel, list[float]] = {
    "SD1": [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.0],
    "SDXL": [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.0],
    "SVD": [700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.0],
}


@pytest.mark.parametrize("model", PUBLISHED)
def test_ten_aligned_steps_are_the_published_ones(model: AlignedModel) -> None:
    sigmas = align_your_steps_sigmas(model, 10)
    torch.testing.assert_close(sigmas, torch.tensor(PUBLISHED[model]), rtol=0.015, atol=0)


@pytest.mark.parametrize("model", PUBLISHED)
@given(steps=st.integers(1, 100))
def test_other_numbers_of_aligned_steps_are_interpolated(model: AlignedModel, steps: int) -> None:
    sigmas = align_your_steps_sigmas(model, steps)
    assert len(sigmas) == steps + 1
    assert sigmas[0] == pytest.approx(PUBLISHED[model][0], rel=1e-4)
    assert sigmas[-1] == 0
    assert bool((sigmas.diff() < 0).all())


def test_twice_the_aligned_steps_lie_on_the_geometric_mean_of_neighbours() -> None:
    ten, twenty = align_your_steps_sigmas("SDXL", 10), align_your_steps_sigmas("SDXL", 20)
    torch.testing.assert_close(twenty[:-1:2], ten[:-1])
    torch.testing.assert_close(twenty[1:18:2], (ten[:-2] * ten[1:-1]).sqrt())


@pytest.mark.parametrize(("denoise", "kept"), [(1.0, 11), (0.5, 6), (0.26, 4), (0.0, 0)])
def test_a_share_of_aligned_steps_is_the_last_of_them(denoise: float, kept: int) -> None:
    sigmas = align_your_steps_sigmas("SD1", 10, denoise)
    assert torch.equal(sigmas, align_your_steps_sigmas("SD1", 10)[11 - kept :])
