"""Bodies and query fields, checked against declarations: JSON Schemas that are also published."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

from aiohttp import web

from graph.errors import InputError, Problem
from graph.json import Json, JsonObject, canonical, loads
from server.http.problems import ProblemError
from server.http.service import MAX_BODY

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

Schema = JsonObject


async def json_body(request: web.Request) -> Json:
    """The body as strict JSON. Raises InputError."""
    return loads(await request.read(), source="the body", max_bytes=MAX_BODY)


async def object_body(request: web.Request, schema: Schema) -> JsonObject:
    """The body as a JSON object of this schema; no body is an empty object. Raises InputError naming every fault."""
    data = await json_body(request) if request.can_read_body else {}
    return conforming(data, schema)


def conforming(data: Json, schema: Schema) -> JsonObject:
    """The same value, if the schema allows it. Raises InputError naming every fault."""
    faults = sorted(_validator(canonical(schema)).iter_errors(data), key=lambda one: one.json_path)
    if faults:
        raise InputError([Problem(f"body_{one.validator}", one.message[:500], path=one.json_path) for one in faults])
    return cast("JsonObject", data)


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Draft202012Validator:
    import json

    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema))


def whole_number(request: web.Request, name: str, default: int, *, least: int = 0, most: int = 2**53) -> int:
    """A field of the query as a whole number. Raises ProblemError (400)."""
    text = request.query.get(name)
    if text is None:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20) or not least <= int(text) <= most:
        raise ProblemError(400, "query", f"{name} is a whole number from {least} to {most}")
    return int(text)
