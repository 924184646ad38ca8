"""Operations on pictures: the reference's results, level by level, and tables of small cases."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nodes.diffusion import image
from tests.nodes.golden import SHARED, needs_shared


def load(name: str) -> tuple[Tensor, Tensor]:
    """A picture of the reference [1, H, W, 3] and its mask [1, H, W], 1 - alpha."""
    with Image.open(SHARED / "golden" / "workflows" / name) as picture:
        levels = torch.from_numpy(np.array(picture.convert("RGBA"))).float() / 255
    return levels[None, ..., :3], 1 - levels[None, ..., 3]


def shrunk_pair(picture: Tensor) -> Tensor:
    return image.join(picture, image.scale(picture, 80, 64, "bilinear"))


def blurred(picture: Tensor) -> Tensor:
    return image.blur(picture, 5, 2.0)


def blended(mode: str, picture: Tensor, mask: Tensor) -> Tensor:
    return image.blend(picture, blurred(picture), 0.6, mode)


Operation = Callable[[Tensor, Tensor], Tensor]

GOLDEN: Final[dict[str, Operation]] = {
    "scale_nearest-exact": lambda picture, _: image.scale(picture, 70, 90, "nearest-exact"),
    "scale_bilinear": lambda picture, _: image.scale_cropped(picture, 70, 90, "bilinear"),
    "scale_area": lambda picture, _: image.scale(picture, 70, 90, "area"),
    "scale_bicubic": lambda picture, _: image.scale_cropped(picture, 70, 90, "bicubic"),
    "scale_lanczos": lambda picture, _: image.scale(picture, 70, 90, "lanczos"),
    "scaleby": lambda picture, _: image.scale_by(picture, 1.7, "lanczos"),
    "megapixels": lambda picture, _: image.scale_to_megapixels(picture, 0.05, "bicubic"),
    "blur": lambda picture, _: blurred(picture),
    "sharpen": lambda picture, _: image.sharpen(picture, 2, 1.5, 0.8),
    "composite": lambda picture, mask: image.composite_masked(blurred(picture), image.invert(picture), 20, 8, mask),
    "crop": lambda picture, _: image.crop(picture, 20, 12, 50, 36),
    "batch.0": lambda picture, _: shrunk_pair(picture)[:1],
    "batch.1": lambda picture, _: shrunk_pair(picture)[1:],
    **{f"blend_{mode}": partial(blended, mode) for mode in image.BLEND_MODES},
}


@pytest.mark.golden
@needs_shared
@pytest.mark.parametrize("name", GOLDEN)
def test_operation_equals_the_reference(name: str) -> None:
    result = (GOLDEN[name](*load("input.png")) * 255).clamp(0, 255).floor()
    expected = load(f"image_ops_{name}.png")[0] * 255
    assert result.shape == expected.shape
    assert (result - expected).abs().max() < 1.5


PICTURE = torch.rand(2, 6, 8, 3, generator=torch.Generator().manual_seed(6))


def test_join_gives_both_pictures_alpha_if_one_has_it() -> None:
    joined = image.join(PICTURE, torch.zeros(1, 6, 8, 4))
    assert joined.shape == (3, 6, 8, 4)
    assert bool((joined[:2, ..., 3] == 1).all())


@pytest.mark.parametrize(("source", "destination"), [(3, 4), (4, 3), (3, 3)])
def test_a_composite_keeps_the_channels_of_its_destination(source: int, destination: int) -> None:
    result = image.composite_masked(torch.zeros(1, 6, 8, destination), torch.ones(1, 2, 2, source), 1, 1)
    assert result.shape == (1, 6, 8, destination)
    assert result.sum() == 4 * destination


def test_outpainting_without_feathering_masks_what_is_new() -> None:
    padded, mask = image.pad_for_outpaint(PICTURE, left=2, top=1, right=3, bottom=4, feathering=0)
    assert padded.shape == (2, 11, 13, 3)
    assert mask.shape == (1, 11, 13)
    assert torch.equal(padded[:, 1:7, 2:10], PICTURE)
    assert bool((padded[:, 0] == 0.5).all())
    assert not mask[:, 1:7, 2:10].any()
    assert mask.sum() == 11 * 13 - 6 * 8


@pytest.mark.parametrize(
    ("left", "right", "row"),
    [
        (2, 0, [1, 1, 1, 0.25, 0, 0, 0, 0, 0, 0]),
        (0, 2, [0, 0, 0, 0, 0, 0, 0, 0.25, 1, 1]),
        (0, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_feathering_reaches_into_the_picture_on_extended_sides(left: int, right: int, row: list[float]) -> None:
    _, mask = image.pad_for_outpaint(PICTURE, left, 0, right, 0, feathering=2)
    assert mask[0, 3].tolist() == row


def test_a_picture_too_small_for_feathering_is_kept_whole() -> None:
    _, mask = image.pad_for_outpaint(PICTURE, 2, 0, 0, 0, feathering=3)
    assert not mask[:, :, 2:].any()


@pytest.mark.parametrize("operation", [lambda p: image.blur(p, 0, 1.0), lambda p: image.sharpen(p, 0, 1.0, 1.0)])
def test_a_radius_of_0_changes_nothing(operation: Callable[[Tensor], Tensor]) -> None:
    assert torch.equal(operation(PICTURE), PICTURE)


def test_blend_scales_the_second_picture() -> None:
    assert image.blend(PICTURE, torch.rand(2, 12, 9, 3), 0.5, "screen").shape == PICTURE.shape


@pytest.mark.parametrize(
    ("size", "megapixels", "scaled"),
    [
        ((100, 100), 0.01, (102, 102)),
        ((640, 480), 0.5, (836, 627)),
        ((4, 13), 0.01, (57, 185)),
        ((1, 1), 16.0, (4096, 4096)),
    ],
)
def test_megapixels_are_whole_pixels_in_all(size: tuple[int, int], megapixels: float, scaled: tuple[int, int]) -> None:
    """Sides are rounded from the root of a whole number of pixels: 0.01 of them are 10485, not 10485.76."""
    height, width = size
    wanted = math.sqrt(int(megapixels * 1024 * 1024) / (height * width))
    assert scaled == (round(height * wanted), round(width * wanted))
    result = image.scale_to_megapixels(torch.zeros(1, height, width, 1), megapixels, "nearest-exact")
    assert tuple(result.shape[1:3]) == scaled
