"""JSON text to values, strictly: the one door through which files and requests enter.

Python's parser accepts duplicate keys (the last wins, silently), NaN, and input nested deeper than the stack. Here
each of these is a `Problem` with a place, so that what is read is exactly what was written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from json.encoder import c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]
from typing import TypeAlias

from graph.errors import InputError, Problem
from graph.json_places import Token, place_of

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
JsonObject: TypeAlias = "dict[str, Json]"

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 200
MAX_VALUES = 2_000_000
"""A small file can hold many empty lists, each of which takes fifty bytes of memory."""


def loads(text: str | bytes, *, source: str = "document", max_bytes: int = MAX_BYTES) -> Json:
    """Parse JSON. Raises `InputError` (codes json_*) for anything that is not exactly one strict JSON value."""
    if len(text) > max_bytes:
        hint = "Leave out what is no part of the workflow, such as pictures."
        raise _refused("json_too_large", f"{source} has {len(text):,} bytes; at most {max_bytes:,} are read", hint)
    if _least_values(text) > MAX_VALUES:
        hint = "Split it, or leave out what is no part of the workflow."
        raise _refused("json_too_large", f"{source} holds more than {MAX_VALUES:,} values", hint)
    value: Json = None
    decoded = ""
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        value = json.loads(decoded, object_pairs_hook=_unique_keys, parse_float=_finite, parse_constant=_refuse)
        too_deep = _deeper_than(value, MAX_DEPTH)
    except UnicodeDecodeError as error:
        raise _refused(
            "json_encoding", f"{source} is not UTF-8 text (byte {error.start})", "Save it as UTF-8."
        ) from None
    except _DuplicateKeyError as error:
        twice = error.key
        raise _refused(
            "json_duplicate_key",
            f"{source} has the key {twice!r} twice in one object, the second time"
            + place_of(decoded, lambda token: token.again == twice),
            "Keep one of the two; which one was meant cannot be known.",
        ) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        said = "it is empty" if not decoded.strip() else f"{error.msg.removesuffix(' at')} at {where}"
        raise _refused("json_syntax", f"{source} is not JSON: {said}", _remedy(error, decoded)) from None
    except RecursionError:
        too_deep = True
    except ValueError as error:  # NaN, Infinity, integers of thousands of digits
        place = place_of(decoded, _is_refused_number)
        raise _refused(
            "json_number", f"{source} holds a number that JSON does not have{place}: {error}", _FINITE
        ) from None
    if not too_deep and _has_lone_surrogate(decoded, value):
        raise _refused(
            "json_encoding", f"{source} holds half a character (a lone surrogate)", "Write the whole character."
        )
    if too_deep:
        place = place_of(decoded, lambda token: token.depth >= MAX_DEPTH)
        raise _refused("json_too_deep", f"{source} is nested deeper than {MAX_DEPTH} levels{place}", _FLATTER)
    return value


def _least_values(text: str | bytes) -> int:
    """About how many values a JSON text holds: what begins them and stands between them, in strings, too."""
    if isinstance(text, bytes):
        return text.count(b",") + text.count(b"[") + text.count(b"{")
    return text.count(",") + text.count("[") + text.count("{")


def canonical(value: object) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, ASCII. Keys are hashes of this."""
    return "".join(_CANONICAL(value, 0)).encode("ascii")


def _canonical_encoder() -> Callable[[object, int], Iterable[str]]:
    """The standard library's encoder, made once: its `encode` makes one anew for each value, at twice the cost."""
    encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False)
    if c_make_encoder is None:  # an interpreter without the C part
        return lambda value, _: encoder.iterencode(value)
    made: Callable[[object, int], Iterable[str]] = c_make_encoder(
        None, encoder.default, encode_basestring_ascii, None, ":", ",", True, False, False
    )
    return made


_CANONICAL = _canonical_encoder()


_FINITE = "Write a finite number of at most a few hundred digits, or null."
_FLATTER = f"Nest objects and lists at most {MAX_DEPTH} deep."
_REMEDIES = {
    "Expecting property name": "A name in double quotes is expected there; after the last entry stands no comma.",
    "Illegal trailing comma": "After the last entry stands no comma.",
    "Expecting ',' delimiter": "A comma, or the bracket that closes, is expected there.",
    "Expecting ':' delimiter": "A colon is expected there, between a name and its value.",
    "Expecting value": "A value is expected there; after the last entry stands no comma.",
    "Unterminated string": "The text that begins there lacks its closing quote.",
    "Invalid control character": "Inside of a text a line break is written \\n, and a tab \\t.",
    "Invalid \\": "Inside of a text a backslash is written \\\\.",
    "Extra data": "The file should end there: it holds one value.",
}
"""How the parser's complaints begin, and what to do about each."""


def _remedy(error: json.JSONDecodeError, text: str) -> str:
    begins = text.lstrip()[:1]
    if begins not in ("{", "["):
        return (
            "JSON of a workflow begins with {: this is another kind of file." if begins else "There is nothing in it."
        )
    return next((remedy for start, remedy in _REMEDIES.items() if error.msg.startswith(start)), "")


class _DuplicateKeyError(Exception):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _unique_keys(pairs: list[tuple[str, Json]]) -> JsonObject:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _DuplicateKeyError(key)
        seen.add(key)
    return result


def _refuse(name: str) -> Json:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text if len(text) < 40 else f"{text[:37]}...")
    return value


def _is_refused_number(token: Token) -> bool:
    if not token.text.startswith(_NUMBERS):
        return False
    try:
        json.loads(token.text, parse_float=_finite, parse_constant=_refuse)
    except json.JSONDecodeError:
        return False
    except ValueError:
        return True
    return False


_NUMBERS = tuple("-0123456789NI")


def _has_lone_surrogate(text: str, value: Json) -> bool:
    """Half a character, written as an escape: it could be read but never be written again."""
    if "\\ud" not in text and "\\uD" not in text:
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _deeper_than(value: Json, limit: int) -> bool:
    level: list[Json] = [value]
    for _ in range(limit):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _refused(code: str, message: str, hint: str) -> InputError:
    return InputError([Problem(code, message, hint=hint or None)])
