"""Put a composition into words, in many ways.

One picture has many true captions; training draws a new one each time it sees the picture. Everything said
is true of the composition, but not everything true is said: attributes are left out at random so that short
prompts work too.
"""

from __future__ import annotations

from random import Random

from nodes.training_data.composition import Composition, Gradient, PlacedObject, Plain, Scenery
from nodes.training_data.objects import ObjectKind

_COUNTS = {2: ("two", "two", "a pair of"), 3: ("three",)}
_SIZES = {"small": ("small", "small", "little", "tiny"), "medium": ("",), "large": ("large", "big", "huge")}
_AN = ("a", "e", "i", "o", "u", "hour", "suv")
_NOT_AN = ("uni", "ufo", "eu")

WHERE = {
    "mountains": ("in the mountains", "in the mountains", "in front of mountains"),
    "sea": ("by the sea", "at the sea"),
    "beach": ("on a beach", "on the beach"),
    "lake": ("by a lake", "at a mountain lake"),
    "desert": ("in the desert", "in a desert"),
    "meadow": ("in a meadow", "in a green meadow"),
    "snow": ("in the snow", "in a snowy landscape"),
    "forest": ("in a forest", "in a pine forest"),
    "autumn forest": ("in an autumn forest", "in a forest in autumn"),
    "city": ("in a city", "in front of a city skyline"),
    "space": ("in space", "in outer space"),
    "underwater": ("underwater", "under water"),
    "room": ("in a room", "in a room"),
}
LANDSCAPES = {
    "mountains": ("mountains", "a mountain landscape"),
    "sea": ("the sea", "the open sea"),
    "beach": ("a beach", "a sandy beach"),
    "lake": ("a lake", "a mountain lake"),
    "desert": ("a desert", "desert dunes"),
    "meadow": ("a meadow", "a green meadow"),
    "snow": ("snow", "a snowy landscape"),
    "forest": ("a forest", "a pine forest"),
    "autumn forest": ("an autumn forest", "a forest in autumn"),
    "city": ("a city", "a city skyline"),
    "space": ("space", "outer space"),
    "underwater": ("underwater", "an underwater scene"),
    "room": ("a room", "an empty room"),
}
WHEN = {
    "day": ("on a sunny day", "by day", "under a blue sky"),
    "sunset": ("at sunset",),
    "dawn": ("at dawn", "at sunrise"),
    "night": ("at night", "at night", "under a night sky"),
    "storm": ("on a stormy day", "under a stormy sky"),
    "purple": ("under a purple sky",),
}
_TIME_TAGS = {
    "day": ("sunny day", "day", "blue sky"),
    "sunset": ("sunset",),
    "dawn": ("dawn", "sunrise"),
    "night": ("night",),
    "storm": ("stormy sky", "storm"),
    "purple": ("purple sky",),
}
_SKY = {
    "sun": ("the sun", "a bright sun"),
    "full moon": ("a full moon", "a moon"),
    "crescent moon": ("a crescent moon", "a moon"),
    "stars": ("stars",),
    "clouds": ("clouds",),
}


def caption(picture: Composition, random: Random) -> str:
    """One true caption, lower case: a sentence, a list of tags, or a few words."""
    style = random.random()
    if style < 0.15:
        return _short(picture, random)
    if style < 0.40:
        return ", ".join(_tags(picture, random))
    return _sentence(picture, random, omission=0.15)


def evaluation_prompt(picture: Composition, random: Random) -> str:
    """A sentence that leaves nothing out: what an evaluation asks for and then looks for."""
    return _sentence(picture, random, omission=0.0)


def _short(picture: Composition, random: Random) -> str:
    if not picture.objects:
        assert isinstance(picture.background, Scenery)
        return random.choice(LANDSCAPES[picture.background.place])
    first = picture.objects[0].thing
    if picture.layout == "row":
        return f"{random.choice(_COUNTS[len(picture.objects)])} {first.plural}"
    bare = " and ".join(_with_article(placed.thing.noun, placed.thing) for placed in picture.objects)
    return first.noun if picture.layout == "single" and random.random() < 0.3 else bare


def _sentence(picture: Composition, random: Random, omission: float) -> str:
    background = _background(picture.background, random, omission, landscape=not picture.objects)
    if not picture.objects:
        return background
    if picture.layout in ("beside", "above"):
        subject = _pair(picture, random, omission)
    elif picture.layout == "row":
        subject = _row(picture, random, omission)
    else:
        subject = _subject(picture.objects[0], random, omission)
        side = _side(picture)
        if side and random.random() >= omission:
            subject = f"{subject} {random.choice(_SIDES[side])}"
    if random.random() < omission:
        return subject
    joint = random.choice((" ", " ", ", ")) if isinstance(picture.background, Scenery) else " "
    return f"{subject}{joint}{background}"


_SIDES = {
    "left": ("on the left", "on the left side"),
    "right": ("on the right", "on the right side"),
    "top": ("at the top",),
    "bottom": ("at the bottom",),
    "top left": ("in the top left corner", "at the top left"),
    "top right": ("in the top right corner", "at the top right"),
    "bottom left": ("in the bottom left corner", "at the bottom left"),
    "bottom right": ("in the bottom right corner", "at the bottom right"),
    "sky": ("in the sky", "in the air"),
}


def _side(picture: Composition) -> str:
    """Where a single object is when it is clearly off the middle, else an empty string."""
    x, y = picture.objects[0].centre
    across = "left" if x < 0.385 else "right" if x > 0.615 else ""
    if isinstance(picture.background, Scenery) and picture.background.time is not None:
        low = y + picture.objects[0].extent / 2 > 0.75
        return across if low or across else "sky"
    if isinstance(picture.background, Scenery) and picture.background.place == "room":
        return across
    upright = "top" if y < 0.385 else "bottom" if y > 0.615 else ""
    return f"{upright} {across}".strip()


def _pair(picture: Composition, random: Random, omission: float) -> str:
    first, second = (_subject(placed, random, omission, sized=False) for placed in picture.objects)
    relations = {"beside": ("to the left of", "on the left of"), "above": ("above", "over")}[picture.layout]
    if random.random() < 0.45:
        return f"{first} {random.choice(relations)} {second}"
    if picture.layout == "above":
        return f"{second} {random.choice(('below', 'under'))} {first}"
    if random.random() < 0.35:
        return f"{second} to the right of {first}"
    return f"{first} {random.choice(('and', 'and', 'next to'))} {second}"


def _row(picture: Composition, random: Random, omission: float) -> str:
    placed = picture.objects[0]
    colour = _colour_word(placed, random, omission)
    number = random.choice(_COUNTS[len(picture.objects)])
    return " ".join(word for word in (number, colour, placed.thing.plural) if word)


def _subject(placed: PlacedObject, random: Random, omission: float, *, sized: bool = True) -> str:
    size = random.choice(_SIZES[placed.size]) if sized and random.random() >= omission else ""
    colour = _colour_word(placed, random, omission)
    noun = _noun(placed.thing, random)
    words = " ".join(word for word in (size, colour, noun) if word)
    return _with_article(words, placed.thing)


def _noun(thing: ObjectKind, random: Random) -> str:
    if thing.synonyms and random.random() < 0.3:
        return random.choice(thing.synonyms)
    return thing.noun


def _colour_word(placed: PlacedObject, random: Random, omission: float) -> str:
    """The colour given to the object, or now and then its own."""
    if placed.colour is not None:
        return placed.colour if random.random() >= omission else ""
    own = placed.thing.colour
    named = own is None or own in placed.thing.noun.split()
    return own if own and not named and random.random() < 0.25 else ""


def _with_article(words: str, thing: ObjectKind) -> str:
    if thing.number != "count":
        return words
    return f"{'an' if words.startswith(_AN) and not words.startswith(_NOT_AN) else 'a'} {words}"


def _background(background: Plain | Gradient | Scenery, random: Random, omission: float, *, landscape: bool) -> str:
    match background:
        case Plain(colour=colour):
            return random.choice(
                (f"on a {colour} background", f"on a {colour} background", f"against a plain {colour} background")
            ).replace("a orange", "an orange")
        case Gradient(first=first, second=second):
            return random.choice(
                (f"on a {first} and {second} gradient background", f"on a {first} to {second} gradient")
            ).replace("a orange", "an orange")
        case Scenery():
            return _scenery(background, random, omission, landscape=landscape)


def _scenery(scenery: Scenery, random: Random, omission: float, *, landscape: bool) -> str:
    place = random.choice((LANDSCAPES if landscape else WHERE)[scenery.place])
    words = [place]
    if scenery.time is not None and random.random() >= omission:
        words.append(random.choice(WHEN[scenery.time]))
    seen = [random.choice(_SKY[name]) for name in scenery.sky if random.random() < 0.6]
    if seen:
        words.append(f"with {' and '.join(seen)}")
    return " ".join(words)


def _tags(picture: Composition, random: Random) -> list[str]:
    """The same facts as words between commas, the subject first."""
    tags = []
    if picture.layout == "row":
        tags.append(_row(picture, random, 0.15))
    for placed in picture.objects if picture.layout != "row" else ():
        colour = _colour_word(placed, random, 0.15)
        tags.append(" ".join(word for word in (colour, _noun(placed.thing, random)) if word))
    rest = _background_tags(picture.background, random)
    if picture.layout == "single" and random.random() < 0.5:
        rest += [tag for tag in (_side(picture), random.choice(_SIZES[picture.objects[0].size])) if tag]
    if picture.objects and random.random() < 0.4:
        random.shuffle(rest)
    return tags + [tag for tag in rest if not tags or random.random() >= 0.12]


def _background_tags(background: Plain | Gradient | Scenery, random: Random) -> list[str]:
    match background:
        case Plain(colour=colour):
            return [f"{colour} background"]
        case Gradient(first=first, second=second):
            return [f"{first} and {second} gradient"]
        case Scenery(place=place, time=time, sky=sky):
            times = [] if time is None else [random.choice(_TIME_TAGS[time])]
            return [place, *times, *(name for name in sky if random.random() < 0.6)]
