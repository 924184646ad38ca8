"""Untrusted JSON values as the few shapes ComfyUI's files are made of; None for anything else.

Their files come in many dialects: ids are numbers or texts, slots are numbers or numeric texts, points are lists or
objects keyed "0" and "1". The importers say what is wrong; these functions only say what something is.
"""

from __future__ import annotations

from typing import Final

from graph.json import Json, JsonObject

_LARGEST: Final = 2**53
_MOST_SLOTS: Final = 100_000


def as_object(value: Json) -> JsonObject | None:
    """A JSON object whose keys are texts."""
    return value if isinstance(value, dict) else None


def as_list(value: Json) -> list[Json]:
    """A list; an object gives its values (maps written out by key), anything else nothing."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def as_text(value: Json) -> str | None:
    """A text that says something."""
    return value if isinstance(value, str) and value else None


def as_integer(value: Json) -> int | None:
    """A whole number, also written as 3.0 or "3", within what every JSON reader keeps exactly."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 16 else None
    number = as_number(value)
    return int(number) if number is not None and number == int(number) else None


def as_identity(value: Json) -> str | None:
    """An id as our documents write it: a text. 7, 7.0 and "7" are the same id."""
    if isinstance(value, str):
        return value or None
    number = as_integer(value)
    return None if number is None else str(number)


def as_slot(value: Json) -> int | None:
    """The position of an input or output."""
    number = as_integer(value)
    return number if number is not None and 0 <= number < _MOST_SLOTS else None


def as_number(value: Json) -> int | float | None:
    """A number that is finite, no truth value, and not huge."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -_LARGEST <= value <= _LARGEST else None  # also refuses infinities and NaN


def as_numbers(value: Json, count: int) -> list[Json] | None:
    """`count` numbers, from `[x, y]` or `{"0": x, "1": y}`; more than that are cut off."""
    if isinstance(value, dict):
        value = [value.get(str(index)) for index in range(count)]
    if not isinstance(value, list) or len(value) < count:
        return None
    numbers = [as_number(one) for one in value[:count]]
    return None if None in numbers else list(numbers)
