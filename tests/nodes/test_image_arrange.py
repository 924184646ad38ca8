"""Pictures beside each other, in frames, over each other, and with transparency."""

from __future__ import annotations

import pytest
import torch

from graph.errors import GraphError
from nodes.builtin import image_arrange as nodes
from nodes.diffusion.compositing import MODES, Layer, composite
from nodes.sockets import Image, Mask


def plain(height: int, width: int, value: float, channels: int = 3, batch: int = 1) -> Image:
    return Image(torch.full((batch, height, width, channels), value))


@pytest.mark.parametrize(
    ("direction", "match", "spacing", "size"),
    [
        ("right", True, 0, (10, 4)),
        ("left", True, 6, (16, 4)),
        ("down", True, 0, (6, 10)),
        ("up", True, 3, (6, 14)),
        ("right", False, 2, (13, 5)),
        ("down", False, 0, (6, 9)),
    ],
)
def test_stitched_sizes(direction: str, match: bool, spacing: int, size: tuple[int, int]) -> None:
    """A picture of 6x4 with a square of 5x5, which is scaled to 4x4 or 6x6, or kept and padded."""
    stitched = nodes.image_stitch(
        image1=plain(4, 6, 0.0),
        direction=direction,
        match_image_size=match,
        spacing_width=spacing,
        spacing_color="red",
        image2=plain(5, 5, 1.0),
    )
    assert stitched.size == size


@pytest.mark.parametrize(("direction", "row"), [("right", [0.0, 0.0, 1.0, 1.0]), ("left", [1.0, 1.0, 0.0, 0.0])])
def test_the_second_goes_where_it_is_told(direction: str, row: list[float]) -> None:
    stitched = nodes.image_stitch(image1=plain(2, 2, 0.0), direction=direction, image2=plain(2, 2, 1.0))
    assert stitched.pixels[0, 0, :, 0].tolist() == row


def test_the_strip_has_its_colour_and_an_even_width() -> None:
    stitched = nodes.image_stitch(
        image1=plain(2, 2, 0.5), spacing_width=3, spacing_color="green", image2=plain(2, 2, 0.5, channels=4)
    )
    assert stitched.size == (8, 2)
    assert stitched.pixels[0, 0, 2:6].tolist() == [[0.0, 1.0, 0.0, 1.0]] * 4


def test_the_shorter_batch_repeats_its_last() -> None:
    two = Image(torch.stack([torch.zeros(2, 2, 3), torch.ones(2, 2, 3)]))
    stitched = nodes.image_stitch(image1=two, image2=plain(2, 2, 0.25, batch=3))
    assert stitched.pixels[:, 0, 0, 0].tolist() == [0.0, 1.0, 1.0]


def test_nothing_beside_is_the_picture_itself() -> None:
    image = plain(2, 2, 0.5)
    assert nodes.image_stitch(image1=image) is image


@pytest.mark.parametrize(
    ("width", "height", "inner"), [(8, 8, (2, 6, 0, 8)), (4, 8, (3, 5, 0, 4)), (20, 4, (0, 4, 6, 14))]
)
def test_a_frame_holds_the_whole_picture(width: int, height: int, inner: tuple[int, int, int, int]) -> None:
    framed = nodes.resize_and_pad_image(
        image=plain(10, 20, 0.5),
        target_width=width,
        target_height=height,
        padding_color="white",
        interpolation="nearest-exact",
    )
    top, bottom, left, right = inner
    expected = torch.ones(1, height, width, 3)
    expected[:, top:bottom, left:right] = 0.5
    assert torch.equal(framed.pixels, expected)


@pytest.mark.parametrize(("shape", "size"), [((10, 20), (8, 4)), ((20, 10), (4, 8)), ((7, 7), (8, 8))])
def test_the_longer_side_is_set(shape: tuple[int, int], size: tuple[int, int]) -> None:
    scaled = nodes.image_scale_to_max_dimension(image=plain(*shape, 0.5), upscale_method="area", largest_size=8)
    assert scaled.size == size


SOURCE, DESTINATION = ((0.8, 0.4, 0.0), 0.5), ((0.2, 0.6, 1.0), 0.75)
EXPECTED_ALPHA = {
    "ADD": 1.0,
    "CLEAR": 0.0,
    "DARKEN": 0.875,
    "DST": 0.75,
    "DST_ATOP": 0.5,
    "DST_IN": 0.375,
    "DST_OUT": 0.375,
    "DST_OVER": 0.875,
    "LIGHTEN": 0.875,
    "MULTIPLY": 0.375,
    "OVERLAY": 0.875,
    "SCREEN": 0.875,
    "SRC": 0.5,
    "SRC_ATOP": 0.75,
    "SRC_IN": 0.375,
    "SRC_OUT": 0.125,
    "SRC_OVER": 0.875,
    "XOR": 0.5,
}


def layer(color: tuple[float, ...], alpha: float) -> Layer:
    return Layer(torch.tensor(color).reshape(1, 1, 1, 3), torch.full((1, 1, 1, 1), alpha))


@pytest.mark.parametrize("mode", MODES)
def test_alpha_of_every_mode(mode: str) -> None:
    mixed = composite(layer(*SOURCE), layer(*DESTINATION), mode)
    assert float(mixed.alpha) == pytest.approx(EXPECTED_ALPHA[mode])
    assert bool((mixed.color >= 0).all() & (mixed.color <= 1).all())


@pytest.mark.parametrize(
    ("mode", "color"),
    [
        ("SRC", SOURCE[0]),
        ("DST", DESTINATION[0]),
        ("SRC_OVER", (0.8 * 4 / 7 + 0.2 * 3 / 7, 0.4 * 4 / 7 + 0.6 * 3 / 7, 3 / 7)),
        ("CLEAR", (0.0, 0.0, 0.0)),
        ("MULTIPLY", (0.16, 0.24, 0.0)),
    ],
)
def test_colours(mode: str, color: tuple[float, ...]) -> None:
    mixed = composite(layer(*SOURCE), layer(*DESTINATION), mode)
    torch.testing.assert_close(mixed.color.flatten(), torch.tensor(color))


def test_compositing_fits_the_source_to_the_destination() -> None:
    image, mask = nodes.porter_duff_image_composite(
        source=plain(4, 4, 1.0, batch=3),
        source_alpha=Mask(torch.zeros(2, 9, 9)),
        destination=plain(8, 6, 0.0, batch=2),
        destination_alpha=Mask(torch.zeros(2, 8, 6)),
        mode="SRC_OVER",
    )
    assert image.pixels.shape == (2, 8, 6, 3)
    torch.testing.assert_close(image.pixels, torch.ones(2, 8, 6, 3))
    torch.testing.assert_close(mask.values, torch.zeros(2, 8, 6))


def test_grey_cannot_be_composited() -> None:
    empty = Mask(torch.zeros(1, 4, 4))
    with pytest.raises(GraphError, match="grey"):
        nodes.porter_duff_image_composite(
            source=plain(4, 4, 1.0, channels=1),
            source_alpha=empty,
            destination=plain(4, 4, 1.0),
            destination_alpha=empty,
        )


def test_joining_and_splitting_alpha() -> None:
    mask = Mask(torch.rand(1, 4, 6))
    image, again = nodes.split_image_with_alpha(image=nodes.join_image_with_alpha(image=plain(4, 6, 0.5), alpha=mask))
    assert image.pixels.shape == (1, 4, 6, 3)
    torch.testing.assert_close(again.values, mask.values)
    _, opaque = nodes.split_image_with_alpha(image=plain(2, 2, 0.5))
    assert not opaque.values.any()
