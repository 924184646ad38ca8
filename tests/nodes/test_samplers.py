"""Every sampler: the reference's numbers on a toy model, going on after a stop, and where runs end."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nodes.diffusion.noise import no_noise
from nodes.diffusion.samplers.euler import euler_ancestral
from nodes.diffusion.samplers.step import ancestral_sigmas
from nodes.diffusion.samplers.table import SAMPLERS
from nodes.diffusion.schedulers import normal
from nodes.diffusion.sigma_operations import flip
from tests.nodes.golden import golden_json, needs_shared
from tests.nodes.sampling_runs import SD, SEED, run, sigmas_for, starting_latent
from tests.nodes.toy_denoise import SHAPE, ToyDenoise

# These take from a schedule only its ends, and stop at the smallest sigma above 0.
OWN_STEPS = {"dpm_fast", "dpm_adaptive"}
DETERMINISTIC = sorted(name for name, sampler in SAMPLERS.items() if sampler.noise is no_noise)
STOCHASTIC = sorted(SAMPLERS.keys() - DETERMINISTIC)


@pytest.mark.golden
@needs_shared
@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler_equals_the_reference(name: str) -> None:
    expected = torch.tensor(golden_json("samplers.json")["samplers"][f"{name}/karras/6"])
    result = run(SAMPLERS[name], sigmas_for(SAMPLERS[name], 6))[-1].x.flatten()[: len(expected)]
    assert (result - expected).norm() / expected.norm() < 1e-5


@pytest.mark.golden
@needs_shared
def test_there_is_every_sampler_of_the_reference() -> None:
    assert {f"{name}/karras/6" for name in SAMPLERS} == set(golden_json("samplers.json")["samplers"])


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_run_that_stops_after_every_step_goes_on_to_the_same_bits(name: str) -> None:
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, 8)
    whole = run(sampler, sigmas)
    for stop in range(1, len(whole)):
        rest = run(sampler, sigmas, tuple(whole[max(0, stop - sampler.history) : stop]))
        assert [step.index for step in rest] == list(range(stop, len(whole)))
        assert all(torch.equal(again.x, step.x) for again, step in zip(rest, whole[stop:], strict=True))
        assert [step.drawn for step in rest] == [step.drawn for step in whole[stop:]]


@pytest.mark.parametrize("name", SAMPLERS)
def test_more_steps_of_the_past_than_needed_change_nothing(name: str) -> None:
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, 9)
    whole = run(sampler, sigmas)
    stop = len(whole) - 1
    assert torch.equal(run(sampler, sigmas, tuple(whole[:stop]))[-1].x, whole[-1].x)


@pytest.mark.parametrize("name", sorted(SAMPLERS.keys() - OWN_STEPS))
def test_steps_tell_where_they_are(name: str) -> None:
    sigmas = sigmas_for(SAMPLERS[name], 5)
    steps = run(SAMPLERS[name], sigmas)
    assert [(step.index, step.total) for step in steps] == [(i, 5) for i in range(5)]
    assert [step.sigma for step in steps] == sigmas[:-1].tolist()
    assert [step.sigma_next for step in steps] == sigmas[1:].tolist()
    assert all(step.x.shape == step.denoised.shape == SHAPE for step in steps)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_a_deterministic_sampler_draws_no_noise(name: str) -> None:
    assert all(step.drawn == 0 for step in run(SAMPLERS[name], sigmas_for(SAMPLERS[name], 4)))


@pytest.mark.parametrize("name", STOCHASTIC)
def test_a_stochastic_sampler_depends_on_the_seed_and_on_nothing_else(name: str) -> None:
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, 6)

    def end(seed: int) -> Tensor:
        noise = sampler.noise(seed, torch.empty(SHAPE), sigmas, 0)
        *_, last = sampler.sample(ToyDenoise(), starting_latent(sigmas), sigmas, noise)
        return last.x

    assert torch.equal(end(SEED), end(SEED))
    assert not torch.equal(end(SEED), end(SEED + 1))


class Straight(ToyDenoise):
    """A model that always predicts the same picture: its paths are straight lines in sigma, which solvers follow exactly."""

    target = torch.full(SHAPE, 0.25)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.target

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self.target, self.target


# UniPC arrives near 0, and the samplers with steps of their own at the smallest sigma above it.
ARRIVES_WITHIN = {"uni_pc": 0.005, "uni_pc_bh2": 0.005, "dpm_fast": 0.15, "dpm_adaptive": 0.15}


NOT_IN_ONE_STEP = {*OWN_STEPS, "uni_pc", "uni_pc_bh2"}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 4, 7])
def test_a_constant_prediction_is_reached(name: str, steps: int) -> None:
    if name in NOT_IN_ONE_STEP and steps == 1:
        pytest.skip("has nowhere to go in a schedule of one sigma above 0")
    last = run(SAMPLERS[name], sigmas_for(SAMPLERS[name], steps), denoise=Straight())[-1]
    within = ARRIVES_WITHIN.get(name, 2e-4)
    torch.testing.assert_close(last.x, Straight.target, atol=within, rtol=0)


@pytest.mark.parametrize("name", ["uni_pc", "uni_pc_bh2"])
@pytest.mark.parametrize(("sigma", "sigma_next", "end"), [(14.6, 0.0, 1e-3), (2.5, 0.5, 0.5)])
def test_one_step_of_unipc_is_none(name: str, sigma: float, sigma_next: float, end: float) -> None:
    """The published loop predicts at its first sigma and moves from the second on, so that a single step leaves the latent
    as it is in the scale of a variance-preserving process. The reference has it so."""
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)) * sigma
    sigmas = torch.tensor([sigma, sigma_next])
    (step,) = SAMPLERS[name].sample(Straight(), x, sigmas, no_noise(0, x, sigmas, 0))
    expected = x / math.sqrt(1 + sigma**2) * math.sqrt(1 + end**2)
    torch.testing.assert_close(step.x, expected)
    assert torch.equal(step.denoised, Straight.target)


@pytest.mark.parametrize(("eta", "noisy"), [(0.0, False), (1.0, True), (3.0, False)])
def test_euler_ancestral_that_goes_down_to_nothing_is_left_there(eta: float, *, noisy: bool) -> None:
    """An eta that takes all noise away gives none back, as in the reference."""
    x, sigmas = torch.ones(SHAPE), torch.tensor([2.0, 1.0, 0.0])
    sampler = SAMPLERS["euler_ancestral"]
    ends = []
    for seed in (0, 1):
        noise = sampler.noise(seed, x, sigmas, 0)
        first, *_ = euler_ancestral(Straight(), x, sigmas, noise, eta=eta)
        ends.append(first.x)
    assert torch.equal(*ends) is not noisy
    if eta == 3.0:
        assert torch.equal(ends[0], Straight.target)


class Gaussian(ToyDenoise):
    """The exact model of standard normal data: everything is known of its samples."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x / (1 + sigma**2)

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        denoised = self(x, sigma)
        return denoised, denoised


# How far from the exact path 40 steps may end, relative: first-order methods are where they should be, too.
FIRST_ORDER = ("euler", "ddim", "euler_cfg_pp", "heunpp2", "gradient_estimation", "gradient_estimation_cfg_pp")
ACCURACY = dict.fromkeys(FIRST_ORDER, 0.045) | {"dpm_adaptive": 0.03}


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_the_probability_flow_of_gaussian_data_is_followed(name: str) -> None:
    """x(sigma) = x(sigma_0) sqrt((1 + sigma^2) / (1 + sigma_0^2)) (Karras et al., 2022, equation 1)."""
    sigmas = sigmas_for(SAMPLERS[name], 40)
    last = run(SAMPLERS[name], sigmas, denoise=Gaussian())[-1]
    exact = starting_latent(sigmas) / (1 + sigmas[0] ** 2).sqrt()
    if name in OWN_STEPS:
        exact = exact * (1 + sigmas[-2] ** 2).sqrt()
    assert (last.x - exact).norm() / exact.norm() < ACCURACY.get(name, 0.005)


# The same of the deviation of many values after 80 steps. Two do not keep it: LCM is made for another kind of model, and
# the CFG++ form of DPM-Solver++(2S) steps from a prediction half-way.
DEVIATION = dict.fromkeys(("ddpm", "euler_ancestral", "euler_ancestral_cfg_pp"), 0.05) | {"er_sde": 0.08}
KEEP_DEVIATION = sorted(set(STOCHASTIC) - {"lcm", "dpmpp_2s_ancestral_cfg_pp"})


@pytest.mark.parametrize("name", KEEP_DEVIATION)
def test_gaussian_data_come_out_with_their_deviation(name: str) -> None:
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, 80)
    x = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0)) * (1 + sigmas[0] ** 2).sqrt()
    *_, last = sampler.sample(Gaussian(), x, sigmas, sampler.noise(0, x, sigmas, 0))
    assert float(last.x.std()) == pytest.approx(1.0, abs=DEVIATION.get(name, 0.02))
    assert float(last.x.mean()) == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 30])
def test_any_number_of_steps_ends_in_finite_numbers(name: str, steps: int) -> None:
    if name == "dpm_adaptive" and steps == 1:
        pytest.skip("has nowhere to go in a schedule of one sigma above 0")
    assert run(SAMPLERS[name], sigmas_for(SAMPLERS[name], steps))[-1].x.isfinite().all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_section_of_a_schedule_ends_with_its_noise(name: str) -> None:
    """As `KSamplerAdvanced` returns leftover noise: the last sigma is not 0."""
    sigmas = normal(SD, 8)[:5]
    last = run(SAMPLERS[name], sigmas, denoise=Gaussian())[-1]
    assert last.sigma_next == pytest.approx(float(sigmas[-1]))
    assert last.x.isfinite().all()
    assert float(last.x.std()) == pytest.approx(float((1 + sigmas[-1] ** 2).sqrt()), rel=0.5)


@pytest.mark.parametrize(
    ("sigma", "sigma_next", "eta", "up"),
    [
        (2.0, 1.0, 0.0, 0.0),
        (2.0, 1.0, 1.0, 0.8660254),
        (1.0, 2.0, 0.0, 0.0),
        (1.0, 2.0, 1.0, 2.0),
        (1.0, 1.0, 1.0, 0.0),
    ],
)
def test_ancestral_sigmas_keep_the_variance(sigma: float, sigma_next: float, eta: float, up: float) -> None:
    sigma_down, sigma_up = ancestral_sigmas(torch.tensor(sigma), torch.tensor(sigma_next), eta)
    assert float(sigma_up) == pytest.approx(up)
    assert float(sigma_down**2 + sigma_up**2) == pytest.approx(sigma_next**2)


@pytest.mark.parametrize("name", ["euler_ancestral", "dpm_2_ancestral", "dpmpp_2s_ancestral", "dpmpp_sde"])
def test_an_ancestral_sampler_goes_up_and_down_again(name: str) -> None:
    steps = run(SAMPLERS[name], torch.tensor([14.0, 5.0, 8.0, 3.0, 0.0]))
    assert len(steps) == 4
    assert steps[-1].x.isfinite().all()


@pytest.mark.parametrize("name", sorted(set(DETERMINISTIC) - OWN_STEPS))
def test_a_deterministic_sampler_goes_backwards_from_picture_to_noise(name: str) -> None:
    steps = run(SAMPLERS[name], flip(sigmas_for(SAMPLERS[name], 8)))
    assert len(steps) == 8
    assert steps[-1].x.isfinite().all()
