"""Batches of pictures saved as one animation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from graph.context import Context
from graph.declare import Range, node
from graph.result import Report
from nodes.animations import encode_animated_png, encode_animated_webp
from nodes.folders import Folders
from nodes.saving import Numbered, Prefix, fill_prefix
from nodes.sockets import Image

FramesPerSecond = Annotated[float, Range(0.01, 1000.0, 0.01)]

_METHODS = {"default": 4, "fastest": 0, "slowest": 6}


@node("SaveAnimatedWEBP", category="image/animation", saves="output", lane="io")
def save_animated_webp(
    *,
    images: Image,
    filename_prefix: Prefix = "ComfyUI",
    fps: FramesPerSecond = 6.0,
    lossless: bool = True,
    quality: Annotated[int, Range(0, 100)] = 80,
    method: Literal["default", "fastest", "slowest"],
    context: Context,
) -> Report:
    """Save a batch as an animated WebP, with the workflow inside."""
    data = encode_animated_webp(
        images.pixels, context.metadata, fps=fps, lossless=lossless, quality=quality, method=_METHODS[method]
    )
    return _saved(data, ".webp", images, filename_prefix, context)


@node("SaveAnimatedPNG", category="image/animation", saves="output", lane="io")
def save_animated_png(
    *,
    images: Image,
    filename_prefix: Prefix = "ComfyUI",
    fps: FramesPerSecond = 6.0,
    compress_level: Annotated[int, Range(0, 9)] = 4,
    context: Context,
) -> Report:
    """Save a batch as an animated PNG, with the workflow inside."""
    data = encode_animated_png(images.pixels, context.metadata, fps=fps, compression=compress_level)
    return _saved(data, ".png", images, filename_prefix, context)


def _saved(data: bytes, suffix: str, images: Image, prefix: str, context: Context) -> Report:
    width, height = images.size
    stem = fill_prefix(prefix, width=width, height=height, now=datetime.now())
    return Report(files=(Numbered(context.service(Folders), "output", stem, suffix).save(data),))
