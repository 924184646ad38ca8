"""Draw a composition: background, contact shadows, objects, a tint of the scene's light.

Pictures are drawn at 256 pixels, the native size of the embedded model; smaller sizes are reductions.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from nodes.training_data.backgrounds import draw_plain_or_gradient
from nodes.training_data.colours import Pixels
from nodes.training_data.composition import Background, Composition, PlacedObject, Scenery
from nodes.training_data.scenery import draw_scenery, light_of
from nodes.training_data.sprites import SpriteSet

SIZE = 256

_TINT = 0.55  # how much of the scene's light falls on the objects


def render(picture: Composition, sprites: SpriteSet) -> Image.Image:
    """The RGB picture, `SIZE` pixels square."""
    background = picture.background
    if isinstance(background, Scenery):
        canvas = draw_scenery(background, SIZE)
        light = 1 + _TINT * (light_of(background) - 1)
    else:
        canvas = draw_plain_or_gradient(background, SIZE)
        light = np.ones(3, dtype=np.float32)
    image = Image.fromarray((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8), "RGB")
    grounded = isinstance(background, Scenery) and background.place not in ("space", "underwater")
    for placed in picture.objects:
        _paste(image, placed, sprites, light, shadow=_casts_shadow(placed, background), grounded=grounded)
    return image


def reduced(image: Image.Image, size: int) -> Image.Image:
    """The picture at another size, a whole fraction of it or not."""
    return image if image.width == size else image.resize((size, size), Image.Resampling.BOX)


def _casts_shadow(placed: PlacedObject, background: Background) -> bool:
    """Things on the ground cast a shadow; so do things on plain backgrounds, as on a table."""
    if isinstance(background, Scenery):
        low = placed.centre[1] + placed.extent / 2 > 0.75
        return low and background.place not in ("space", "underwater")
    return not placed.thing.floats


def _paste(
    image: Image.Image, placed: PlacedObject, sprites: SpriteSet, light: Pixels, *, shadow: bool, grounded: bool
) -> None:
    sprite = sprites.sprite(placed.thing, placed.colour)
    scale = placed.extent * SIZE / max(sprite.size)
    sprite = sprite.resize(
        (max(1, round(sprite.width * scale)), max(1, round(sprite.height * scale))), Image.Resampling.LANCZOS
    )
    if placed.flipped:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    left = round(placed.centre[0] * SIZE - sprite.width / 2)
    foot = placed.centre[1] * SIZE + (placed.extent * SIZE if grounded else sprite.height) / 2
    bottom = round(foot)
    if shadow:
        _cast_shadow(image, left, bottom, sprite.width)
    image.paste(_lit(sprite, light), (left, bottom - sprite.height), sprite)


def _lit(sprite: Image.Image, light: Pixels) -> Image.Image:
    if np.allclose(light, 1):
        return sprite
    tint = Image.new("RGB", sprite.size, tuple(int(min(1.0, float(c)) * 255) for c in light))
    return ImageChops.multiply(sprite.convert("RGB"), tint)


def _cast_shadow(image: Image.Image, left: int, bottom: int, width: int) -> None:
    """A soft dark ellipse under the object."""
    height = max(4, width // 7)
    pad = height
    y, x = np.mgrid[0 : height + 2 * pad, 0 : width + 2 * pad].astype(np.float32)
    distance = np.hypot((x - pad - width / 2) / (width / 2), (y - pad - height / 2) / (height / 2))
    alpha = Image.fromarray((np.clip(1.15 - distance, 0, 1) * 95).astype(np.uint8), "L")
    alpha = alpha.filter(ImageFilter.BoxBlur(2))
    image.paste((12, 12, 24), (left - pad, bottom - height * 5 // 8 - pad), alpha)
