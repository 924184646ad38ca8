"""Morphology, edges, colour spaces and few colours: definitions on small pictures, and laws that hold on any."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from graph.errors import GraphError
from nodes.builtin import image_filters as nodes
from nodes.diffusion import morphology
from nodes.diffusion.canny import canny
from nodes.diffusion.color import rgb_to_ycbcr, ycbcr_to_rgb
from nodes.quantize import DITHERS, bayer_matrix, quantize
from nodes.sockets import Image
from tests.nodes.golden import needs_shared
from tests.nodes.test_image import load

PICTURE = torch.rand(2, 3, 12, 15, generator=torch.Generator().manual_seed(3))


def window(x: Tensor, row: int, column: int, size: int) -> Tensor:
    """The square around a pixel, as far as it lies in the picture, by its definition."""
    top, left = row - size // 2, column - size // 2
    return x[..., max(0, top) : top + size, max(0, left) : left + size]


@pytest.mark.parametrize("size", [3, 4, 5, 99])
@pytest.mark.parametrize(("operation", "extreme"), [("dilate", torch.amax), ("erode", torch.amin)])
def test_dilation_and_erosion_by_definition(size: int, operation: str, extreme: Callable[..., Tensor]) -> None:
    result = morphology.OPERATIONS[operation](PICTURE, size)
    for row in range(12):
        for column in range(15):
            assert torch.equal(result[..., row, column], extreme(window(PICTURE, row, column, size), dim=(2, 3)))


@pytest.mark.parametrize("size", [3, 4, 7])
def test_the_order_of_morphology(size: int) -> None:
    """Each result lies below the next, whatever the picture."""
    names = ("erode", "open", "dilate")
    results = [morphology.OPERATIONS[name](PICTURE, size) for name in names]
    for lower, higher in pairwise(results):
        assert bool((lower <= higher).all())
    for name in ("gradient", "top_hat", "bottom_hat"):
        assert float(morphology.OPERATIONS[name](PICTURE, 3).min()) >= 0.0


def test_an_edge_is_found_where_it_is() -> None:
    edges = canny(rising_at_20(1.0), 0.4, 0.8)
    expected = torch.zeros(1, 1, 30, 40)
    expected[..., 20] = 1.0
    assert torch.equal(edges, expected)


def rising_at_20(height: float) -> Tensor:
    """Dark on the left, bright on the right of column 20, which lies half-way."""
    picture = torch.zeros(1, 3, 30, 40)
    picture[..., 20], picture[..., 21:] = height / 2, height
    return picture


def test_a_weak_edge_counts_where_it_touches_a_strong_one() -> None:
    weak = rising_at_20(0.2)
    fading = rising_at_20(1.0) * torch.linspace(1.0, 0.2, 30).reshape(-1, 1)
    assert not canny(weak, 0.3, 2.0).any()
    assert canny(fading, 0.3, 2.0)[0, 0, 22:, 20].all()
    assert not canny(fading, 1.5, 2.0)[0, 0, 22:].any()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_edges_are_white_on_black(channels: int) -> None:
    edges = nodes.canny_node(image=Image(torch.rand(2, 16, 16, channels)), low_threshold=0.1, high_threshold=0.2)
    assert edges.pixels.shape == (2, 16, 16, 3)
    assert set(edges.pixels.flatten().tolist()) <= {0.0, 1.0}


def test_exchanged_thresholds_are_refused() -> None:
    with pytest.raises(GraphError, match="above"):
        nodes.canny_node(image=Image(torch.rand(1, 8, 8, 3)), low_threshold=0.9, high_threshold=0.1)


@pytest.mark.parametrize(
    ("rgb", "ycbcr"),
    [((1, 1, 1), (1, 0.5, 0.5)), ((0, 0, 0), (0, 0.5, 0.5)), ((1, 0, 0), (0.299, 0.331364, 0.999813))],
)
def test_ycbcr(rgb: tuple[float, ...], ycbcr: tuple[float, ...]) -> None:
    converted = rgb_to_ycbcr(torch.tensor(rgb, dtype=torch.float32).reshape(1, 3, 1, 1))
    torch.testing.assert_close(converted.flatten(), torch.tensor(ycbcr, dtype=torch.float32))


def test_ycbcr_and_back() -> None:
    torch.testing.assert_close(ycbcr_to_rgb(rgb_to_ycbcr(PICTURE)), PICTURE, atol=2e-3, rtol=0)
    image = Image(PICTURE.movedim(1, -1).contiguous())
    y, u, v = nodes.image_rgb_to_yuv(image=image)
    again = nodes.image_yuv_to_rgb(Y=y, U=u, V=v)
    torch.testing.assert_close(again.pixels, image.pixels, atol=2e-3, rtol=0)


def test_parts_of_different_size_are_refused() -> None:
    small, large = (Image(torch.zeros(1, side, side, 3)) for side in (2, 3))
    with pytest.raises(GraphError, match="differ in size"):
        nodes.image_yuv_to_rgb(Y=small, U=large, V=small)
    with pytest.raises(GraphError, match="differ in length: 1, 2, 1"):
        nodes.image_yuv_to_rgb(Y=small, U=Image(small.pixels.repeat(2, 1, 1, 1)), V=small)


@pytest.mark.parametrize("dither", DITHERS)
@pytest.mark.parametrize("colors", [1, 2, 7, 256])
def test_no_more_colours_than_asked_for(dither: str, colors: int) -> None:
    result = quantize(PICTURE[0].movedim(0, -1), colors, dither)
    assert result.shape == (12, 15, 3)
    assert len(set(map(tuple, result.reshape(-1, 3).tolist()))) <= colors


def test_dithering_keeps_the_mean_brightness() -> None:
    grey = torch.linspace(0, 1, 64).reshape(1, 64, 1).expand(64, 64, 3)
    error = {
        dither: float((quantize(grey, 3, dither)[:, 16:32].mean() - grey[:, 16:32].mean()).abs()) for dither in DITHERS
    }
    assert error["floyd-steinberg"] < error["none"]


@pytest.mark.parametrize("order", [2, 4, 8, 16])
def test_bayer_thresholds_are_evenly_spaced(order: int) -> None:
    values = bayer_matrix(order).flatten().sort().values
    assert len(values) == order * order
    torch.testing.assert_close(values.diff(), torch.full((order * order - 1,), 1.0 / order**2))
    assert float(values.abs().max()) < 0.5


def test_the_smallest_bayer_matrix() -> None:
    assert bayer_matrix(2).tolist() == [[-0.375, 0.125], [0.375, -0.125]]


def test_noise_comes_from_the_seed() -> None:
    image = Image(torch.full((1, 8, 8, 3), 0.5))
    first, again, other = (nodes.image_add_noise(image=image, seed=seed, strength=0.1) for seed in (1, 1, 2))
    assert torch.equal(first.pixels, again.pixels)
    assert not torch.equal(first.pixels, other.pixels)
    assert torch.equal(nodes.image_add_noise(image=image, seed=1, strength=0.0).pixels, image.pixels)


@pytest.mark.golden
@needs_shared
@pytest.mark.parametrize("name", ["morph", "quantize"])
def test_equals_the_reference(name: str) -> None:
    image = Image(load("input.png")[0])
    result = {
        "morph": lambda: nodes.morphology_node(image=image, operation="dilate", kernel_size=3),
        "quantize": lambda: nodes.image_quantize(image=image, colors=12, dither="none"),
    }[name]()
    levels = (result.pixels * 255).clamp(0, 255).floor()
    assert float((levels - load(f"image_ops_{name}.png")[0] * 255).abs().max()) < 1.5
