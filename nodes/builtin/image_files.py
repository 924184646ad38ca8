"""Pictures from files and to files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import torch

from graph.context import Context, Delivery
from graph.declare import FileIn, node
from graph.result import Report
from nodes.diffusion.mask import CHANNELS, to_image
from nodes.folders import FolderError, Folders
from nodes.pictures import NO_ALPHA_MASK, Picture, encode_png, read_picture
from nodes.saving import Numbered, Prefix, fill_prefix
from nodes.sockets import Image, Mask

PictureName = Annotated[str, FileIn("input", upload=True)]

_PREVIEW_COMPRESSION = 1


@node(
    "LoadImage",
    display_name="Load Image",
    category="image",
    returns=("IMAGE", "MASK"),
    lane="io",
    words=("open", "upload", "picture", "img2img"),
)
def load_image(*, image: PictureName, context: Context) -> tuple[Image, Mask]:
    """A picture file; an animation gives a batch. The mask is what is transparent, empty without transparency."""
    return _as_values(_read(image, context))


@node(
    "LoadImageOutput",
    display_name="Load Image (from Outputs)",
    category="image",
    returns=("IMAGE", "MASK"),
    lane="io",
    experimental=True,
)
def load_image_output(*, image: Annotated[str, FileIn("output", upload=True)], context: Context) -> tuple[Image, Mask]:
    """A picture that was made here before, from the output folder."""
    return _as_values(_read(image, context, folder="output"))


@node(
    "LoadImageMask", display_name="Load Image (as Mask)", category="mask", returns="MASK", lane="io", words=("alpha",)
)
def load_image_mask(*, image: PictureName, channel: Literal["alpha", "red", "green", "blue"], context: Context) -> Mask:
    """One channel of a picture file as a mask. From alpha, what is transparent is masked."""
    picture = _read(image, context)
    if channel != "alpha":
        return Mask(picture.rgb[:1, :, :, CHANNELS.index(channel)].contiguous())
    return Mask(torch.zeros(picture.rgb.shape[:3])[:1] if picture.alpha is None else 1.0 - picture.alpha[:1])


@node(
    "SaveImage",
    display_name="Save Image",
    category="image",
    saves="output",
    lane="io",
    words=("output", "export", "png"),
)
def save_image(*, images: Image, filename_prefix: Prefix = "ComfyUI", context: Context) -> Report:
    """Save pictures as PNG into the output folder, with the workflow inside.

    The name is the prefix and a number. The prefix may have folders, and %year% %month% %day% %hour% %minute% %second%,
    %date:yyyy-MM-dd%, %width%, %height% and %batch_num%; %sampler.seed% is what the input `seed` of the node `sampler` was
    given (a node may also be meant by its title or type).
    """
    return _save(images, "output", filename_prefix, context)


@node(
    "PreviewImage",
    display_name="Preview Image",
    category="image",
    saves="temp",
    lane="io",
    words=("show", "display", "view"),
)
def preview_image(*, images: Image, context: Context) -> Report:
    """Show pictures without keeping them."""
    return _save(images, "temp", "preview", context, compression=_PREVIEW_COMPRESSION)


@node(
    "SaveImageWebsocket",
    category="api/image",
    effect=True,
    deterministic=False,
    lane="io",
    words=("send", "deliver", "stream", "script"),
)
def save_image_websocket(*, images: Image, context: Context) -> Report:
    """Send pictures as PNG to the client that asked for the run, over its WebSocket, and save nothing. It runs every time:
    what was sent once is nowhere to be had again."""
    for number, pixels in enumerate(images.pixels, 1):
        context.progress(number, len(images.pixels), Delivery(encode_png(pixels, {})))
    return Report()


@node("MaskPreview", category="mask", saves="temp", lane="io")
def mask_preview(*, mask: Mask, context: Context) -> Report:
    """Show a mask."""
    return _save(Image(to_image(mask.values)), "temp", "mask", context, compression=_PREVIEW_COMPRESSION)


def _read(name: str, context: Context, *, folder: str = "input") -> Picture:
    path = context.service(Folders).find(folder, name)
    if path is None:
        raise FolderError(f"there is no picture {name!r} in the {folder} folder", code="file_not_found")
    return read_picture(path)


def _as_values(picture: Picture) -> tuple[Image, Mask]:
    """The picture, and a mask of what is transparent in it."""
    if picture.alpha is None:
        return Image(picture.rgb), Mask(torch.zeros(1, *NO_ALPHA_MASK))
    return Image(picture.rgb), Mask(1.0 - picture.alpha)


def _save(images: Image, folder: str, prefix: str, context: Context, *, compression: int = 4) -> Report:
    width, height = images.size
    stem = fill_prefix(prefix, width=width, height=height, now=datetime.now())
    series = Numbered(context.service(Folders), folder, stem, ".png")
    saved = []
    for number, pixels in enumerate(images.pixels):
        context.cancel.check()
        saved.append(series.save(encode_png(pixels, context.metadata, compression=compression), batch_number=number))
    return Report(files=tuple(saved))
