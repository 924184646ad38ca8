"""Filters on pictures: morphology, edges, few colours, noise, and brightness apart from colour."""

from __future__ import annotations

from typing import Annotated

import torch

from graph.declare import Choices, Range, Seed, node
from nodes.builtin.ranges import Share
from nodes.diffusion import morphology
from nodes.diffusion.canny import canny
from nodes.diffusion.color import rgb_to_ycbcr, ycbcr_to_rgb
from nodes.errors import UnsuitableInput
from nodes.quantize import DITHERS, quantize
from nodes.sockets import Image

Threshold = Annotated[float, Range(0.01, 0.99, 0.01)]


@node("Morphology", display_name="ImageMorphology", category="image/postprocessing", returns="IMAGE")
def morphology_node(
    *,
    image: Image,
    operation: Annotated[str, Choices(tuple(morphology.OPERATIONS))],
    kernel_size: Annotated[int, Range(3, 999, 1)] = 3,
) -> Image:
    """Grow or shrink what is bright, by squares of so many pixels."""
    result = morphology.OPERATIONS[operation](image.pixels.movedim(-1, 1), kernel_size)
    return Image(result.movedim(1, -1))


@node("Canny", category="image/preprocessors", returns="IMAGE", words=("edges", "controlnet"))
def canny_node(*, image: Image, low_threshold: Threshold = 0.4, high_threshold: Threshold = 0.8) -> Image:
    """White edges on black, as ControlNets for edges expect them."""
    if low_threshold > high_threshold:
        raise UnsuitableInput(
            f"the low threshold ({low_threshold}) is above the high one ({high_threshold})", hint="Exchange them."
        )
    edges = canny(image.rgb.movedim(-1, 1), low_threshold, high_threshold)
    return Image(edges.movedim(1, -1).expand(-1, -1, -1, 3).contiguous())


@node("ImageQuantize", category="image/postprocessing", returns="IMAGE")
def image_quantize(
    *, image: Image, colors: Annotated[int, Range(1, 256, 1)] = 256, dither: Annotated[str, Choices(DITHERS)]
) -> Image:
    """The picture in so few colours."""
    return Image(torch.stack([quantize(pixels, colors, dither) for pixels in image.rgb]))


@node("ImageAddNoise", category="image", returns="IMAGE")
def image_add_noise(
    *, image: Image, seed: Annotated[int, Range(0, 2**64 - 1), Seed()] = 0, strength: Share = 0.5
) -> Image:
    """Add Gaussian noise; the strength is its standard deviation."""
    noise = torch.randn(image.pixels.shape, generator=torch.Generator().manual_seed(seed))
    return Image((image.pixels + strength * noise).clamp(0.0, 1.0))


@node("ImageRGBToYUV", category="image/batch", returns=("Y", "U", "V"))
def image_rgb_to_yuv(*, image: Image) -> tuple[Image, Image, Image]:
    """Brightness, blueness and redness as three grey pictures."""
    parts = rgb_to_ycbcr(image.rgb.movedim(-1, 1)).movedim(1, -1)  # (B, H, W, 3)
    y, u, v = (Image(parts[..., index : index + 1].expand_as(parts).contiguous()) for index in range(3))
    return y, u, v


@node("ImageYUVToRGB", category="image/batch", returns="IMAGE")
def image_yuv_to_rgb(*, Y: Image, U: Image, V: Image) -> Image:  # noqa: N803 - the names of its inputs
    """A picture of brightness, blueness and redness."""
    if not Y.size == U.size == V.size:
        raise UnsuitableInput(f"the three pictures differ in size: {Y.size}, {U.size}, {V.size}")
    counts = [len(one.pixels) for one in (Y, U, V)]
    if len(set(counts)) > 1:
        raise UnsuitableInput(f"the three batches differ in length: {', '.join(map(str, counts))}")
    parts = torch.cat([one.pixels.mean(dim=-1, keepdim=True) for one in (Y, U, V)], dim=-1)
    return Image(ycbcr_to_rgb(parts.movedim(-1, 1)).movedim(1, -1))
