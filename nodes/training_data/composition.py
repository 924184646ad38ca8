"""What is in a training picture, decided from a seed before anything is drawn.

A `Composition` says everything a caption may mention; `captions.py` puts it into words and `rendering.py`
draws it. The mix: a quarter pure landscapes, a third objects on plain or gradient backgrounds, the rest
objects in landscapes. Every tenth combination of object, place and colour, and every twentieth landscape
geometry, is held out: it is never composed for training and only composed for evaluation.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Literal, TypeAlias

from nodes.training_data.colours import BACKGROUND_COLOURS, OBJECT_COLOURS
from nodes.training_data.objects import ObjectKind

Split = Literal["training", "held out"]
Size = Literal["small", "medium", "large"]
Layout = Literal["empty", "single", "row", "beside", "above"]
Direction = Literal["vertical", "horizontal", "diagonal", "radial"]

PLACES: tuple[str, ...] = (
    "mountains",
    "sea",
    "beach",
    "lake",
    "desert",
    "meadow",
    "snow",
    "forest",
    "autumn forest",
    "city",
    "space",
    "underwater",
    "room",
)
TIMELESS_PLACES = frozenset({"space", "underwater", "room"})
TIMES: tuple[str, ...] = ("day", "sunset", "dawn", "night", "storm", "purple")

_GRID = 16  # objects are mostly placed on a grid of sixteenths: the latent grid at 128 pixels
_ON_GRID = 0.6

_EXTENTS: dict[Size, tuple[float, float]] = {"small": (0.30, 0.38), "medium": (0.46, 0.60), "large": (0.68, 0.82)}


@dataclass(frozen=True, slots=True)
class Plain:
    """One colour all over, darker to the corners by `vignette` (0..1)."""

    colour: str
    vignette: float


@dataclass(frozen=True, slots=True)
class Gradient:
    """From the first colour (top, left or centre) to the second."""

    first: str
    second: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Scenery:
    """A landscape. `time` is None in timeless places; `sky` names what is to be seen in the sky."""

    place: str
    time: str | None
    sky: tuple[str, ...]
    seed: int


Background: TypeAlias = Plain | Gradient | Scenery


@dataclass(frozen=True, slots=True)
class PlacedObject:
    """An object in the frame. `extent` is its longest side and `centre` (x, y) its middle, in frame widths."""

    thing: ObjectKind
    colour: str | None
    size: Size
    extent: float
    centre: tuple[float, float]
    flipped: bool


@dataclass(frozen=True, slots=True)
class Composition:
    """A picture to be drawn. In layout "beside" the first object is left of the second; "above" likewise."""

    background: Background
    objects: tuple[PlacedObject, ...]
    layout: Layout


def composition(seed: int, split: Split, things: Sequence[ObjectKind]) -> Composition:
    """The composition of a seed in a split. Same arguments, same composition.

    Compositions are drawn from the seed until one belongs to the split; a held-out one always has an object.
    """
    for attempt in count():
        candidate = _draw(Random(f"{split}/{seed}/{attempt}"), split, things)
        if _belongs(candidate, split):
            return candidate
    raise AssertionError("unreachable: count() never ends")


def another(picture: Composition, seed: int) -> Composition:
    """Another picture of the same thing at the same place: size, position and geometry are drawn anew.

    For pictures of one object.
    """
    random = Random(f"another/{seed}")
    (placed,) = picture.objects
    background = picture.background
    if isinstance(background, Scenery):
        background = replace(background, seed=_geometry_seed(random, "held out"))
    elif isinstance(background, Plain):
        background = replace(background, vignette=random.choice((0.0, random.uniform(0.05, 0.2))))
    return Composition(
        background, (replace(_single(random, background, placed.thing), colour=placed.colour),), "single"
    )


def is_held_out(placed: PlacedObject, background: Background) -> bool:
    """Whether this combination of object, place or background colour, and object colour is held out."""
    return _digest(f"{placed.thing.noun}|{background_key(background)}|{placed.colour}") % 10 == 0


def is_held_out_geometry(scenery_seed: int) -> bool:
    """Whether a landscape of this seed is kept for evaluation."""
    return _digest(f"scenery {scenery_seed}") % 20 == 0


def background_key(background: Background) -> str:
    """What a background is called in the held-out rule: its place or its colours."""
    match background:
        case Plain(colour=colour):
            return colour
        case Gradient(first=first, second=second):
            return f"{first} to {second}"
        case Scenery(place=place):
            return place


def _belongs(candidate: Composition, split: Split) -> bool:
    held_out = [is_held_out(placed, candidate.background) for placed in candidate.objects]
    return any(held_out) if split == "held out" else not any(held_out)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _draw(random: Random, split: Split, things: Sequence[ObjectKind]) -> Composition:
    kind = random.random()
    if kind < 0.25:
        return Composition(_scenery(random, split), (), "empty")
    if kind < 0.60:
        background: Background = _plain(random) if random.random() < 0.75 else _gradient(random)
    else:
        background = _scenery(random, split)
    layout = random.choices(("single", "row", "beside", "above"), (76, 9, 11, 4))[0]
    chosen = random.choices(things, [thing.weight for thing in things], k=2)
    return _composed(random, background, layout, chosen)


def _composed(random: Random, background: Background, layout: str, chosen: list[ObjectKind]) -> Composition:
    first, second = chosen
    if layout == "row" and first.number == "count":
        return Composition(background, _row(random, background, first), "row")
    if layout in ("beside", "above") and first.noun != second.noun:
        if layout == "beside" or _grounded(background):
            return Composition(background, _beside(random, background, first, second), "beside")
        return Composition(background, _above(random, first, second), "above")
    return Composition(background, (_single(random, background, first),), "single")


def _plain(random: Random) -> Plain:
    return Plain(random.choice(tuple(BACKGROUND_COLOURS)), random.choice((0.0, random.uniform(0.05, 0.2))))


def _gradient(random: Random) -> Gradient:
    first, second = random.sample(tuple(BACKGROUND_COLOURS), 2)
    directions: tuple[Direction, ...] = ("vertical", "horizontal", "diagonal", "radial")
    return Gradient(first, second, random.choice(directions))


def _scenery(random: Random, split: Split) -> Scenery:
    place = random.choices(PLACES, [5 if name in TIMELESS_PLACES else 10 for name in PLACES])[0]
    time = None if place in TIMELESS_PLACES else random.choices(TIMES, (30, 20, 10, 20, 8, 12))[0]
    return Scenery(place, time, _sky(random, time), _geometry_seed(random, split))


def _geometry_seed(random: Random, split: Split) -> int:
    while True:
        seed = random.randrange(2**32)
        if is_held_out_geometry(seed) == (split == "held out"):
            return seed


def _sky(random: Random, time: str | None) -> tuple[str, ...]:
    """What hangs in the sky, from what that time of day allows."""
    if time is None or time == "storm":
        return ("clouds",) if time == "storm" else ()
    sky: list[str] = []
    if time in ("night", "purple"):
        sky += [name for name in ("stars",) if random.random() < (0.6 if time == "night" else 0.3)]
        sky += random.choices([[], ["full moon"], ["crescent moon"]], (4, 3, 3))[0]
    elif random.random() < 0.5:
        sky.append("sun")
    if random.random() < 0.4:
        sky.append("clouds")
    return tuple(sky)


def _grounded(background: Background) -> bool:
    return isinstance(background, Scenery) and background.place not in ("space", "underwater")


def _single(random: Random, background: Background, thing: ObjectKind) -> PlacedObject:
    size: Size = random.choices(("small", "medium", "large"), (28, 47, 25))[0]
    extent = random.uniform(*_EXTENTS[size])
    free = 1 - extent
    x = _position(random, free)
    y = _height(random, background, thing, extent) if _grounded(background) else _position(random, free)
    return _placed(random, background, thing, size, extent, (x, y))


def _position(random: Random, free: float) -> float:
    """A coordinate: half the time the middle, else clearly to one side where there is room."""
    side = random.choices((0.0, -1.0, 1.0), (50, 25, 25))[0]
    return 0.5 + side * random.uniform(0.75, 0.95) * free / 2


def _height(random: Random, background: Background, thing: ObjectKind, extent: float) -> float:
    """The y of the middle in a landscape: standing on the ground, or up in the sky if the thing floats."""
    indoors = isinstance(background, Scenery) and background.place == "room"
    if thing.floats and not indoors and random.random() < 0.7:
        return random.uniform(0.06, 0.16) + extent / 2
    return min(random.uniform(0.84, 0.93), 0.97) - extent / 2


def _row(random: Random, background: Background, thing: ObjectKind) -> tuple[PlacedObject, ...]:
    number = random.choice((2, 2, 3))
    extent = random.uniform(0.38, 0.45) if number == 2 else random.uniform(0.28, 0.31)
    colour = _colour(random, background, thing)
    y = _height(random, background, thing, extent) if _grounded(background) else random.uniform(0.45, 0.6)
    flipped = _flipped(random, thing)
    return tuple(
        _on_grid(random, PlacedObject(thing, colour, "small", extent, ((i + 0.5) / number, y), flipped))
        for i in range(number)
    )


def _beside(random: Random, background: Background, left: ObjectKind, right: ObjectKind) -> tuple[PlacedObject, ...]:
    placed = []
    for thing, x in ((left, 0.26), (right, 0.74)):
        extent = random.uniform(0.36, 0.46)
        y = random.uniform(0.45, 0.58)
        if _grounded(background):
            y = _height(random, background, thing, extent)
        placed.append(_placed(random, background, thing, "small", extent, (x, y)))
    return tuple(placed)


def _above(random: Random, top: ObjectKind, bottom: ObjectKind) -> tuple[PlacedObject, ...]:
    nowhere = Plain("white", 0.0)
    x = random.uniform(0.4, 0.6)
    return tuple(
        _placed(random, nowhere, thing, "small", random.uniform(0.36, 0.44), (x, y))
        for thing, y in ((top, 0.26), (bottom, 0.74))
    )


def _placed(
    random: Random,
    background: Background,
    thing: ObjectKind,
    size: Size,
    extent: float,
    centre: tuple[float, float],
) -> PlacedObject:
    colour = _colour(random, background, thing)
    return _on_grid(random, PlacedObject(thing, colour, size, extent, centre, _flipped(random, thing)))


def _colour(random: Random, background: Background, thing: ObjectKind) -> str | None:
    """A colour for a recolourable thing, never its own nor that of the background it would vanish in."""
    if not thing.recolourable or random.random() < 0.35:
        return None
    ground = background_key(background)
    return random.choice([name for name in OBJECT_COLOURS if name != thing.colour and name not in ground])


def _flipped(random: Random, thing: ObjectKind) -> bool:
    return not thing.directional and random.random() < 0.3


def _on_grid(random: Random, placed: PlacedObject) -> PlacedObject:
    """Most objects are snapped to the grid, which small autoencoders render more sharply."""
    if random.random() >= _ON_GRID:
        return placed
    extent = max(4, math.floor(placed.extent * _GRID + 0.5)) / _GRID
    corner = [min(max(math.floor((c - extent / 2) * _GRID + 0.5), 0), _GRID - 1) / _GRID for c in placed.centre]
    return PlacedObject(
        placed.thing,
        placed.colour,
        placed.size,
        extent,
        (corner[0] + extent / 2, corner[1] + extent / 2),
        placed.flipped,
    )
