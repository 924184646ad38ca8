"""Samplers: the reference's numbers on a toy model, going on after a stop, and the properties of each method."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nodes.diffusion.config import ScheduleConfig
from nodes.diffusion.samplers.step import Past, Step, ancestral_sigmas
from nodes.diffusion.samplers.table import SAMPLERS, Sampler
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import drop_penultimate, karras
from tests.nodes.golden import golden_json, needs_shared
from tests.nodes.toy_denoise import SHAPE, ToyDenoise

SD = noise_schedule(ScheduleConfig())
SEED = 1234


def sigmas_for(sampler: Sampler, steps: int) -> Tensor:
    return (drop_penultimate(karras) if sampler.drops_penultimate else karras)(SD, steps)


def run(sampler: Sampler, sigmas: Tensor, past: Past = ()) -> list[Step]:
    start = torch.randn(SHAPE, generator=torch.Generator().manual_seed(SEED)) * (1 + sigmas[0] ** 2).sqrt()
    drawn = sampler.draws * (past[-1].index + 1 if past else 0)
    noise = sampler.noise(SEED, start, sigmas, drawn)
    return list(sampler.sample(ToyDenoise(), past[-1].x if past else start, sigmas, noise, past))


@pytest.mark.golden
@needs_shared
@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler_equals_the_reference(name: str) -> None:
    expected = torch.tensor(golden_json("samplers.json")["samplers"][f"{name}/karras/6"])
    result = run(SAMPLERS[name], sigmas_for(SAMPLERS[name], 6))[-1].x.flatten()[: len(expected)]
    assert (result - expected).norm() / expected.norm() < 1e-5


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("stop", [1, 2, 4, 5])
def test_a_stopped_run_goes_on_to_the_same_bits(name: str, stop: int) -> None:
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, 6)
    whole = run(sampler, sigmas)
    past = tuple(whole[max(0, stop - 1 - sampler.history) : stop])
    rest = run(sampler, sigmas, past)
    assert [step.index for step in rest] == list(range(stop, len(whole)))
    assert torch.equal(rest[-1].x, whole[-1].x)


@pytest.mark.parametrize("name", SAMPLERS)
def test_steps_tell_where_they_are(name: str) -> None:
    sigmas = sigmas_for(SAMPLERS[name], 5)
    steps = run(SAMPLERS[name], sigmas)
    assert [(step.index, step.total) for step in steps] == [(i, 5) for i in range(5)]
    assert [step.sigma for step in steps] == sigmas[:-1].tolist()
    assert [step.sigma_next for step in steps] == sigmas[1:].tolist()
    assert all(step.x.shape == step.denoised.shape == SHAPE for step in steps)


@pytest.mark.parametrize("name", [name for name, sampler in SAMPLERS.items() if sampler.draws == 0])
def test_a_deterministic_sampler_draws_no_noise(name: str) -> None:
    def refuse(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        raise AssertionError("drew noise")

    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, 4)
    assert list(sampler.sample(ToyDenoise(), torch.ones(SHAPE), sigmas, refuse))


class Straight:
    """A model that always predicts the same picture: its paths are straight lines in sigma, which solvers follow exactly."""

    target = torch.full(SHAPE, 0.25)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.target

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self.target, self.target


@pytest.mark.parametrize("name", [name for name, sampler in SAMPLERS.items() if not sampler.uses_uncond])
def test_a_constant_prediction_is_reached(name: str) -> None:
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, 4)
    x = torch.randn(SHAPE) * sigmas[0]
    *_, last = sampler.sample(Straight(), x, sigmas, sampler.noise(0, x, sigmas, 0))
    torch.testing.assert_close(last.x, Straight.target, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("eta", "up"), [(0.0, 0.0), (1.0, 0.8660254)])
def test_ancestral_sigmas_keep_the_variance(eta: float, up: float) -> None:
    sigma_down, sigma_up = ancestral_sigmas(torch.tensor(2.0), torch.tensor(1.0), eta)
    assert float(sigma_up) == pytest.approx(up)
    assert float(sigma_down**2 + sigma_up**2) == pytest.approx(1.0)
