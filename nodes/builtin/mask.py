"""Masks: making them, from pictures too, and combining and shaping them."""

from __future__ import annotations

from typing import Annotated, Literal

from graph.declare import Choices, Range, node
from nodes.builtin.ranges import MAX_SIDE, Color, Pixels, Share, Side
from nodes.diffusion import mask as operations
from nodes.errors import UnsuitableInput, expect_batch
from nodes.sockets import Image, Mask


@node("SolidMask", category="mask", returns="MASK")
def solid_mask(*, value: Share = 1.0, width: Side = 512, height: Side = 512) -> Mask:
    """A mask of one value everywhere."""
    return Mask(operations.solid(value, width, height))


@node("InvertMask", category="mask", returns="MASK")
def invert_mask(*, mask: Mask) -> Mask:
    """What was masked is not, and the other way round."""
    return Mask(operations.invert(mask.values))


@node("CropMask", category="mask", returns="MASK")
def crop_mask(*, mask: Mask, x: Pixels = 0, y: Pixels = 0, width: Side = 512, height: Side = 512) -> Mask:
    """Cut out a rectangle."""
    return Mask(operations.crop(mask.values, x, y, width, height))


@node("MaskComposite", category="mask", returns="MASK")
def mask_composite(
    *,
    destination: Mask,
    source: Mask,
    x: Pixels = 0,
    y: Pixels = 0,
    operation: Literal["multiply", "add", "subtract", "and", "or", "xor"],
) -> Mask:
    """Combine one mask with another at a place."""
    expect_batch(len(source.values), len(destination.values), "masks")
    return Mask(operations.composite(destination.values, source.values, x, y, operation))


@node("FeatherMask", category="mask", returns="MASK", words=("soften", "blur"))
def feather_mask(*, mask: Mask, left: Pixels = 0, top: Pixels = 0, right: Pixels = 0, bottom: Pixels = 0) -> Mask:
    """Fade a mask towards its edges."""
    return Mask(operations.feather(mask.values, left, top, right, bottom))


@node("GrowMask", category="mask", returns="MASK", words=("expand", "shrink", "dilate", "erode"))
def grow_mask(
    *, mask: Mask, expand: Annotated[int, Range(-MAX_SIDE, MAX_SIDE, 1)] = 0, tapered_corners: bool = True
) -> Mask:
    """Make what is masked larger by so many pixels, or smaller by negative ones."""
    return Mask(operations.grow(mask.values, expand, tapered_corners=tapered_corners))


@node("ThresholdMask", category="mask", returns="MASK", words=("binary",))
def threshold_mask(*, mask: Mask, value: Share = 0.5) -> Mask:
    """1 where a mask is above a value, 0 elsewhere."""
    return Mask(operations.threshold(mask.values, value))


@node("MaskToImage", display_name="Convert Mask to Image", category="mask", returns="IMAGE")
def mask_to_image(*, mask: Mask) -> Image:
    """A mask as a grey picture."""
    return Image(operations.to_image(mask.values))


@node("ImageToMask", display_name="Convert Image to Mask", category="mask", returns="MASK")
def image_to_mask(*, image: Image, channel: Annotated[str, Choices(operations.CHANNELS)]) -> Mask:
    """One channel of a picture as a mask."""
    if operations.CHANNELS.index(channel) >= image.pixels.shape[3]:
        raise UnsuitableInput(
            f"the picture has {image.pixels.shape[3]} channels, hence no {channel} channel",
            hint="Choose another channel. The transparency of a file is the MASK output of Load Image.",
        )
    return Mask(operations.from_image(image.pixels, channel))


@node("ImageColorToMask", category="mask", returns="MASK", words=("chroma key",))
def image_color_to_mask(*, image: Image, color: Color = 0) -> Mask:
    """1 where a picture has exactly this colour."""
    return Mask(operations.from_color(image.pixels, color))
