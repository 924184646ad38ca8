"""What breaks a JSON Schema, told to who wrote it: a sentence, and what to do. A validator's own words are for who wrote the
schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final, cast

from graph.errors import nearest
from graph.json import Json, JsonObject

if TYPE_CHECKING:
    from jsonschema import ValidationError

Told = tuple[str, str | None]
"""A message and a hint."""

_KINDS: Final = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_SLIP: Final = 0.75
"""How much of two names must be the same for a slip of the pen."""
_LONGEST: Final = 60
_MOST_NAMES: Final = 12


def told(fault: ValidationError) -> Told:
    """The fault as a message and a hint; where the schema describes what is meant, that is the hint."""
    tell = _TELLERS.get(str(fault.validator))
    if tell is None:
        return fault.message[:500], None
    message, hint = tell(fault)
    if "propertyNames" in fault.schema_path:  # the place is that of the object, and what is wrong one of its names
        message = f"the name {_short(fault.instance)} {message}"
    return message, hint or _meaning(fault.schema)


def _meaning(schema: object) -> str | None:
    """What the schema says of its values."""
    meaning = schema.get("description") if isinstance(schema, Mapping) else None
    return f"{meaning[:1].upper()}{meaning[1:].rstrip('.')}." if isinstance(meaning, str) else None


def _not_together(fault: ValidationError) -> Told:
    """A field that may not be there beside another: `.../dependentSchemas/OTHER/properties/FIELD/not`."""
    path = [str(one) for one in fault.schema_path]
    if "dependentSchemas" not in path:
        return "this may not be here", "Leave it out."
    other = path[path.index("dependentSchemas") + 1]
    return f"does not go together with {other!r}", "Leave one of them out."


def _type(fault: ValidationError) -> Told:
    wanted = cast("str | list[str]", fault.validator_value)
    kinds = [wanted] if isinstance(wanted, str) else wanted
    return f"expects {' or '.join(_KINDS[one] for one in kinds)}, not {_short(fault.instance)}", None


def _const(fault: ValidationError) -> Told:
    return f"expects {_short(fault.validator_value)}, not {_short(fault.instance)}", None


def _enum(fault: ValidationError) -> Told:
    choices = [str(one) for one in cast("list[Json]", fault.validator_value)]
    hint = nearest(fault.instance, choices) if isinstance(fault.instance, str) else None
    return f"{_short(fault.instance)} is not one of {_names(choices)}", hint


def _required(fault: ValidationError) -> Told:
    field = fault.message.removesuffix(" is a required property")
    meant = next((schema for name, schema in _properties(fault).items() if repr(name) == field), None)
    return f"the field {field} is missing", _meaning(meant) or f"It takes {_names(_properties(fault))}."


def _additional(fault: ValidationError) -> Told:
    known = list(_properties(fault))
    strange = [one for one in cast("JsonObject", fault.instance) if one not in known]
    there_is = "there is no field" if len(strange) == 1 else "there are no fields"
    message = f"{there_is} {_names([repr(one[:_LONGEST]) for one in strange])} here"
    return message, nearest(strange[0], known, _SLIP) or _meaning(fault.schema) or f"It takes {_names(known)}."


def _fields(words: str, bound: str) -> Callable[[ValidationError], Told]:
    def tell(fault: ValidationError) -> Told:
        hint = _meaning(fault.schema) or f"It takes {_names(_properties(fault))}."
        return f"has {words} fields: {fault.validator_value} {bound}", hint

    return tell


def _bound(words: str) -> Callable[[ValidationError], Told]:
    return lambda fault: (f"{_short(fault.instance)} is {words} {_short(fault.validator_value)}", None)


def _size(words: str, one: str, many: str) -> Callable[[ValidationError], Told]:
    def tell(fault: ValidationError) -> Told:
        size = len(cast("str", fault.instance))
        return f"has {size:,} {one if size == 1 else many}; {words} {fault.validator_value:,}", None

    return tell


def _too_long(fault: ValidationError) -> Told:
    """A list of a fixed length: `prefixItems`, and nothing after them."""
    most = len(cast("Mapping[str, list[Json]]", fault.schema)["prefixItems"])
    return f"has {len(cast('list[Json]', fault.instance)):,} entries; at most {most}", None


def _pattern(fault: ValidationError) -> Told:
    return f"{_short(fault.instance)} has characters that are not taken (the pattern is {fault.validator_value})", None


_TELLERS: Final[Mapping[str, Callable[[ValidationError], Told]]] = {
    "type": _type,
    "not": _not_together,
    "const": _const,
    "enum": _enum,
    "required": _required,
    "additionalProperties": _additional,
    "minProperties": _fields("too few", "at least"),
    "maxProperties": _fields("too many", "at most"),
    "minimum": _bound("below the minimum"),
    "maximum": _bound("above the maximum"),
    "exclusiveMinimum": _bound("not above"),
    "minLength": _size("at least", "character", "characters"),
    "maxLength": _size("at most", "character", "characters"),
    "minItems": _size("at least", "entry", "entries"),
    "maxItems": _size("at most", "entry", "entries"),
    "items": _too_long,
    "pattern": _pattern,
}


def _properties(fault: ValidationError) -> JsonObject:
    schema = fault.schema
    return cast("JsonObject", schema.get("properties", {})) if isinstance(schema, Mapping) else {}


def _names(names: Collection[str]) -> str:
    shown = list(names)[:_MOST_NAMES]
    return ", ".join(shown) + (f", ... ({len(names)} in all)" if len(names) > len(shown) else "")


def _short(value: object) -> str:
    """The value as JSON has it, or the start of it."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str | int | float | None) else _kind(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _kind(value: object) -> str:
    return "an object" if isinstance(value, dict) else "a list"
