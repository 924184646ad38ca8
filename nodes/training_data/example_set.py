"""A small set to train a LoRA on: thirty captioned pictures of a creature that is in no other, drawn here.

    python -m nodes.training_data.example_set workflows/input/zorp

The creature is our own: a round purple thing with one eye, two horns and feet.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

from nodes.training_data.captions import caption
from nodes.training_data.composition import composition
from nodes.training_data.objects import ObjectKind
from nodes.training_data.rendering import reduced, render
from nodes.training_data.sprites import SpriteSet

NOUN = "zorp"
ZORP = ObjectKind(
    code=NOUN, noun=NOUN, plural="zorps", number="count", synonyms=(), kind="creature", colour=None,
    recolourable=False, directional=False, floats=False, weight=1,
)  # fmt: skip
_SIDE = 160
_NUMBER = 30


class ExampleSprites(SpriteSet):
    """The sprites, and the creature among them."""

    def sprite(self, thing: ObjectKind, colour: str | None = None) -> Image.Image:
        return draw_zorp() if thing.noun == NOUN else super().sprite(thing, colour)


def draw_zorp() -> Image.Image:
    """The creature, RGBA, cut to itself."""
    scale = 4
    image = Image.new("RGBA", (_SIDE * scale, _SIDE * scale))
    draw = ImageDraw.Draw(image)

    def ellipse(left: int, top: int, right: int, bottom: int, colour: str) -> None:
        draw.ellipse([side * scale for side in (left, top, right, bottom)], fill=colour)

    for left in (28, 92):
        ellipse(left, 130, left + 40, 158, "#3b1a66")
    for points in ([(34, 52), (18, 2), (66, 34)], [(126, 52), (142, 2), (94, 34)]):
        draw.polygon([(x * scale, y * scale) for x, y in points], fill="#ffd23f")
    ellipse(12, 24, 148, 152, "#7b2fd0")
    ellipse(26, 30, 110, 96, "#9a55ea")
    ellipse(44, 44, 116, 112, "#ffffff")
    ellipse(62, 60, 100, 98, "#17b890")
    ellipse(72, 70, 90, 88, "#101418")
    draw.arc([50 * scale, 96 * scale, 110 * scale, 136 * scale], 20, 160, fill="#2a0f4a", width=5 * scale)
    small = image.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return small.crop(small.getbbox())


def write_example_set(folder: Path, number: int = _NUMBER, size: int = 128) -> None:
    """Write pictures with one creature each, and their captions."""
    folder.mkdir(parents=True, exist_ok=True)
    sprites, seed, written = ExampleSprites(), 0, 0
    while written < number:
        picture = composition(seed, "training", (ZORP,))
        seed += 1
        if len(picture.objects) != 1:
            continue
        path = folder / f"{written:02}.webp"
        reduced(render(picture, sprites), size).save(path, quality=92, method=6)
        path.with_suffix(".txt").write_text(caption(picture, Random(seed)) + "\n", encoding="utf-8")
        written += 1


if __name__ == "__main__":
    write_example_set(Path(sys.argv[1]))
