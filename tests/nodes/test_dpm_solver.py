"""DPM-Solver with steps of its own: how it spends evaluations, and how it adapts."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from nodes.diffusion.noise import gaussian_noise
from nodes.diffusion.samplers.dpm_adaptive import Pace, StepSize, dpm_adaptive
from nodes.diffusion.samplers.dpm_solver import ends, fast_orders
from nodes.diffusion.samplers.table import SAMPLERS, Sampler
from nodes.diffusion.schedulers import karras
from tests.nodes.sampling_runs import SD, run
from tests.nodes.toy_denoise import ToyDenoise

SIGMAS = karras(SD, 6)


class Counting(ToyDenoise):
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        self.calls += 1
        return super().__call__(x, sigma)


@pytest.mark.parametrize(
    ("evaluations", "orders"),
    [(1, [1]), (2, [2]), (3, [2, 1]), (4, [3, 1]), (5, [3, 2]), (6, [3, 2, 1]), (8, [3, 3, 2])],
)
def test_orders_use_up_the_evaluations(evaluations: int, orders: list[int]) -> None:
    assert fast_orders(evaluations) == orders
    assert sum(orders) == evaluations


@pytest.mark.parametrize("steps", [2, 3, 6, 10])
def test_dpm_fast_evaluates_as_often_as_the_schedule_has_steps(steps: int) -> None:
    model = Counting()
    run(SAMPLERS["dpm_fast"], karras(SD, steps), denoise=model)
    assert model.calls == steps


@pytest.mark.parametrize("sigmas", [[9.0, 3.0, 1.0, 0.0], [9.0, 3.0, 1.0]])
def test_a_run_ends_at_the_smallest_sigma_above_0(sigmas: list[float]) -> None:
    assert ends(torch.tensor(sigmas)) == (9.0, 1.0)


def test_adaptive_steps_join_and_end_where_the_schedule_does() -> None:
    steps = run(SAMPLERS["dpm_adaptive"], SIGMAS)
    assert steps[0].sigma == float(SIGMAS[0])
    assert steps[-1].sigma_next == float(SIGMAS[-2])
    assert [step.sigma_next for step in steps[:-1]] == [step.sigma for step in steps[1:]]


def test_the_last_adaptive_step_knows_that_it_is() -> None:
    steps = run(SAMPLERS["dpm_adaptive"], SIGMAS)
    assert steps[-1].index + 1 == steps[-1].total == len(steps)
    assert all(step.total > step.index + 1 for step in steps[:-1])


def test_smaller_tolerances_take_more_steps_and_come_nearer() -> None:
    loose, tight, exact = (
        run(Sampler(partial(dpm_adaptive, step_size=StepSize(rtol=rtol, atol=rtol / 6))), SIGMAS)
        for rtol in (0.2, 0.01, 0.0005)
    )
    assert len(loose) < len(tight) < len(exact)
    assert (tight[-1].x - exact[-1].x).norm() < (loose[-1].x - exact[-1].x).norm() / 3


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("coefficients", [(0.0, 1.0, 0.0), (0.2, 0.6, 0.1)])
def test_an_adaptive_run_goes_on_to_the_same_bits(
    order: int, eta: float, coefficients: tuple[float, float, float]
) -> None:
    p, i, d = coefficients
    method = partial(dpm_adaptive, order=order, eta=eta, step_size=StepSize(pcoeff=p, icoeff=i, dcoeff=d))
    sampler = Sampler(method, noise=gaussian_noise)
    whole = run(sampler, SIGMAS)
    for stop in range(1, len(whole)):
        assert torch.equal(run(sampler, SIGMAS, (whole[stop - 1],))[-1].x, whole[-1].x)


@pytest.mark.parametrize(("error", "kept"), [(0.1, True), (1.0, True), (3.0, False), (float("nan"), True)])
def test_a_step_is_kept_if_its_error_is_tolerable(error: float, *, kept: bool) -> None:
    """What is not a number is kept, or a run would never end."""
    assert StepSize().judge(Pace(0.1), error, 3)[0] is kept


def test_a_model_that_fails_does_not_hang_an_adaptive_run() -> None:
    class Failing(ToyDenoise):
        def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
            return x * float("nan")

    assert run(SAMPLERS["dpm_adaptive"], SIGMAS, denoise=Failing())[-1].x.isnan().all()
