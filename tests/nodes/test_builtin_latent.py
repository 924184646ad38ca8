"""Latent nodes: sizes in pixels become cells, and noise masks and batch places go where their latents go."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nodes.builtin import latent as nodes
from nodes.errors import UnsuitableInput
from nodes.sockets import Latent, Mask


def counting(*shape: int) -> Tensor:
    """0, 1, 2, ... in a shape."""
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


LATENT = Latent(counting(2, 4, 8, 16))
NOTHING = Latent(torch.zeros(1, 4, 8, 16))


@pytest.mark.parametrize(
    ("result", "shape"),
    [
        (nodes.empty_latent_image()[0], (1, 4, 64, 64)),
        (nodes.empty_latent_image(width=24, height=16, batch_size=3)[0], (3, 4, 2, 3)),
        (
            nodes.latent_upscale(samples=LATENT, upscale_method="bilinear", width=256, height=64, crop="disabled"),
            (2, 4, 8, 32),
        ),
        (
            nodes.latent_upscale(samples=LATENT, upscale_method="bislerp", width=256, height=0, crop="disabled"),
            (2, 4, 16, 32),
        ),
        (
            nodes.latent_upscale(samples=LATENT, upscale_method="area", width=0, height=8, crop="disabled"),
            (2, 4, 8, 16),
        ),
        (nodes.latent_upscale_by(samples=LATENT, upscale_method="nearest-exact", scale_by=1.5), (2, 4, 12, 24)),
        (nodes.latent_upscale_by(samples=LATENT, upscale_method="area", scale_by=0.01), (2, 4, 1, 1)),
        (nodes.latent_crop(samples=LATENT, width=64, height=64, x=64, y=0), (2, 4, 8, 8)),
        (nodes.latent_rotate(samples=LATENT, rotation="90 degrees"), (2, 4, 16, 8)),
        (nodes.latent_batch(samples1=LATENT, samples2=Latent(torch.zeros(1, 4, 4, 4))), (3, 4, 8, 16)),
        (nodes.latent_from_batch(samples=LATENT, batch_index=1, length=9), (1, 4, 8, 16)),
        (nodes.repeat_latent_batch(samples=LATENT, amount=3), (6, 4, 8, 16)),
    ],
)
def test_shapes(result: Latent, shape: tuple[int, ...]) -> None:
    assert result.samples.shape == shape


def test_an_upscale_to_nothing_is_none() -> None:
    same = nodes.latent_upscale(samples=LATENT, upscale_method="area", width=0, height=0, crop="center")
    assert same is LATENT


def test_centre_crop_differs_from_stretching() -> None:
    stretched, cropped = (
        nodes.latent_upscale(samples=LATENT, upscale_method="nearest-exact", width=64, height=64, crop=crop)
        for crop in ("disabled", "center")
    )
    assert torch.equal(cropped.samples, LATENT.samples[..., 4:12])
    assert not torch.equal(cropped.samples, stretched.samples)


def test_latents_of_other_batches_are_not_blended() -> None:
    two, three = Latent(torch.zeros(2, 4, 8, 8)), Latent(torch.zeros(3, 4, 8, 8))
    with pytest.raises(UnsuitableInput, match="3 latents cannot be laid over 2"):
        nodes.latent_blend(samples1=two, samples2=three)


def test_composites_are_placed_in_pixels() -> None:
    below, above = Latent(torch.zeros(1, 4, 8, 8)), Latent(torch.ones(1, 4, 2, 2))
    plain = nodes.latent_composite(samples_to=below, samples_from=above, x=16, y=24)
    masked = nodes.latent_composite_masked(destination=below, source=above, x=16, y=24)
    expected = torch.zeros(1, 4, 8, 8)
    expected[:, :, 3:5, 2:4] = 1
    assert torch.equal(plain.samples, expected)
    assert torch.equal(masked.samples, expected)


@pytest.mark.parametrize("place", [{"x": 96}, {"y": 96}, {"x": 64, "y": 128}])
def test_what_lies_beside_a_latent_is_not_seen(place: dict[str, int]) -> None:
    below, above = Latent(torch.zeros(1, 4, 8, 8)), Latent(torch.ones(1, 4, 16, 16))
    assert torch.equal(nodes.latent_composite(samples_to=below, samples_from=above, **place).samples, below.samples)


def test_a_masked_composite_can_fit_its_source() -> None:
    below, above = Latent(torch.zeros(1, 4, 4, 4)), Latent(torch.ones(1, 4, 2, 2))
    mask = Mask(torch.tensor([[[1.0, 0.0]]]))
    result = nodes.latent_composite_masked(destination=below, source=above, resize_source=True, mask=mask)
    assert torch.equal(result.samples[0, 0], torch.tensor([1.0, 0.75, 0.25, 0.0]).expand(4, 4))


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (nodes.latent_add(samples1=LATENT, samples2=LATENT), 2 * LATENT.samples),
        (nodes.latent_subtract(samples1=LATENT, samples2=LATENT), torch.zeros_like(LATENT.samples)),
        (nodes.latent_multiply(samples=LATENT, multiplier=-0.5), -0.5 * LATENT.samples),
        (nodes.latent_blend(samples1=LATENT, samples2=NOTHING, blend_factor=0.25), 0.25 * LATENT.samples),
        (nodes.latent_interpolate(samples1=LATENT, samples2=LATENT, ratio=0.3), LATENT.samples),
        (nodes.latent_flip(samples=LATENT, flip_method="x-axis: vertically"), LATENT.samples.flip(2)),
        (nodes.latent_flip(samples=LATENT, flip_method="y-axis: horizontally"), LATENT.samples.flip(3)),
        (nodes.latent_rotate(samples=LATENT, rotation="none"), LATENT.samples),
    ],
)  # fmt: skip
def test_arithmetic(result: Latent, expected: Tensor) -> None:
    torch.testing.assert_close(result.samples, expected)


MASKED = Latent(counting(3, 4, 2, 2), counting(3, 4, 4), (5, 6, 9))
ONE_MASK = Latent(counting(2, 4, 2, 2), counting(1, 4, 4))


@pytest.mark.parametrize(
    ("result", "mask", "index"),
    [
        (nodes.latent_multiply(samples=MASKED, multiplier=2.0), MASKED.noise_mask, (5, 6, 9)),
        (nodes.latent_from_batch(samples=MASKED, batch_index=1, length=2), counting(3, 4, 4)[1:], (6, 9)),
        (nodes.latent_from_batch(samples=ONE_MASK, batch_index=1, length=1), ONE_MASK.noise_mask, (1,)),
        (
            nodes.repeat_latent_batch(samples=MASKED, amount=2),
            torch.cat([counting(3, 4, 4)] * 2),
            (5, 6, 9, 10, 11, 14),
        ),
        (nodes.repeat_latent_batch(samples=ONE_MASK, amount=2), ONE_MASK.noise_mask, None),
        (nodes.latent_batch(samples1=MASKED, samples2=ONE_MASK), MASKED.noise_mask, (5, 6, 9, 0, 1)),
        (nodes.set_latent_noise_mask(samples=ONE_MASK, mask=Mask(torch.ones(1, 9, 9))), torch.ones(1, 9, 9), None),
    ],
)
def test_masks_and_places_follow_their_latents(result: Latent, mask: Tensor, index: tuple[int, ...] | None) -> None:
    assert result.noise_mask is not None
    assert torch.equal(result.noise_mask, mask)
    assert result.batch_index == index


def test_a_batch_is_not_laid_over_another_length() -> None:
    with pytest.raises(UnsuitableInput, match="a batch of 3 latents cannot be laid over 2"):
        nodes.latent_composite(samples_to=Latent(torch.zeros(2, 4, 8, 8)), samples_from=Latent(torch.ones(3, 4, 4, 4)))


@pytest.mark.parametrize(
    ("width", "height", "told"),
    [
        (64, 24, ()),
        (100, 64, ("100x64 becomes 96x64: sides are multiples of 8",)),
        (65, 71, ("65x71 becomes 64x64: sides are multiples of 8",)),
    ],
)
def test_sides_that_do_not_divide_are_cut_down_with_a_word(width: int, height: int, told: tuple[str, ...]) -> None:
    latent, report = nodes.empty_latent_image(width=width, height=height)
    assert latent.samples.shape[2:] == (height // 8, width // 8)
    assert report.text == told


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_first_node_that_makes_a_broken_latent_fails(value: float) -> None:
    with pytest.raises(UnsuitableInput, match="the latent holds NaN or infinity") as failed:
        nodes.latent_blend(samples1=LATENT, samples2=Latent(torch.full_like(LATENT.samples, 3e38)), blend_factor=value)
    assert failed.value.code == "not_finite"
