"""Latents: making, cutting, turning, mixing and batching them. Sizes are in pixels, as everywhere on a canvas."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch

from graph.declare import Range, node
from graph.result import Report
from nodes.builtin.ranges import (
    CELL,
    MAX_SIDE,
    BatchSize,
    CellPixels,
    Crop,
    Flip,
    LatentMethod,
    Rotation,
    Share,
)
from nodes.diffusion import latent as operations
from nodes.diffusion.batch import (
    batch_range,
    join_index,
    repeat_batch,
    repeat_index,
    repeat_to_batch,
    select_index,
)
from nodes.diffusion.resize import proportional_size, resize, resize_cropped
from nodes.errors import expect_batch
from nodes.sockets import Latent, Mask

_CHANNELS = 4
_SMALLEST_UPSCALE = 64


@node(
    "EmptyLatentImage",
    display_name="Empty Latent Image",
    category="latent",
    returns="LATENT",
    words=("size", "resolution", "txt2img"),
)
def empty_latent_image(
    *,
    width: Annotated[int, Range(16, MAX_SIDE, CELL)] = 512,
    height: Annotated[int, Range(16, MAX_SIDE, CELL)] = 512,
    batch_size: BatchSize = 1,
) -> tuple[Latent, Report]:
    """A batch of empty latents: what a picture made from a prompt alone starts from.

    Sides are cut down to multiples of 8.
    """
    samples = torch.zeros(batch_size, _CHANNELS, height // CELL, width // CELL)
    return Latent(samples), _cut_down(width, height)


def _cut_down(width: int, height: int) -> Report:
    """A word on sides that latents cannot have."""
    cut_width, cut_height = width // CELL * CELL, height // CELL * CELL
    if (cut_width, cut_height) == (width, height):
        return Report()
    return Report(text=(f"{width}x{height} becomes {cut_width}x{cut_height}: sides are multiples of {CELL}",))


@node(
    "LatentUpscale", display_name="Upscale Latent", category="latent", returns="LATENT", words=("hires fix", "resize")
)
def latent_upscale(
    *, samples: Latent, upscale_method: LatentMethod, width: CellPixels = 512, height: CellPixels = 512, crop: Crop
) -> Latent:
    """Scale to a size in pixels. A side of 0 follows the other in proportion; both 0 leave the latent as it is."""
    if width == 0 and height == 0:
        return samples
    old_height, old_width = samples.samples.shape[2:]
    width, height = proportional_size(width, height, old_width, old_height, _SMALLEST_UPSCALE)
    scale = resize_cropped if crop == "center" else resize
    return replace(samples, samples=scale(samples.samples, width // CELL, height // CELL, upscale_method))


@node(
    "LatentUpscaleBy",
    display_name="Upscale Latent By",
    category="latent",
    returns="LATENT",
    words=("hires fix", "resize"),
)
def latent_upscale_by(
    *, samples: Latent, upscale_method: LatentMethod, scale_by: Annotated[float, Range(0.01, 8.0, 0.01)] = 1.5
) -> Latent:
    """Scale both sides by a factor."""
    return replace(samples, samples=operations.upscale_by(samples.samples, upscale_method, scale_by))


@node(
    "LatentComposite", display_name="Latent Composite", category="latent", returns="LATENT", words=("paste", "overlay")
)
def latent_composite(
    *, samples_to: Latent, samples_from: Latent, x: CellPixels = 0, y: CellPixels = 0, feather: CellPixels = 0
) -> Latent:
    """Lay one latent over another at a place, its edges faded over `feather` pixels."""
    expect_batch(samples_from.batch, samples_to.batch, "latents")
    result = operations.composite(
        samples_to.samples, samples_from.samples, x // CELL, y // CELL, feather=feather // CELL
    )
    return replace(samples_to, samples=result)


@node("LatentCompositeMasked", category="latent", returns="LATENT")
def latent_composite_masked(
    *,
    destination: Latent,
    source: Latent,
    x: CellPixels = 0,
    y: CellPixels = 0,
    resize_source: bool = False,
    mask: Mask | None = None,
) -> Latent:
    """Lay one latent over another at a place, where a mask is 1."""
    above = source.samples
    if resize_source:
        height, width = destination.samples.shape[2:]
        above = resize(above, width, height, "bilinear")
    values = None if mask is None else mask.values
    result = operations.composite_masked(destination.samples, above, x // CELL, y // CELL, values)
    return replace(destination, samples=result)


@node("LatentCrop", display_name="Crop Latent", category="latent/transform", returns="LATENT")
def latent_crop(
    *,
    samples: Latent,
    width: Annotated[int, Range(64, MAX_SIDE, CELL)] = 512,
    height: Annotated[int, Range(64, MAX_SIDE, CELL)] = 512,
    x: CellPixels = 0,
    y: CellPixels = 0,
) -> Latent:
    """Cut out a rectangle."""
    result = operations.crop(samples.samples, x // CELL, y // CELL, width // CELL, height // CELL)
    return replace(samples, samples=result)


@node("LatentRotate", display_name="Rotate Latent", category="latent/transform", returns="LATENT")
def latent_rotate(*, samples: Latent, rotation: Rotation) -> Latent:
    """Turn clockwise by quarters."""
    return replace(samples, samples=operations.rotate(samples.samples, operations.ROTATIONS[rotation]))


@node("LatentFlip", display_name="Flip Latent", category="latent/transform", returns="LATENT")
def latent_flip(*, samples: Latent, flip_method: Flip) -> Latent:
    """Mirror."""
    return replace(samples, samples=operations.FLIPS[flip_method](samples.samples))


@node("LatentBlend", display_name="Latent Blend", category="_for_testing", returns="LATENT")
def latent_blend(*, samples1: Latent, samples2: Latent, blend_factor: Share = 0.5) -> Latent:
    """The weighted mean of two latents; the factor is the share of the first."""
    expect_batch(samples2.batch, samples1.batch, "latents")
    return replace(samples1, samples=operations.blend(samples1.samples, samples2.samples, blend_factor))


@node("LatentAdd", category="latent/advanced", returns="LATENT")
def latent_add(*, samples1: Latent, samples2: Latent) -> Latent:
    """The sum of two latents."""
    return replace(samples1, samples=operations.add(samples1.samples, samples2.samples))


@node("LatentSubtract", category="latent/advanced", returns="LATENT")
def latent_subtract(*, samples1: Latent, samples2: Latent) -> Latent:
    """The difference of two latents."""
    return replace(samples1, samples=operations.subtract(samples1.samples, samples2.samples))


@node("LatentMultiply", category="latent/advanced", returns="LATENT")
def latent_multiply(*, samples: Latent, multiplier: Annotated[float, Range(-10.0, 10.0, 0.01)] = 1.0) -> Latent:
    """A latent times a number."""
    return replace(samples, samples=operations.multiply(samples.samples, multiplier))


@node("LatentInterpolate", category="latent/advanced", returns="LATENT")
def latent_interpolate(*, samples1: Latent, samples2: Latent, ratio: Share = 1.0) -> Latent:
    """Between two latents, direction and length apart; the ratio is the share of the first."""
    return replace(samples1, samples=operations.interpolate(samples1.samples, samples2.samples, ratio))


@node("LatentBatch", category="latent/batch", returns="LATENT")
def latent_batch(*, samples1: Latent, samples2: Latent) -> Latent:
    """Two batches as one; the second is scaled to the first's size. Each keeps its own noise."""
    index = join_index(samples1.batch_index, samples1.batch, samples2.batch_index, samples2.batch)
    joined = operations.join(samples1.samples, samples2.samples)
    return Latent(joined, samples1.noise_mask, index)


@node("LatentFromBatch", display_name="Latent From Batch", category="latent/batch", returns="LATENT")
def latent_from_batch(
    *, samples: Latent, batch_index: Annotated[int, Range(0, 63)] = 0, length: Annotated[int, Range(1, 64)] = 1
) -> Latent:
    """Some latents of a batch. They keep the noise they would have had in it."""
    start, length = batch_range(samples.batch, batch_index, length)
    mask = samples.noise_mask
    if mask is not None and mask.shape[0] > 1:
        mask = repeat_to_batch(mask, samples.batch)[start : start + length]
    index = select_index(samples.batch_index, start, length)
    return Latent(samples.samples[start : start + length].clone(), mask, index)


@node("RepeatLatentBatch", display_name="Repeat Latent Batch", category="latent/batch", returns="LATENT")
def repeat_latent_batch(*, samples: Latent, amount: Annotated[int, Range(1, 64)] = 1) -> Latent:
    """A batch several times over. Every repetition gets noise of its own."""
    mask = samples.noise_mask
    if mask is not None and mask.shape[0] > 1:
        mask = repeat_batch(repeat_to_batch(mask, samples.batch), amount)
    return Latent(repeat_batch(samples.samples, amount), mask, repeat_index(samples.batch_index, amount))


@node(
    "SetLatentNoiseMask",
    display_name="Set Latent Noise Mask",
    category="latent/inpaint",
    returns="LATENT",
    words=("inpainting",),
)
def set_latent_noise_mask(*, samples: Latent, mask: Mask) -> Latent:
    """Have sampling change only what a mask covers."""
    return replace(samples, noise_mask=mask.values)
