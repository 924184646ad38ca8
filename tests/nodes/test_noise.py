"""Noise from seeds: the same for every device, and for a picture made alone or in a batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nodes.diffusion.batch import join_index, repeat_index, select_index
from nodes.diffusion.noise import gaussian_noise, seeded_noise

LATENT = torch.zeros(3, 4, 8, 8)
SIGMA = torch.tensor(1.0)


def test_noise_is_torch_s_cpu_generator_from_the_seed() -> None:
    expected = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(7))
    assert torch.equal(seeded_noise(7, LATENT), expected)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_each_picture_of_a_batch_can_be_made_alone(index: list[int]) -> None:
    whole = seeded_noise(7, torch.zeros(7, 4, 8, 8))
    chosen = seeded_noise(7, torch.zeros(len(index), 4, 8, 8), tuple(index))
    assert torch.equal(chosen, whole[index])


@pytest.mark.parametrize("seed", [0, 2**63, 2**64 - 1])
def test_every_seed_of_64_bits_has_noise_of_its_own(seed: int) -> None:
    assert not torch.equal(seeded_noise(seed, LATENT), seeded_noise(1, LATENT))


@pytest.mark.parametrize("drawn", [0, 1, 5])
def test_a_sampler_s_noise_goes_on_where_it_was(drawn: int) -> None:
    through, resumed = (gaussian_noise(3, LATENT, torch.empty(0), skip) for skip in (0, drawn))
    for _ in range(drawn):
        through(SIGMA, SIGMA)
    assert torch.equal(through(SIGMA, SIGMA), resumed(SIGMA, SIGMA))


@pytest.mark.parametrize(
    ("index", "start", "length", "selected"),
    [(None, 1, 2, (1, 2)), ((4, 7, 9), 1, 2, (7, 9)), ((5,), 0, 1, (5,))],
)
def test_select_index(index: tuple[int, ...] | None, start: int, length: int, selected: tuple[int, ...]) -> None:
    assert select_index(index, start, length) == selected


@pytest.mark.parametrize(
    ("index", "amount", "repeated"),
    [(None, 3, None), ((1,), 3, (1, 2, 3)), ((2, 4), 2, (2, 4, 5, 7))],
)
def test_repeated_pictures_get_noise_of_their_own(
    index: tuple[int, ...] | None, amount: int, repeated: tuple[int, ...] | None
) -> None:
    assert repeat_index(index, amount) == repeated


def test_joined_batches_keep_their_noise() -> None:
    assert join_index((3,), 1, None, 2) == (3, 0, 1)
