"""Pictures beside each other, in frames, by their longer side, and with transparency."""

from __future__ import annotations

from typing import Annotated, Literal

import torch

from graph.declare import Choices, Range, node
from nodes.builtin.ranges import Pixels, Side
from nodes.diffusion import arrange, compositing
from nodes.diffusion.compositing import Layer
from nodes.diffusion.image import scale_cropped
from nodes.diffusion.resize import resize
from nodes.errors import UnsuitableInput
from nodes.sockets import Image, Mask


@node(
    "ImageStitch",
    display_name="Image Stitch",
    category="image/transform",
    returns="IMAGE",
    words=("side by side", "concatenate"),
)
def image_stitch(
    *,
    image1: Image,
    direction: Annotated[str, Choices(arrange.DIRECTIONS)] = "right",
    match_image_size: bool = True,
    spacing_width: Annotated[int, Range(0, 1024, 2)] = 0,
    spacing_color: Annotated[str, Choices(tuple(arrange.SPACING_COLORS))] = "white",
    image2: Image | None = None,
) -> Image:
    """Put the second picture beside the first, with a strip between them."""
    if image2 is None:
        return image1
    spacing = arrange.Spacing(spacing_width, spacing_color)
    return Image(arrange.stitch(image1.pixels, image2.pixels, direction, spacing, match_size=match_image_size))


@node(
    "ImageGrid",
    display_name="Image Grid",
    category="image/transform",
    returns="IMAGE",
    words=("contact sheet", "collage"),
)
def image_grid(*, images: Image, columns: Annotated[int, Range(1, 64)] = 4) -> Image:
    """All pictures of a batch in one, in rows of so many."""
    return Image(arrange.grid(images.pixels, columns))


@node("ResizeAndPadImage", category="image/transform", returns="IMAGE", words=("letterbox",))
def resize_and_pad_image(
    *,
    image: Image,
    target_width: Side = 512,
    target_height: Side = 512,
    padding_color: Literal["white", "black"],
    interpolation: Literal["area", "bicubic", "nearest-exact", "bilinear", "lanczos"],
) -> Image:
    """Scale the whole picture into a frame of this size, filled up with a colour."""
    value = 1.0 if padding_color == "white" else 0.0
    return Image(arrange.fit_in_frame(image.pixels, target_width, target_height, interpolation, value))


@node("ImageScaleToMaxDimension", category="image/upscaling", returns="IMAGE", words=("resize", "longest side"))
def image_scale_to_max_dimension(
    *,
    image: Image,
    upscale_method: Literal["area", "lanczos", "bilinear", "nearest-exact", "bicubic"],
    largest_size: Pixels = 512,
) -> Image:
    """Scale in proportion until the longer side has this many pixels."""
    return Image(arrange.scale_to_largest_side(image.pixels, largest_size, upscale_method))


@node(
    "PorterDuffImageComposite",
    display_name="Porter-Duff Image Composite",
    category="mask/compositing",
    returns=("IMAGE", "MASK"),
)
def porter_duff_image_composite(
    *,
    source: Image,
    source_alpha: Mask,
    destination: Image,
    destination_alpha: Mask,
    mode: Annotated[str, Choices(tuple(compositing.MODES))] = "DST",
) -> tuple[Image, Mask]:
    """Lay one picture over another by a compositing mode. Masks are 1 where a picture is transparent."""
    batch = min(
        one.shape[0] for one in (source.pixels, source_alpha.values, destination.pixels, destination_alpha.values)
    )
    _, height, width, _ = destination.pixels.shape
    above = _layer(source, source_alpha, batch, width, height)
    below = _layer(destination, destination_alpha, batch, width, height)
    mixed = compositing.composite(above, below, mode)
    return Image(mixed.color), Mask(1.0 - mixed.alpha.squeeze(-1))


@node(
    "SplitImageWithAlpha",
    display_name="Split Image with Alpha",
    category="mask/compositing",
    returns=("IMAGE", "MASK"),
    words=("transparency",),
)
def split_image_with_alpha(*, image: Image) -> tuple[Image, Mask]:
    """A picture without its transparency, and a mask of what is transparent."""
    pixels = image.pixels
    alpha = pixels[..., 3] if pixels.shape[3] > 3 else torch.ones_like(pixels[..., 0])
    return Image(pixels[..., :3].contiguous()), Mask(1.0 - alpha)


@node(
    "JoinImageWithAlpha",
    display_name="Join Image with Alpha",
    category="mask/compositing",
    returns="IMAGE",
    words=("transparency",),
)
def join_image_with_alpha(*, image: Image, alpha: Mask) -> Image:
    """A picture that is transparent where a mask is."""
    batch = min(image.pixels.shape[0], alpha.values.shape[0])
    fitted = resize(alpha.values[:batch].unsqueeze(1), *image.size, "bilinear")
    return Image(torch.cat([_colors(image)[:batch], 1.0 - fitted.movedim(1, -1)], dim=-1))


def _layer(image: Image, mask: Mask, batch: int, width: int, height: int) -> Layer:
    """The first pictures of a batch in a size, cut to its proportions, with their alpha."""
    color, alpha = _colors(image)[:batch], 1.0 - mask.values[:batch].unsqueeze(-1)
    if color.shape[1:3] != (height, width):
        color = scale_cropped(color, width, height, "bicubic")
    if alpha.shape[1:3] != (height, width):
        alpha = scale_cropped(alpha, width, height, "bicubic")
    return Layer(color, alpha)


def _colors(image: Image) -> torch.Tensor:
    if image.pixels.shape[3] < 3:
        raise UnsuitableInput("a grey picture cannot be composited", hint="Use a picture with three channels.")
    return image.pixels[..., :3]
