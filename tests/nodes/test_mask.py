"""Operations on masks, as tables of small cases and as laws."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nodes.diffusion import mask
from nodes.diffusion.inpaint import grey_out, grow_noise_mask, inpaint_picture, latent_noise_mask

SOFT = torch.rand(2, 9, 12, generator=torch.Generator().manual_seed(4))


def dot(height: int = 7, width: int = 7) -> Tensor:
    """One pixel in the middle."""
    result = torch.zeros(1, height, width)
    result[0, height // 2, width // 2] = 1
    return result


def rows(result: Tensor) -> list[str]:
    return ["".join(".#"[int(value)] for value in row) for row in result[0]]


@pytest.mark.parametrize(
    ("expand", "tapered", "picture"),
    [
        (1, True, [".......", ".......", "...#...", "..###..", "...#...", ".......", "......."]),
        (1, False, [".......", ".......", "..###..", "..###..", "..###..", ".......", "......."]),
        (2, True, [".......", "...#...", "..###..", ".#####.", "..###..", "...#...", "......."]),
        (99, True, ["#######"] * 7),
        (-1, True, ["......."] * 7),
        (0, True, [".......", ".......", ".......", "...#...", ".......", ".......", "......."]),
    ],
)
def test_grow(expand: int, *, tapered: bool, picture: list[str]) -> None:
    assert rows(mask.grow(dot(), expand, tapered_corners=tapered)) == picture


@given(st.integers(-4, 4), st.integers(0, 4), st.booleans())
def test_growing_composes_and_mirrors_shrinking(first: int, second: int, tapered: bool) -> None:  # noqa: FBT001
    once = mask.grow(SOFT, first, tapered_corners=tapered)
    if first >= 0:
        both = mask.grow(once, second, tapered_corners=tapered)
        assert torch.equal(both, mask.grow(SOFT, first + second, tapered_corners=tapered))
    mirrored = mask.invert(mask.grow(mask.invert(SOFT), -first, tapered_corners=tapered))
    torch.testing.assert_close(once, mirrored)


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("multiply", [0.0, 0.24, 0.6]),
        ("add", [0.6, 1.0, 1.0]),
        ("subtract", [0.0, 0.0, 0.4]),
        ("and", [0.0, 0.0, 1.0]),
        ("or", [1.0, 1.0, 1.0]),
        ("xor", [1.0, 1.0, 0.0]),
    ],
)
def test_composite_operations(operation: str, result: list[float]) -> None:
    destination = torch.tensor([[[0.0, 0.4, 1.0]]])
    source = torch.full((1, 1, 3), 0.6)
    torch.testing.assert_close(mask.composite(destination, source, 0, 0, operation), torch.tensor([[result]]))


@pytest.mark.parametrize(("x", "y", "covered"), [(0, 0, 6), (10, 0, 4), (0, 8, 3), (12, 0, 0), (50, 50, 0)])
def test_composite_is_cut_at_the_border(x: int, y: int, covered: int) -> None:
    result = mask.composite(torch.zeros(1, 9, 12), torch.ones(1, 2, 3), x, y, "add")
    assert result.sum() == covered


def test_feather_fades_each_side() -> None:
    faded = mask.feather(torch.ones(1, 5, 9), left=2, top=0, right=0, bottom=0)
    assert faded[0, 2].tolist() == [0.5, 1, 1, 1, 1, 1, 1, 1, 1]
    faded = mask.feather(torch.ones(1, 9, 5), left=0, top=4, right=0, bottom=0)
    assert faded[0, :, 2].tolist() == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]


def test_the_far_fade_starts_at_the_opposite_edge() -> None:
    faded = mask.feather(torch.ones(1, 5, 9), left=0, top=0, right=4, bottom=0)
    assert faded[0, 2].tolist() == [0.25, 1, 1, 1, 1, 1, 1, 0.75, 0.5]


def test_feather_wider_than_the_mask_is_cut_to_it() -> None:
    assert torch.equal(mask.feather(SOFT, 99, 99, 0, 0), mask.feather(SOFT, 12, 9, 0, 0))


def test_crop() -> None:
    assert torch.equal(mask.crop(SOFT, 2, 3, 4, 5), SOFT[:, 3:8, 2:6])
    assert mask.crop(SOFT, 10, 0, 99, 99).shape == (2, 9, 2)
    assert mask.crop(SOFT, 99, 99, 5, 5).shape == (2, 1, 1)


def test_threshold_is_exclusive() -> None:
    assert mask.threshold(torch.tensor([[[0.4, 0.5, 0.6]]]), 0.5).tolist() == [[[0, 0, 1]]]


@pytest.mark.parametrize("channel", ["red", "green", "blue"])
def test_a_mask_is_a_grey_picture_and_back(channel: str) -> None:
    assert torch.equal(mask.from_image(mask.to_image(SOFT), channel), SOFT)


def test_a_picture_without_alpha_has_no_alpha_channel() -> None:
    with pytest.raises(ValueError, match="no alpha channel"):
        mask.from_image(torch.zeros(1, 2, 2, 3), "alpha")


@pytest.mark.parametrize(("color", "found"), [(0xFF8000, [1, 0]), (0x000000, [0, 1]), (0xFF8001, [0, 0])])
def test_color_to_mask(color: int, found: list[int]) -> None:
    image = torch.tensor([[[[1.0, 0.5, 0.0], [0.0, 0.001, -1.0]]]])
    assert mask.from_color(image, color).tolist() == [[found]]


def test_solid_and_invert() -> None:
    assert torch.equal(mask.invert(mask.solid(0.25, 3, 2)), torch.full((1, 2, 3), 0.75))


def test_inpainting_cuts_picture_and_mask_to_whole_cells() -> None:
    image, fitted = inpaint_picture(torch.rand(1, 70, 45, 3), torch.rand(1, 9, 9), 8)
    assert image.shape == (1, 64, 40, 3)
    assert fitted.shape == (1, 1, 64, 40)


@pytest.mark.parametrize(("pictures", "masks", "fitted"), [(3, 2, 3), (2, 3, 2), (3, 1, 1), (3, 3, 3)])
def test_masks_are_repeated_or_cut_to_the_pictures(pictures: int, masks: int, fitted: int) -> None:
    given = torch.arange(masks).view(masks, 1, 1).expand(masks, 16, 16) / 4
    _, made = inpaint_picture(torch.rand(pictures, 16, 16, 3), given, 8)
    assert made[:, 0, 0, 0].tolist() == [(index % masks) / 4 for index in range(fitted)]


def test_grey_out_hides_the_masked_part() -> None:
    image, masked = torch.zeros(1, 8, 8, 3), torch.full((1, 1, 8, 8), 0.4)
    masked[..., 4:] = 0.6
    result = grey_out(image, masked)
    assert bool((result[:, :, :4] == 0).all())
    assert bool((result[:, :, 4:] == 0.5).all())


@pytest.mark.parametrize(("pixels", "size"), [(0, 1), (1, 1), (3, 3), (6, 6), (7, 7)])
def test_a_noise_mask_grows_by_a_square(pixels: int, size: int) -> None:
    grown = grow_noise_mask(dot(21, 21).unsqueeze(1), pixels)
    assert grown.sum() == size * size
    assert grown.shape == (1, 1, 21, 21)


@pytest.mark.parametrize("shape", [(1, 16, 24), (2, 16, 24), (1, 1, 128, 192)])
def test_a_noise_mask_takes_the_size_and_batch_of_its_latent(shape: tuple[int, ...]) -> None:
    assert latent_noise_mask(torch.ones(shape), torch.zeros(4, 4, 16, 24)).shape == (4, 1, 16, 24)
