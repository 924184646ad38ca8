"""`python -m server.worker.picture`: decode a picture in a process of its own, bounded in memory and time.

The service never decodes: a hostile file costs this process its life and nothing else. Reads one file (`--preview` makes a
smaller copy for lists, `--channel` takes colours or transparency apart, `--mask` lays another file's transparency over it,
`--cover` takes the picture out of a model file's metadata) and writes the result to standard output.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image
from PIL.PngImagePlugin import PngInfo

FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")
MOST_PIXELS: Final = 64_000_000
_MEMORY: Final = 2 * 2**30
_SECONDS: Final = 20
_LONGEST_HEADER: Final = 8 * 2**20


def main(arguments: Sequence[str] | None = None) -> int:
    """0: the picture is on standard output; 1: the file is no picture that is read here."""
    parser = argparse.ArgumentParser(prog="python -m server.worker.picture", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--preview", choices=["webp", "jpeg"])
    parser.add_argument("--quality", type=int, default=90)
    parser.add_argument("--channel", choices=["rgb", "a"])
    parser.add_argument("--mask", type=Path)
    parser.add_argument("--cover", action="store_true")
    options = parser.parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2  # Pillow refuses from twice its limit on
    try:
        if options.mask is not None:
            content = masked(options.file, options.mask)
        elif options.cover:
            content = cover(options.file)
        elif options.preview is not None:
            content = preview(options.file, options.preview, options.quality)
        else:
            content = channel(options.file, options.channel or "rgb")
    except Exception as error:  # noqa: BLE001 - the outermost seam: whatever the file did, there is no picture
        print(error, file=sys.stderr)
        return 1
    sys.stdout.buffer.write(content)
    return 0


def preview(file: Path, kind: str, quality: int) -> bytes:
    """The picture in a lossy format; one with transparency stays WebP."""
    with _opened(file) as image:
        if kind == "jpeg" and "A" in image.getbands():
            kind = "webp"
        ready = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
        return _encoded(ready, kind, quality=quality)


def channel(file: Path, which: str) -> bytes:
    """The colours without transparency, or the transparency alone, as PNG."""
    with _opened(file) as image:
        if which == "rgb":
            return _encoded(image.convert("RGB"), "png")
        whole = image.convert("RGBA")
        alone = Image.new("RGBA", whole.size)
        alone.putalpha(whole.getchannel("A"))
        return _encoded(alone, "png")


def masked(original: Path, mask: Path) -> bytes:
    """The original with the mask's transparency, as PNG, its texts kept."""
    with _opened(original) as image, _opened(mask) as over:
        texts = PngInfo()
        for name, value in image.info.items():
            if isinstance(name, str) and isinstance(value, str):
                texts.add_text(name, value)
        whole = image.convert("RGBA")
        alpha = over.convert("RGBA").getchannel("A")
        whole.putalpha(alpha if alpha.size == whole.size else alpha.resize(whole.size))
        buffer = io.BytesIO()
        whole.save(buffer, "PNG", compress_level=4, pnginfo=texts)
        return buffer.getvalue()


def cover(file: Path) -> bytes:
    """The first picture under `ssmd_cover_images` in the metadata of a safetensors file, as WebP."""
    with open(file, "rb") as stored:
        length = int.from_bytes(stored.read(8), "little")
        if not 0 < length <= _LONGEST_HEADER:
            raise ValueError("the file has no header that is read here")
        header = json.loads(stored.read(length))
    images = json.loads(header["__metadata__"]["ssmd_cover_images"])
    with _opened(io.BytesIO(base64.b64decode(images[0]))) as image:
        return _encoded(image if image.mode in ("RGB", "RGBA") else image.convert("RGB"), "webp")


def _opened(file: Path | io.BytesIO) -> Image.Image:
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"the picture has more than {MOST_PIXELS:,} pixels")
    return image


def _encoded(image: Image.Image, kind: str, *, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind.upper(), **({} if kind == "png" else {"quality": quality}))
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
