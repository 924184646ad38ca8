"""Scaling: Pillow's Lanczos to the level, spherical interpolation of latents, cropping to proportions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from nodes.diffusion.resize import METHODS, crop_to_aspect, lanczos, proportional_size, resize, resize_cropped

SIDES = st.integers(1, 40)


def levels(height: int, width: int, channels: int = 3) -> Tensor:
    """A random 8-bit picture [1, C, H, W] as 0..1."""
    generator = torch.Generator().manual_seed(height * width)
    return torch.randint(0, 256, (1, channels, height, width), generator=generator) / 255


def pillow(picture: Tensor, width: int, height: int) -> Tensor:
    pixels = (picture[0].movedim(0, -1) * 255).round().byte().numpy()
    scaled = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(scaled).copy()).movedim(-1, 0)[None]


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    ("old", "new"),
    [((64, 128), (90, 70)), ((33, 57), (100, 200)), ((20, 20), (20, 40)), ((9, 9), (1, 1)), ((16, 16), (16, 16))],
)
def test_lanczos_is_pillow_s(old: tuple[int, int], new: tuple[int, int], channels: int) -> None:
    picture = levels(*old, channels)
    result = lanczos(picture, new[1], new[0]) * 255
    assert torch.equal(result.round().byte(), pillow(picture, new[1], new[0]))


@given(SIDES, SIDES, SIDES, SIDES)
def test_lanczos_is_pillow_s_at_any_size(height: int, width: int, taller: int, new_width: int) -> None:
    """From Pillow 13 on, pictures that lose much of their height are scaled down before across: not compared here."""
    picture = levels(height, width)
    for size in ((new_width, height + taller - 1), (width, taller)):
        assert torch.equal((lanczos(picture, *size) * 255).round().byte(), pillow(picture, *size))


@pytest.mark.parametrize("method", METHODS)
@given(SIDES, SIDES, SIDES, SIDES)
def test_every_method_gives_the_size_asked_for(
    method: str, height: int, width: int, new_height: int, new_width: int
) -> None:
    assert resize(levels(height, width, 4), new_width, new_height, method).shape == (1, 4, new_height, new_width)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 0.2, 1.0])
def test_a_plain_picture_stays_plain(method: str, value: float) -> None:
    plain = torch.full((2, 3, 8, 12), value)
    torch.testing.assert_close(resize(plain, 20, 5, method), torch.full((2, 3, 5, 20), value), atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_size_is_the_same_picture(method: str) -> None:
    picture = levels(7, 9)
    torch.testing.assert_close(resize(picture, 9, 7, method), picture)


@pytest.mark.parametrize(("width", "height"), [(24, 12), (8, 4), (17, 5)])
def test_bislerp_keeps_the_length_of_vectors(width: int, height: int) -> None:
    vectors = F.normalize(torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(3)), dim=1)
    assert (resize(vectors, width, height, "bislerp").norm(dim=1) - 1).abs().max() < 1e-3


def test_bislerp_between_two_directions_turns() -> None:
    pair = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).reshape(1, 2, 1, 2)
    result = resize(pair, 4, 1, "bislerp")[0, :, 0]
    angles = torch.atan2(result[1], result[0]).rad2deg()
    torch.testing.assert_close(angles, torch.tensor([0.0, 22.5, 67.5, 90.0]), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("old", "target", "cropped"),
    [((64, 128), (70, 90), (64, 50)), ((100, 50), (50, 50), (50, 50)), ((20, 30), (60, 40), (20, 30))],
)
def test_crop_to_aspect_cuts_the_centre(
    old: tuple[int, int], target: tuple[int, int], cropped: tuple[int, int]
) -> None:
    """Sizes are (height, width), targets (width, height)."""
    picture = levels(*old)
    centre = crop_to_aspect(picture, *target)
    assert centre.shape[2:] == cropped
    top, left = (old[0] - cropped[0]) // 2, (old[1] - cropped[1]) // 2
    assert torch.equal(centre, picture[:, :, top : top + cropped[0], left : left + cropped[1]])
    assert resize_cropped(picture, *target, "area").shape[2:] == (target[1], target[0])


@pytest.mark.parametrize(
    ("asked", "old", "size"),
    [
        ((0, 128), (64, 32), (256, 128)),
        ((128, 0), (64, 32), (128, 64)),
        ((8, 0), (64, 32), (64, 64)),
        ((100, 70), (1, 1), (100, 70)),
    ],
)
def test_a_side_of_0_is_in_proportion(asked: tuple[int, int], old: tuple[int, int], size: tuple[int, int]) -> None:
    assert proportional_size(*asked, *old, smallest=64) == size
