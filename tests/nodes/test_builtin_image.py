"""Picture nodes: sizes, and results that can be checked by eye."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nodes.builtin import image as nodes
from nodes.errors import UnsuitableInput
from nodes.sockets import Image, Mask

PICTURE = Image(torch.rand(2, 6, 9, 3, generator=torch.Generator().manual_seed(0)))
WHITE = Image(torch.ones(1, 2, 2, 3))


@pytest.mark.parametrize(
    ("result", "shape"),
    [
        (nodes.image_scale(image=PICTURE, upscale_method="lanczos", width=3, height=4, crop="center"), (2, 4, 3, 3)),
        (nodes.image_scale(image=PICTURE, upscale_method="area", width=18, height=0, crop="disabled"), (2, 12, 18, 3)),
        (nodes.image_scale(image=PICTURE, upscale_method="area", width=0, height=2, crop="disabled"), (2, 2, 3, 3)),
        (nodes.image_scale_by(image=PICTURE, upscale_method="bicubic", scale_by=0.5), (2, 3, 4, 3)),
        (nodes.image_scale_by(image=PICTURE, upscale_method="area", scale_by=0.01), (2, 1, 1, 3)),
        (nodes.image_scale_to_total_pixels(image=PICTURE, upscale_method="area", megapixels=0.01), (2, 84, 125, 3)),
        (nodes.image_batch(image1=WHITE, image2=PICTURE), (3, 2, 2, 3)),
        (nodes.image_batch(image1=WHITE, image2=Image(torch.zeros(1, 2, 2, 4))), (2, 2, 2, 4)),
        (nodes.image_crop(image=PICTURE, width=4, height=100, x=7, y=1), (2, 5, 2, 3)),
        (nodes.image_rotate(image=PICTURE, rotation="270 degrees"), (2, 9, 6, 3)),
        (nodes.repeat_image_batch(image=PICTURE, amount=2), (4, 6, 9, 3)),
        (nodes.image_from_batch(image=PICTURE, batch_index=1, length=5), (1, 6, 9, 3)),
        (nodes.empty_image(width=3, height=2, batch_size=4), (4, 2, 3, 3)),
        (nodes.image_blur(image=PICTURE, blur_radius=2), (2, 6, 9, 3)),
        (nodes.image_sharpen(image=PICTURE), (2, 6, 9, 3)),
        (nodes.image_blur(image=PICTURE, blur_radius=31), (2, 6, 9, 3)),
        (nodes.image_sharpen(image=PICTURE, sharpen_radius=31), (2, 6, 9, 3)),
        (nodes.image_blend(image1=PICTURE, image2=WHITE, blend_mode="normal"), (2, 6, 9, 3)),
    ],
)
def test_shapes(result: Image, shape: tuple[int, ...]) -> None:
    assert result.pixels.shape == shape


def test_batches_that_do_not_match_are_refused() -> None:
    three = Image(torch.zeros(3, 6, 9, 3))
    with pytest.raises(UnsuitableInput, match="3 pictures cannot be laid over 2"):
        nodes.image_blend(image1=PICTURE, image2=three, blend_mode="normal")


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
@pytest.mark.parametrize(("before", "after"), [((64, 64), (8, 2048)), ((64, 64), (2048, 8)), ((32, 64), (1, 1024))])
def test_a_crop_to_a_sliver_keeps_something(method: Any, before: tuple[int, int], after: tuple[int, int]) -> None:
    white = Image(torch.ones(1, before[1], before[0], 3))
    made = nodes.image_scale(image=white, upscale_method=method, width=after[0], height=after[1], crop="center")
    assert made.pixels.shape == (1, after[1], after[0], 3)
    assert float(made.pixels.min()) > 0.99


def test_a_picture_scaled_to_nothing_stays_as_it_is() -> None:
    assert nodes.image_scale(image=PICTURE, upscale_method="area", width=0, height=0, crop="disabled") is PICTURE


def test_colours() -> None:
    torch.testing.assert_close(
        nodes.empty_image(width=1, height=1, color=0xFF8001).pixels[0, 0, 0], torch.tensor([255.0, 128.0, 1.0]) / 255
    )
    torch.testing.assert_close(nodes.image_invert(image=PICTURE).pixels, 1 - PICTURE.pixels)


def test_turning_and_mirroring() -> None:
    corner = Image(torch.zeros(1, 2, 3, 3))
    corner.pixels[0, 0, 0] = 1.0
    assert nodes.image_rotate(image=corner, rotation="90 degrees").pixels[0, 0, 1, 0] == 1
    assert nodes.image_flip(image=corner, flip_method="x-axis: vertically").pixels[0, 1, 0, 0] == 1
    assert nodes.image_flip(image=corner, flip_method="y-axis: horizontally").pixels[0, 0, 2, 0] == 1


def test_a_grey_picture_stays_grey_beside_one_in_colour() -> None:
    grey = Image(torch.full((1, 2, 2, 1), 0.25))
    assert bool((nodes.image_batch(image1=WHITE, image2=grey).pixels[1] == 0.25).all())
    assert nodes.image_batch(image1=grey, image2=Image(torch.zeros(1, 2, 2, 4))).pixels[0, 0, 0].tolist() == [
        0.25, 0.25, 0.25, 1.0,
    ]  # fmt: skip


def test_size_of_a_picture() -> None:
    assert nodes.get_image_size(image=PICTURE) == (9, 6, 2)


def test_padding_gives_a_grey_border_and_a_mask_of_it() -> None:
    padded, mask = nodes.image_pad_for_outpaint(image=WHITE, left=8, bottom=16, feathering=0)
    assert padded.pixels.shape == (1, 18, 10, 3)
    assert mask.values.shape == (1, 18, 10)
    inside = torch.zeros(18, 10, dtype=torch.bool)
    inside[:2, 8:] = True
    assert torch.equal(padded.pixels[0, ..., 0], torch.where(inside, 1.0, 0.5))
    assert torch.equal(mask.values[0], torch.where(inside, 0.0, 1.0))


@pytest.mark.parametrize("resize_source", [False, True])
def test_compositing(resize_source: bool) -> None:
    below, above = nodes.empty_image(width=4, height=4), WHITE
    result = nodes.image_composite_masked(destination=below, source=above, x=1, y=2, resize_source=resize_source)
    expected = torch.zeros(4, 4)
    expected[2:, 1:] = 1.0
    if not resize_source:
        expected[:, 3] = 0.0
    assert torch.equal(result.pixels[0, ..., 0], expected)


def test_compositing_under_a_mask() -> None:
    result = nodes.image_composite_masked(
        destination=nodes.empty_image(width=2, height=2), source=WHITE, mask=Mask(torch.full((1, 2, 2), 0.25))
    )
    assert torch.equal(result.pixels, torch.full((1, 2, 2, 3), 0.25))


def test_blending() -> None:
    grey = nodes.empty_image(width=2, height=2, color=0x808080)
    result = nodes.image_blend(image1=WHITE, image2=grey, blend_factor=0.5, blend_mode="multiply")
    torch.testing.assert_close(result.pixels, torch.full((1, 2, 2, 3), 0.5 + 0.5 * 128 / 255))
