"""Look at the training pictures: a sheet of renders with a caption under each.

python -m nodes.training_data.contact_sheet sheet.png [number] [first seed]
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

from nodes.training_data.captions import caption
from nodes.training_data.composition import composition
from nodes.training_data.objects import object_kinds
from nodes.training_data.rendering import reduced, render
from nodes.training_data.sprites import SpriteSet


def sheet(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int) -> Image.Image:
    """The pictures in rows, each with its caption below; all of one size."""
    side, text_height = pictures[0].width, 40
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * (side + 4), rows * (side + text_height)), "white")
    draw = ImageDraw.Draw(page)
    for index, (picture, words) in enumerate(zip(pictures, captions, strict=True)):
        x, y = index % columns * (side + 4), index // columns * (side + text_height)
        page.paste(picture, (x, y))
        for line, text in enumerate(textwrap.wrap(words, side // 6)[:3]):
            draw.text((x + 1, y + side + 1 + 12 * line), text, fill="black")
    return page


def training_sheet(number: int, first_seed: int, size: int = 128) -> Image.Image:
    """Training pictures of consecutive seeds."""
    things, sprites = object_kinds(), SpriteSet()
    picked = [composition(first_seed + index, "training", things) for index in range(number)]
    captions = [caption(picture, Random(index)) for index, picture in enumerate(picked)]
    return sheet([reduced(render(picture, sprites), size) for picture in picked], captions, columns=10)


if __name__ == "__main__":
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 80
    training_sheet(count, int(sys.argv[3]) if len(sys.argv) > 3 else 0).save(Path(sys.argv[1]))
