"""Batches of pictures [B, H, W, C] as animated files that carry a workflow.

ComfyUI looks for it in WebP's EXIF: the prompt as the camera's model, everything else in the tags before it. In an
animated PNG it is in text chunks, as in a still one.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final

from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from nodes.pictures import to_pillow

_EXIF_MODEL: Final = 0x0110
_EXIF_MAKE: Final = 0x010F
_MILLISECONDS: Final = 1000.0


def encode_animated_webp(
    pixels: Tensor, texts: Mapping[str, str], *, fps: float, lossless: bool, quality: int, method: int
) -> bytes:
    """`quality` is 0..100; `method` is 0 (fast) to 6 (small)."""
    first, rest = _frames(pixels)
    exif = first.getexif()
    others = [(name, text) for name, text in texts.items() if name != "prompt"]
    for number, (name, text) in enumerate(others):
        exif[_EXIF_MAKE - number] = f"{name}:{text}"
    if "prompt" in texts:
        exif[_EXIF_MODEL] = f"prompt:{texts['prompt']}"
    buffer = io.BytesIO()
    first.save(
        buffer,
        format="WEBP",
        save_all=True,
        append_images=rest,
        duration=int(_MILLISECONDS / fps),
        exif=exif,
        lossless=lossless,
        quality=quality,
        method=method,
    )
    return buffer.getvalue()


def encode_animated_png(pixels: Tensor, texts: Mapping[str, str], *, fps: float, compression: int) -> bytes:
    """`compression` is 0..9."""
    first, rest = _frames(pixels)
    information = PngInfo()
    for name, text in texts.items():
        information.add_text(name, text)
    buffer = io.BytesIO()
    first.save(
        buffer,
        format="PNG",
        pnginfo=information,
        compress_level=compression,
        save_all=True,
        duration=int(_MILLISECONDS / fps),
        append_images=rest,
    )
    return buffer.getvalue()


def _frames(pixels: Tensor) -> tuple[Pillow.Image, list[Pillow.Image]]:
    first, *rest = (to_pillow(frame) for frame in pixels)
    return first, rest
