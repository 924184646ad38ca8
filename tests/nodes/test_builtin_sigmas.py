"""Nodes of noise levels: schedules of their own, and operations on any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nodes.builtin import schedulers
from nodes.builtin import sigmas as operations
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import SCHEDULERS
from nodes.errors import UnsuitableInput
from nodes.sockets import Model, Sigmas
from tests.nodes.test_sockets import ref

SIGMAS = Sigmas(torch.tensor([8.0, 4.0, 2.0, 1.0, 0.0]))
NONE = Sigmas(torch.empty(0))
MODEL = Model(ref(Path("model.safetensors")))
LAST, FIRST = 14.6146, 0.029167


def extended(steps: int, start: float, end: float) -> Sigmas:
    return operations.extend_intermediate_sigmas(
        sigmas=SIGMAS, steps=steps, start_at_sigma=start, end_at_sigma=end, spacing="linear"
    )


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (operations.split_sigmas(sigmas=SIGMAS, step=2), ([8, 4, 2], [2, 1, 0])),
        (operations.split_sigmas(sigmas=SIGMAS, step=9), ([8, 4, 2, 1, 0], [])),
        (operations.split_sigmas_denoise(sigmas=SIGMAS, denoise=0.5), ([8, 4, 2], [2, 1, 0])),
        (operations.split_sigmas_denoise(sigmas=SIGMAS, denoise=0.0), ([], [0])),
        ((operations.flip_sigmas(sigmas=SIGMAS),), ([1e-4, 1, 2, 4, 8],)),
        ((operations.flip_sigmas(sigmas=NONE),), ([],)),
        ((operations.set_first_sigma(sigmas=SIGMAS, sigma=9.0),), ([9, 4, 2, 1, 0],)),
        ((operations.set_first_sigma(sigmas=NONE, sigma=9.0),), ([],)),
        ((extended(2, -1.0, 3.0),), ([8, 6, 4, 3, 2, 1, 0],)),
        ((extended(2, 4.0, 3.0),), ([8, 4, 3, 2, 1, 0],)),
        ((operations.manual_sigmas(sigmas="8, 4; 0.5\n0"),), ([8, 4, 0.5, 0],)),
        ((operations.manual_sigmas(sigmas=""),), ([],)),
    ],
)
def test_operations_on_sigmas(results: tuple[Sigmas, ...], expected: tuple[list[float], ...]) -> None:
    for result, values in zip(results, expected, strict=True):
        torch.testing.assert_close(result.values, torch.tensor(values, dtype=torch.float32))


@pytest.mark.parametrize("steps", [3, 7, 10, 30])
@pytest.mark.parametrize("scheduler", ["ddim_uniform", "normal", "beta"])
def test_a_spacing_with_more_steps_than_were_asked_for_gives_its_last(scheduler: str, steps: int) -> None:
    """Counting in whole strides, `ddim_uniform` has 8 steps where 7 were asked for, and 31 for 30."""
    whole = SCHEDULERS[scheduler](noise_schedule(MODEL.config.schedule), steps)
    given = schedulers.basic_scheduler(model=MODEL, scheduler=scheduler, steps=steps)
    assert torch.equal(given.values, whole[-(steps + 1) :])
    assert len(given.values) <= steps + 1


@pytest.mark.parametrize(
    ("percent", "actual", "sigma"),
    [(0.0, False, 999999999.9), (0.0, True, LAST), (1.0, False, 0.0), (1.0, True, FIRST), (0.5, True, 1.6156)],
)
def test_a_share_of_the_schedule_is_a_noise_level(percent: float, actual: bool, sigma: float) -> None:
    found = operations.sampling_percent_to_sigma(model=MODEL, sampling_percent=percent, return_actual_sigma=actual)
    assert found == pytest.approx(sigma, rel=1e-3)


@pytest.mark.parametrize(
    "sigmas",
    [
        schedulers.karras_scheduler(steps=5),
        schedulers.exponential_scheduler(steps=5),
        schedulers.polyexponential_scheduler(steps=5, rho=2.0),
        schedulers.vp_scheduler(steps=5),
        schedulers.beta_sampling_scheduler(model=MODEL, steps=5),
        schedulers.sd_turbo_scheduler(model=MODEL, steps=5),
        schedulers.align_your_steps_scheduler(model_type="SD1", steps=5),
        schedulers.basic_scheduler(model=MODEL, scheduler="normal", steps=5, denoise=0.5),
    ],
)
def test_schedules_of_their_own_fall_to_0(sigmas: Sigmas) -> None:
    assert len(sigmas.values) == 6
    assert bool((sigmas.values.diff() < 0).all())
    assert sigmas.values[-1] == 0


def test_the_laplace_schedule_ends_above_0() -> None:
    values = schedulers.laplace_scheduler(steps=5).values
    assert len(values) == 5
    assert float(values[-1]) == pytest.approx(FIRST, rel=1e-2)


@pytest.mark.parametrize(
    ("sigmas", "steps"),
    [
        (schedulers.basic_scheduler(model=MODEL, scheduler="normal", steps=5, denoise=0.0), 0),
        (schedulers.align_your_steps_scheduler(model_type="SDXL", steps=10, denoise=0.5), 5),
        (schedulers.align_your_steps_scheduler(model_type="SDXL", steps=10, denoise=0.0), 0),
        (schedulers.sd_turbo_scheduler(model=MODEL, steps=5, denoise=0.3), 3),
    ],
)
def test_a_part_of_a_schedule_has_fewer_steps(sigmas: Sigmas, steps: int) -> None:
    assert max(len(sigmas.values) - 1, 0) == steps


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedulers.karras_scheduler(rho=0.0), "above 0"),
        (lambda: schedulers.exponential_scheduler(sigma_min=0.0), "above 0"),
        (lambda: schedulers.polyexponential_scheduler(sigma_max=0.0), "above 0"),
        (lambda: schedulers.beta_sampling_scheduler(model=MODEL, alpha=0.0), "above 0"),
        (lambda: schedulers.vp_scheduler(beta_d=5000.0), "infinite"),
        (lambda: operations.manual_sigmas(sigmas="1, -2"), "from 0, not -2"),
    ],
)
def test_schedules_that_do_not_exist_are_refused(make: Callable[[], Sigmas], message: str) -> None:
    with pytest.raises(UnsuitableInput, match=message):
        make()
