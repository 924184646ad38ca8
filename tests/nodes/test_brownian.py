"""Brownian noise: one path, whatever is asked of it and in which order."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nodes.diffusion.brownian import BrownianPath, brownian_noise, brownian_noise_on_device

LATENT = torch.empty(1, 4, 6, 8)
SIGMAS = torch.tensor([14.6, 5.0, 1.0, 0.03, 0.0])
TIMES = st.floats(0.03, 14.6)


def a_path(seed: int = 7, shape: tuple[int, ...] = (1, 4, 6, 8)) -> BrownianPath:
    return BrownianPath(seed, 0.03, 14.6, torch.Size(shape), torch.float32, torch.device("cpu"))


@settings(deadline=None)
@given(TIMES, TIMES, TIMES)
def test_increments_add_up(a: float, b: float, c: float) -> None:
    path = a_path()
    torch.testing.assert_close(path.increment(a, b) + path.increment(b, c), path.increment(a, c), atol=1e-4, rtol=0)


@settings(deadline=None)
@given(TIMES, TIMES)
def test_the_way_back_undoes_the_way_there(a: float, b: float) -> None:
    path = a_path()
    assert torch.equal(path.increment(a, b), -path.increment(b, a))


@pytest.mark.parametrize(("a", "b"), [(0.03, 14.6), (1.0, 2.0), (14.5, 14.6), (0.5, 0.5005)])
def test_an_increment_has_the_variance_of_its_length(a: float, b: float) -> None:
    increment = a_path(shape=(200, 200)).increment(a, b)
    assert float(increment.var()) == pytest.approx(b - a, rel=0.03)
    assert float(increment.mean()) == pytest.approx(0.0, abs=0.02 * (b - a) ** 0.5)


def test_increments_over_separate_times_are_independent() -> None:
    path = a_path(shape=(200, 200))
    first, second = path.increment(1.0, 3.0).flatten(), path.increment(3.0, 9.0).flatten()
    assert abs(float(torch.corrcoef(torch.stack([first, second]))[0, 1])) < 0.02


@pytest.mark.parametrize(("at", "inside"), [(20.0, 14.6), (0.0, 0.03), (-1.0, 0.03)])
def test_a_path_does_not_leave_its_range(at: float, inside: float) -> None:
    assert torch.equal(a_path().increment(at, 5.0), a_path().increment(inside, 5.0))


def test_seeds_up_to_64_bits_make_paths_of_their_own() -> None:
    ends = [a_path(seed).increment(1.0, 2.0) for seed in (0, 1, 2**32, 2**64 - 1)]
    assert len({float(end.sum()) for end in ends}) == len(ends)


def draw(drawn: int, *pairs: tuple[int, int]) -> list[Tensor]:
    noise = brownian_noise(3, LATENT, SIGMAS, drawn)
    return [noise(SIGMAS[a], SIGMAS[b]) for a, b in pairs]


def test_draws_depend_on_sigmas_alone() -> None:
    """So a run goes on, at any step, with the noise that it would have had."""
    first, second = draw(0, (0, 1), (1, 2))
    again, other_order = draw(5, (1, 2), (0, 1))
    assert torch.equal(second, again)
    assert torch.equal(first, other_order)


def test_a_draw_has_unit_variance() -> None:
    noise = brownian_noise(3, torch.empty(4, 4, 64, 64), SIGMAS, 0)
    assert float(noise(SIGMAS[1], SIGMAS[2]).std()) == pytest.approx(1.0, abs=0.02)


def test_on_the_cpu_it_is_the_same_wherever_it_is_drawn() -> None:
    here = brownian_noise_on_device(3, LATENT, SIGMAS, 0)(SIGMAS[0], SIGMAS[1])
    assert torch.equal(here, brownian_noise(3, LATENT, SIGMAS, 0)(SIGMAS[0], SIGMAS[1]))


def test_a_schedule_of_one_sigma_has_a_path_of_no_length() -> None:
    brownian_noise(3, LATENT, torch.tensor([14.6, 0.0]), 0)
