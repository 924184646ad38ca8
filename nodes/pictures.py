"""Picture files to tensors and back.

Reading is defensive, because pictures come from anywhere: only plain raster formats, a cap on the decoded size that
holds before anything is decoded, and one error type. Writing gives the same bytes for the same pixels everywhere.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image as Pillow
from PIL import ImageOps, ImageSequence
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from graph.errors import GraphError

MAX_PIXELS: Final = 64 * 2**20
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
NO_ALPHA_MASK: Final = (64, 64)

_PNG_COMPRESSION: Final = 4
_DECODE_FAULTS: Final = (
    OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, OverflowError, struct.error, zlib.error,
)  # fmt: skip
_BOMBS: Final = (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning)


class PictureError(GraphError):
    """A picture file cannot be used. Codes: `image_unreadable`, `image_too_large`."""

    code = "image_unreadable"


@dataclass(frozen=True, slots=True)
class Picture:
    """The frames of a file: rgb [B, H, W, 3] float32 in 0..1; alpha [B, H, W] in 0..1, None without transparency."""

    rgb: Tensor
    alpha: Tensor | None


def read_picture(path: Path) -> Picture:
    """Decode a picture, upright by its EXIF orientation; an animation becomes a batch of its frames.

    Frames that differ in size from the first are left out. Raises `PictureError`.
    """
    try:
        with Pillow.open(path, formats=_readable_formats()) as image:
            frames = list(_frames(image, path.name))
    except _BOMBS:
        raise _too_large(path.name) from None
    except _DECODE_FAULTS as error:
        raise PictureError(
            f"{path.name} is not a picture that can be read: {error}",
            hint=f"Use a whole {', '.join(FORMATS)} file.",
        ) from None
    size = frames[0].rgb.shape
    frames = [frame for frame in frames if frame.rgb.shape == size]
    alphas = [frame.alpha for frame in frames if frame.alpha is not None]
    rgb = torch.stack([frame.rgb for frame in frames])
    return Picture(rgb, torch.stack(alphas) if len(alphas) == len(frames) else None)


def _readable_formats() -> list[str]:
    """Those of `FORMATS` that this build of Pillow knows. Others, such as PostScript, are never even tried."""
    Pillow.init()
    return [one for one in FORMATS if one in Pillow.OPEN]


def _frames(image: Pillow.Image, name: str) -> Iterator[Picture]:
    pixels = 0
    for frame in ImageSequence.Iterator(image):
        pixels += frame.width * frame.height
        if pixels > MAX_PIXELS:
            raise _too_large(name)
        upright = ImageOps.exif_transpose(frame)
        yield Picture(_rgb(upright), _alpha(upright))
        if image.format == "MPO":
            return  # its further frames are depth maps and thumbnails of the first


def _rgb(image: Pillow.Image) -> Tensor:
    """[H, W, 3] float32 in 0..1, at the file's own precision where Pillow keeps it (grey of 16 bits)."""
    if image.mode.startswith("I") or image.mode == "F":
        grey = torch.from_numpy(np.asarray(image, dtype=np.float32) / 65535.0).clamp(0.0, 1.0)
        return grey[:, :, None].expand(-1, -1, 3).contiguous()
    return _unit(image.convert("RGB"))


def _alpha(image: Pillow.Image) -> Tensor | None:
    if not image.has_transparency_data:
        return None
    return _unit(image.convert("RGBA").getchannel("A"))


def _unit(image: Pillow.Image) -> Tensor:
    return torch.from_numpy(np.array(image, dtype=np.uint8).astype(np.float32) / 255.0)


def _too_large(name: str) -> PictureError:
    return PictureError(
        f"{name} has more than {MAX_PIXELS // 2**20} million pixels in all its frames",
        code="image_too_large",
        hint="Scale it down before loading it.",
    )


def encode_png(pixels: Tensor, texts: Mapping[str, str], *, compression: int = _PNG_COMPRESSION) -> bytes:
    """One picture [H, W, C] (grey, RGB or RGBA; values beyond 0..1 are clipped) as PNG, with text chunks in their order."""
    information = PngInfo()
    for keyword, text in texts.items():
        information.add_text(keyword, text)
    buffer = io.BytesIO()
    to_pillow(pixels).save(buffer, format="PNG", pnginfo=information, compress_level=compression)
    return buffer.getvalue()


def encode_jpeg(pixels: Tensor, *, largest_side: int, enlarged: int = 1, quality: int = 95) -> bytes:
    """One picture [H, W, 3] as JPEG, `enlarged` times and made no larger than `largest_side`: what a preview sends."""
    image = to_pillow(pixels)
    scale = min(enlarged, largest_side / max(image.size))
    if scale != 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Pillow.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()


def to_pillow(pixels: Tensor) -> Pillow.Image:
    """Eight bits a channel, rounded down, as the pictures that people compare with are."""
    levels = (pixels.detach().float().cpu() * 255.0).clamp(0.0, 255.0).to(torch.uint8).numpy()
    return Pillow.fromarray(levels[:, :, 0] if levels.shape[2] == 1 else levels)
