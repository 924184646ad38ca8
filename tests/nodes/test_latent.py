"""Operations on latents, as tables of small cases and as laws."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nodes.diffusion import latent
from nodes.diffusion.batch import batch_range, repeat_batch, repeat_to_batch, spread_to_batch

A = torch.randn(2, 4, 12, 16, generator=torch.Generator().manual_seed(1))
B = torch.randn(2, 4, 12, 16, generator=torch.Generator().manual_seed(2))
ONES, ZEROS = torch.ones(1, 4, 12, 16), torch.zeros(1, 4, 12, 16)


def columns(samples: Tensor) -> list[float]:
    """The middle row of the first channel, rounded."""
    return [round(value, 3) for value in samples[0, 0, 6].tolist()]


def test_composite_puts_the_source_at_its_place() -> None:
    result = latent.composite(ZEROS, ONES[..., :4, :6], x=3, y=5)
    assert result[0, 0].sum() == 4 * 6
    assert bool((result[:, :, 5:9, 3:9] == 1).all())


@pytest.mark.parametrize(
    ("x", "feather", "row"),
    [
        (0, 0, [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        (0, 2, [1, 1, 1, 1, 1, 1, 1, 0.5, 0, 0, 0, 0, 0, 0, 0, 0]),
        (4, 2, [0, 0, 0, 0, 0.5, 1, 1, 1, 1, 1, 1, 0.5, 0, 0, 0, 0]),
        (8, 4, [0, 0, 0, 0, 0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
        (12, 2, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5, 1, 1, 1]),
    ],
)
def test_a_feathered_edge_fades_unless_it_lies_on_the_border(x: int, feather: int, row: list[float]) -> None:
    assert columns(latent.composite(ZEROS, ONES[..., :8], x=x, y=0, feather=feather)) == row


def test_composite_masked_shows_the_source_where_the_mask_is_1() -> None:
    mask = torch.zeros(1, 96, 128)
    mask[..., 64:] = 1
    result = latent.composite_masked(A, B, 0, 0, mask)
    torch.testing.assert_close(result[..., :7], A[..., :7])
    torch.testing.assert_close(result[..., 9:], B[..., 9:])


@pytest.mark.parametrize(("x", "y"), [(0, 0), (5, 2), (15, 11), (16, 0), (99, 99)])
def test_composite_masked_is_cut_at_the_border(x: int, y: int) -> None:
    result = latent.composite_masked(ZEROS, ONES, x, y)
    assert result.sum() == 4 * max(0, 16 - x) * max(0, 12 - y)


def test_a_single_source_goes_on_every_picture() -> None:
    assert torch.equal(latent.composite_masked(A, ONES, 0, 0), ONES.expand_as(A))


@pytest.mark.parametrize(
    ("x", "y", "width", "height", "kept"),
    [
        (2, 1, 8, 8, (slice(1, 9), slice(2, 10))),
        (0, 0, 99, 99, (slice(0, 12), slice(0, 16))),
        (99, 0, 8, 12, (slice(0, 12), slice(8, 16))),
        (12, 0, 8, 12, (slice(0, 12), slice(8, 16))),
        (4, 0, 15, 8, (slice(0, 8), slice(1, 16))),
    ],
)
def test_crop_stays_within_the_latent(x: int, y: int, width: int, height: int, kept: tuple[slice, slice]) -> None:
    assert torch.equal(latent.crop(A, x, y, width, height), A[(..., *kept)])


def test_rotation_is_clockwise() -> None:
    corner = torch.zeros(1, 1, 2, 3)
    corner[0, 0, 0, 0] = 1
    turned = latent.rotate(corner, latent.ROTATIONS["90 degrees"])
    assert turned.shape == (1, 1, 3, 2)
    assert turned[0, 0, 0, 1] == 1


def test_four_quarter_turns_and_two_flips_are_nothing() -> None:
    turned = A
    for _ in range(4):
        turned = latent.rotate(turned, 1)
    assert torch.equal(turned, A)
    for flip in latent.FLIPS.values():
        assert torch.equal(flip(flip(A)), A)
    assert torch.equal(latent.flip_vertically(latent.flip_horizontally(A)), latent.rotate(A, 2))


@given(st.floats(0, 1))
def test_blend_and_interpolate_meet_both_ends(ratio: float) -> None:
    torch.testing.assert_close(latent.blend(A, A, ratio), A)
    torch.testing.assert_close(latent.interpolate(A, A, ratio), A)
    torch.testing.assert_close(latent.interpolate(A, 2 * A, ratio), A * (2 - ratio))


def test_interpolation_of_zeros_is_zero() -> None:
    assert not latent.interpolate(ZEROS, ZEROS, 0.5).any()


def test_arithmetic_fits_the_second_latent_to_the_first() -> None:
    small = ONES[..., :6, :8]
    torch.testing.assert_close(latent.add(A, small), A + 1)
    torch.testing.assert_close(latent.subtract(A, small), A - 1)
    torch.testing.assert_close(latent.multiply(A, 0.25), A / 4)
    assert latent.blend(A, small, 0.5).shape == A.shape
    assert latent.join(A, small).shape == (3, 4, 12, 16)


@pytest.mark.parametrize(("factor", "size"), [(1.5, (18, 24)), (0.5, (6, 8)), (1.0, (12, 16)), (0.1, (1, 2))])
def test_upscale_by(factor: float, size: tuple[int, int]) -> None:
    assert latent.upscale_by(A, "bilinear", factor).shape == (2, 4, *size)


@pytest.mark.parametrize(
    ("count", "batch", "repeated", "spread"),
    [
        (1, 3, [0, 0, 0], [0, 0, 0]),
        (2, 3, [0, 1, 0], [0, 1, 1]),
        (3, 2, [0, 1], [0, 2]),
        (2, 2, [0, 1], [0, 1]),
        (5, 1, [0], [0]),
        (2, 6, [0, 1, 0, 1, 0, 1], [0, 0, 0, 1, 1, 1]),
    ],
)
def test_batches_are_made_to_match(count: int, batch: int, repeated: list[int], spread: list[int]) -> None:
    assert repeat_to_batch(torch.arange(count), batch).tolist() == repeated
    assert spread_to_batch(torch.arange(count), batch).tolist() == spread


def test_a_batch_is_repeated_whole() -> None:
    assert repeat_batch(torch.tensor([1, 2]), 2).tolist() == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("batch", "start", "length", "found"), [(4, 1, 2, (1, 2)), (4, 9, 2, (3, 1)), (4, 2, 99, (2, 2))]
)
def test_a_part_of_a_batch_lies_within_it(batch: int, start: int, length: int, found: tuple[int, int]) -> None:
    assert batch_range(batch, start, length) == found
