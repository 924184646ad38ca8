"""Pictures: scaling, cutting, padding and combining them."""

from __future__ import annotations

from typing import Annotated

import torch

from graph.declare import Choices, Range, node
from nodes.builtin.ranges import CELL, MAX_SIDE, BatchSize, Color, Crop, Flip, ImageMethod, Pixels, Rotation, Side
from nodes.diffusion import image as operations
from nodes.diffusion import latent as cells
from nodes.diffusion.batch import batch_range, repeat_batch
from nodes.diffusion.resize import proportional_size
from nodes.errors import expect_batch
from nodes.sockets import Image, Mask

Padding = Annotated[int, Range(0, MAX_SIDE, CELL)]


@node("EmptyImage", category="image", returns="IMAGE")
def empty_image(*, width: Side = 512, height: Side = 512, batch_size: BatchSize = 1, color: Color = 0) -> Image:
    """Pictures of one colour, 0xRRGGBB."""
    levels = torch.tensor([color >> 16 & 255, color >> 8 & 255, color & 255], dtype=torch.float32)
    return Image((levels / 255.0).expand(batch_size, height, width, 3).contiguous())


@node("ImageScale", display_name="Upscale Image", category="image/upscaling", returns="IMAGE", words=("resize",))
def image_scale(
    *, image: Image, upscale_method: ImageMethod, width: Pixels = 512, height: Pixels = 512, crop: Crop
) -> Image:
    """Scale to a size. A side of 0 follows the other in proportion; both 0 leave the picture as it is."""
    if width == 0 and height == 0:
        return image
    width, height = proportional_size(width, height, *image.size, smallest=1)
    scale = operations.scale_cropped if crop == "center" else operations.scale
    return Image(scale(image.pixels, width, height, upscale_method))


@node("ImageScaleBy", display_name="Upscale Image By", category="image/upscaling", returns="IMAGE", words=("resize",))
def image_scale_by(
    *, image: Image, upscale_method: ImageMethod, scale_by: Annotated[float, Range(0.01, 8.0, 0.01)] = 1.0
) -> Image:
    """Scale both sides by a factor."""
    return Image(operations.scale_by(image.pixels, scale_by, upscale_method))


@node("ImageScaleToTotalPixels", category="image/upscaling", returns="IMAGE", version=2, words=("resize", "megapixels"))
def image_scale_to_total_pixels(
    *, image: Image, upscale_method: ImageMethod, megapixels: Annotated[float, Range(0.01, 16.0, 0.01)] = 1.0
) -> Image:
    """Scale to a number of pixels in all, in proportion."""
    return Image(operations.scale_to_megapixels(image.pixels, megapixels, upscale_method))


@node("ImageInvert", display_name="Invert Image", category="image", returns="IMAGE", words=("negative",))
def image_invert(*, image: Image) -> Image:
    """The negative."""
    return Image(operations.invert(image.pixels))


@node("ImageBatch", display_name="Batch Images", category="image", returns="IMAGE", words=("join", "concatenate"))
def image_batch(*, image1: Image, image2: Image) -> Image:
    """Two batches as one; the second is cut and scaled to the first's size."""
    return Image(operations.join(image1.pixels, image2.pixels))


@node("ImageCrop", display_name="Image Crop", category="image/transform", returns="IMAGE")
def image_crop(*, image: Image, width: Side = 512, height: Side = 512, x: Pixels = 0, y: Pixels = 0) -> Image:
    """Cut out a rectangle."""
    return Image(operations.crop(image.pixels, x, y, width, height))


@node("ImageRotate", category="image/transform", returns="IMAGE")
def image_rotate(*, image: Image, rotation: Rotation) -> Image:
    """Turn clockwise by quarters."""
    return Image(torch.rot90(image.pixels, cells.ROTATIONS[rotation], dims=(2, 1)))


@node("ImageFlip", category="image/transform", returns="IMAGE")
def image_flip(*, image: Image, flip_method: Flip) -> Image:
    """Mirror."""
    return Image(cells.FLIPS[flip_method](image.pixels.movedim(-1, 1)).movedim(1, -1))


@node(
    "ImagePadForOutpaint",
    display_name="Pad Image for Outpainting",
    category="image",
    returns=("IMAGE", "MASK"),
    words=("outpainting", "extend", "uncrop"),
)
def image_pad_for_outpaint(
    *,
    image: Image,
    left: Padding = 0,
    top: Padding = 0,
    right: Padding = 0,
    bottom: Padding = 0,
    feathering: Pixels = 40,
) -> tuple[Image, Mask]:
    """Add a grey border to paint in, and a mask of it that fades into the picture."""
    padded, mask = operations.pad_for_outpaint(image.pixels, left, top, right, bottom, feathering)
    return Image(padded), Mask(mask)


@node("ImageCompositeMasked", category="image", returns="IMAGE", words=("paste", "overlay"))
def image_composite_masked(
    *,
    destination: Image,
    source: Image,
    x: Pixels = 0,
    y: Pixels = 0,
    resize_source: bool = False,
    mask: Mask | None = None,
) -> Image:
    """Lay one picture over another at a place, where a mask is 1."""
    above = source.pixels
    if resize_source:
        above = operations.scale(above, *destination.size, "bilinear")
    values = None if mask is None else mask.values
    return Image(operations.composite_masked(destination.pixels, above, x, y, values))


@node("RepeatImageBatch", category="image/batch", returns="IMAGE")
def repeat_image_batch(*, image: Image, amount: BatchSize = 1) -> Image:
    """A batch several times over."""
    return Image(repeat_batch(image.pixels, amount))


@node("ImageFromBatch", category="image/batch", returns="IMAGE")
def image_from_batch(*, image: Image, batch_index: Annotated[int, Range(0, 4095)] = 0, length: BatchSize = 1) -> Image:
    """Some pictures of a batch."""
    start, length = batch_range(image.pixels.shape[0], batch_index, length)
    return Image(image.pixels[start : start + length].clone())


@node("GetImageSize", display_name="Get Image Size", category="image", returns=("width", "height", "batch_size"))
def get_image_size(*, image: Image) -> tuple[int, int, int]:
    """Width, height and number of pictures."""
    return (*image.size, image.pixels.shape[0])


@node("ImageBlend", category="image/postprocessing", returns="IMAGE")
def image_blend(
    *,
    image1: Image,
    image2: Image,
    blend_factor: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.5,
    blend_mode: Annotated[str, Choices(tuple(operations.BLEND_MODES))],
) -> Image:
    """Mix two pictures by a blend mode; the factor is the share of the blended picture."""
    if len(image1.pixels) > 1:
        expect_batch(len(image2.pixels), len(image1.pixels), "pictures")
    return Image(operations.blend(image1.pixels, image2.pixels, blend_factor, blend_mode))


@node("ImageBlur", category="image/postprocessing", returns="IMAGE", words=("gaussian", "soften"))
def image_blur(
    *,
    image: Image,
    blur_radius: Annotated[int, Range(1, 31, 1)] = 1,
    sigma: Annotated[float, Range(0.1, 10.0, 0.1)] = 1.0,
) -> Image:
    """Gaussian blur."""
    return Image(operations.blur(image.pixels, blur_radius, sigma))


@node("ImageSharpen", category="image/postprocessing", returns="IMAGE")
def image_sharpen(
    *,
    image: Image,
    sharpen_radius: Annotated[int, Range(1, 31, 1)] = 1,
    sigma: Annotated[float, Range(0.1, 10.0, 0.01)] = 1.0,
    alpha: Annotated[float, Range(0.0, 5.0, 0.01)] = 1.0,
) -> Image:
    """Unsharp masking."""
    return Image(operations.sharpen(image.pixels, sharpen_radius, sigma, alpha))
