"""Operations on sigmas: what is cut, turned round and put in between."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nodes.diffusion.sigma_operations import (
    Spacing,
    extend_intermediate,
    flip,
    set_first,
    split,
    split_by_denoise,
    written,
)

SIGMAS = torch.tensor([10.0, 6.0, 3.0, 1.0, 0.0])
EMPTY = torch.empty(0)


@pytest.mark.parametrize(
    ("step", "high", "low"),
    [
        (0, [10.0], [10.0, 6.0, 3.0, 1.0, 0.0]),
        (2, [10.0, 6.0, 3.0], [3.0, 1.0, 0.0]),
        (4, [10.0, 6.0, 3.0, 1.0, 0.0], [0.0]),
        (9, [10.0, 6.0, 3.0, 1.0, 0.0], []),
    ],
)
def test_split_after_some_steps(step: int, high: list[float], low: list[float]) -> None:
    assert [part.tolist() for part in split(SIGMAS, step)] == [high, low]


@pytest.mark.parametrize(
    ("denoise", "high", "low"),
    [
        (1.0, [10.0], [10.0, 6.0, 3.0, 1.0, 0.0]),
        (0.5, [10.0, 6.0, 3.0], [3.0, 1.0, 0.0]),
        (0.3, [10.0, 6.0, 3.0, 1.0], [1.0, 0.0]),
        (0.0, [], [0.0]),
    ],
)
def test_split_so_that_the_second_part_has_a_share_of_the_steps(
    denoise: float, high: list[float], low: list[float]
) -> None:
    assert [part.tolist() for part in split_by_denoise(SIGMAS, denoise)] == [high, low]


@given(st.lists(st.floats(0.0625, 100, width=32), min_size=2, max_size=20), st.integers(0, 19))
def test_the_parts_of_a_split_join_at_the_cut(values: list[float], step: int) -> None:
    sigmas = torch.tensor(values)
    high, low = split(sigmas, min(step, len(values) - 1))
    assert torch.equal(torch.cat([high, low[1:]]), sigmas)


def test_flip_begins_just_above_0() -> None:
    assert flip(SIGMAS).tolist() == pytest.approx([0.0001, 1.0, 3.0, 6.0, 10.0])
    assert SIGMAS[-1] == 0


def test_flip_twice_is_the_schedule_where_it_does_not_end_in_0() -> None:
    assert torch.equal(flip(flip(SIGMAS[:-1])), SIGMAS[:-1])


def test_set_first() -> None:
    assert set_first(SIGMAS, 136.0).tolist() == [136.0, 6.0, 3.0, 1.0, 0.0]
    assert SIGMAS[0] == 10


@pytest.mark.parametrize(
    ("steps", "start", "end", "spacing", "expected"),
    [
        (1, -1.0, 0.0, "linear", [10.0, 6.0, 3.0, 1.0, 0.0]),
        (2, -1.0, 6.0, "linear", [10.0, 8.0, 6.0, 4.5, 3.0, 1.0, 0.0]),
        (4, 6.0, 6.0, "linear", [10.0, 6.0, 5.25, 4.5, 3.75, 3.0, 1.0, 0.0]),
        (2, 3.0, 1.0, "linear", [10.0, 6.0, 3.0, 2.0, 1.0, 0.5, 0.0]),
        (2, -1.0, 10.0, "cosine", [10.0, 10.0 - 4 * 0.5**0.5, 6.0, 3.0, 1.0, 0.0]),
        (2, -1.0, 10.0, "sine", [10.0, 6.0 + 4 * 0.5**0.5, 6.0, 3.0, 1.0, 0.0]),
        (3, -1.0, 12.0, "linear", [10.0, 6.0, 3.0, 1.0, 0.0]),
    ],
)
def test_steps_in_a_range_are_cut_into_more(
    steps: int, start: float, end: float, spacing: Spacing, expected: list[float]
) -> None:
    assert extend_intermediate(SIGMAS, steps, start, end, spacing).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("spacing", ["linear", "cosine", "sine"])
@given(steps=st.integers(1, 20))
def test_extended_sigmas_still_descend_and_hold_the_old_ones(spacing: Spacing, steps: int) -> None:
    extended = extend_intermediate(SIGMAS, steps, -1.0, 0.5, spacing)
    assert bool((extended.diff() < 0).all())
    assert len(extended) == 4 * steps + 1
    assert set(SIGMAS.tolist()) <= set(extended.tolist())


def test_nothing_stays_nothing() -> None:
    results = [*split(EMPTY, 3), *split_by_denoise(EMPTY, 0.5), flip(EMPTY), set_first(EMPTY, 1.0)]
    assert [len(sigmas) for sigmas in [*results, extend_intermediate(EMPTY, 2, -1.0, 0.0)]] == [0] * 7


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1, 0.5", [1.0, 0.5]),
        ("14.6 3;1\n0", [14.6, 3.0, 1.0, 0.0]),
        ("[7., .25, 1e-3, 2.5E1]", [7.0, 0.25, 0.001, 25.0]),
        ("", []),
        ("none", []),
    ],
)
def test_sigmas_written_by_hand(text: str, values: list[float]) -> None:
    sigmas = written(text)
    assert sigmas.dtype == torch.float32
    assert sigmas.tolist() == pytest.approx(values)


@pytest.mark.parametrize("text", ["1, -0.5", "1e999"])
def test_what_is_no_sigma_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="from 0"):
        written(text)
