"""The pictures of the objects: vendored WebP sprites, decoded once and recoloured on demand.

The files in `sprites/` are crops of Microsoft's Fluent Emoji (see `sprites/NOTICE.md`);
`vendor_sprites.py` makes them from the published package.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
from PIL import Image

from nodes.training_data.colours import recolour
from nodes.training_data.objects import ObjectKind


class SpriteSet:
    """Decoded sprites, kept: about 50 kB each. Not shared between threads."""

    def __init__(self) -> None:
        self._folder = resources.files("nodes.training_data") / "sprites"
        self._decoded: dict[tuple[str, str | None], Image.Image] = {}

    def sprite(self, thing: ObjectKind, colour: str | None = None) -> Image.Image:
        """The RGBA picture, cropped to the object, in its own or another colour."""
        key = (thing.code, colour)
        if key not in self._decoded:
            self._decoded[key] = self._decode(thing.code) if colour is None else self._painted(thing, colour)
        return self._decoded[key]

    def _decode(self, code: str) -> Image.Image:
        with (self._folder / f"{code}.webp").open("rb") as file:
            return Image.open(file).convert("RGBA")

    def _painted(self, thing: ObjectKind, colour: str) -> Image.Image:
        pixels = np.asarray(self.sprite(thing), dtype=np.float32) / 255
        return Image.fromarray((recolour(pixels, colour) * 255 + 0.5).astype(np.uint8), "RGBA")
