"""Bodies and query fields, checked against declarations: JSON Schemas that are also published."""

from __future__ import annotations

import asyncio
import bisect
import itertools
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar, cast

from aiohttp import web

from graph.comfyui.picture_texts import is_picture
from graph.errors import InputError, Problem
from graph.json import Json, JsonObject, canonical, loads
from graph.schema_faults import told
from server.http.problems import ProblemError
from server.http.service import Bounds, service_of

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

P = ParamSpec("P")
T = TypeVar("T")

Schema = JsonObject
SMALL: Final = 2**15
"""Bytes of a workflow that is checked in a millisecond: a change of threads costs as much."""


_QUICK: Final = 2**16
"""A body of so many bytes is read at once; a longer one on a thread, while the loop goes on."""
_BYTES: Final = web.RequestKey("bytes", int)
"""Where a request remembers how long its body was: one that comes in chunks does not announce it."""
_MOST_FAULTS: Final = 200
_PATIENCE: Final = 30.0
"""Seconds without a byte after which a body is given up."""
_SLOWEST: Final = 4096
"""Bytes a second that have to come of a body, once it has come for so long."""


async def body_of(request: web.Request, most: int, *, option: str = "--max-request") -> bytes:
    """The body, if it has at most so many bytes; `option` sets how many. Raises ProblemError: 413 for more, as soon as that
    is known, 408 for one that stops coming."""
    announced = request.content_length
    if announced is not None and announced > most:
        raise _too_large(announced, most, option)
    parts: list[bytes] = []
    size, began = 0, time.monotonic()
    while part := await coming(request.content.readany()):
        size += len(part)
        refuse_crawling(size, began)
        if size > most:
            raise _too_large(size, most, option)
        parts.append(part)
    return b"".join(parts)


async def coming(part: Awaitable[T]) -> T:
    """The next of what a client sends. Raises ProblemError (408) when nothing comes."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await part
    except TimeoutError:
        raise ProblemError(408, "body_stopped", f"nothing came for {_PATIENCE:.0f} seconds") from None


def refuse_crawling(size: int, began: float) -> None:
    """Raises ProblemError (408) for a body that comes without end, and byte by byte."""
    late = time.monotonic() - began - _PATIENCE
    if late > 0 and size < late * _SLOWEST:
        raise ProblemError(408, "body_stopped", f"{size:,} bytes came in {late + _PATIENCE:.0f} seconds")


async def json_body(request: web.Request) -> Json:
    """The body as strict JSON without NUL characters. Raises InputError, and ProblemError for too much of it."""
    bounds = service_of(request).bounds
    text = await body_of(request, bounds.body)
    request[_BYTES] = len(text)
    if len(text) <= _QUICK:
        return _read(text, bounds)
    return await asyncio.to_thread(_read, text, bounds)


def _read(text: bytes, bounds: Bounds) -> Json:
    if text.count(b",") + text.count(b"[") + text.count(b"{") > bounds.values:
        message = f"the body holds more than {bounds.values:,} values"
        raise InputError([Problem("json_too_large", message)])
    data = _json(text, bounds)
    if b"\\u0000" in text and _has_nul(data):
        hint = "Remove \\u0000; files and databases take it for the end of a text."
        raise InputError([Problem("text_nul", "the body holds a text with a NUL character", hint=hint)])
    return data


def _json(text: bytes, bounds: Bounds) -> Json:
    try:
        return loads(text, source="the body", max_bytes=bounds.body)
    except InputError as error:
        hint = _meant(text)
        if hint is None:
            raise
        raise InputError([replace(one, hint=hint) for one in error.problems]) from None


def _meant(text: bytes) -> str | None:
    """What to do with a body that is no JSON but something else that is known."""
    if is_picture(text):
        return (
            "This is a picture. POST it to /upload/workflow, which answers with the workflow in it as `document`: "
            'send that, {"workflow": DOCUMENT}.'
        )
    if _FORM.match(text):
        return 'JSON is wanted here, not a form: {"FIELD": VALUE}.'
    return None


_FORM: Final = re.compile(rb"--[^\r\n]+\r?\ncontent-disposition:|[\w.%+\[\]-]+=", re.IGNORECASE)
"""How the body of a form begins, in parts or as fields of a query."""


def _has_nul(value: Json) -> bool:
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str) and "\0" in one:
            return True
        if isinstance(one, dict):
            pending += [*one, *one.values()]
        elif isinstance(one, list):
            pending += one
    return False


def _too_large(size: int, most: int, option: str) -> ProblemError:
    told = f"the body has {size:,} bytes or more; at most {most:,} are taken (`serve {option}`)"
    return ProblemError(413, "body_too_large", told)


async def without_blocking(request: web.Request, act: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What is to be made of a JSON body: here if that was small, in a thread if others would have to wait."""
    if request.get(_BYTES, 0) <= SMALL:
        return act(*arguments, **named)
    return await asyncio.to_thread(act, *arguments, **named)


async def object_body(request: web.Request, schema: Schema) -> JsonObject:
    """The body as a JSON object of this schema; no body is an empty object. Raises InputError as `conforming` does."""
    data = await json_body(request) if request.can_read_body else {}
    return await without_blocking(request, conforming, data, schema)


def conforming(data: Json, schema: Schema) -> JsonObject:
    """The same value, if the schema allows it. Raises InputError naming the faults, of very many the first."""
    found = itertools.islice(_validator(canonical(schema)).iter_errors(data), _MOST_FAULTS)
    faults = sorted(found, key=lambda one: one.json_path)
    if faults:
        raise InputError([_problem(one) for one in faults])
    return cast("JsonObject", data)


def _problem(fault: ValidationError) -> Problem:
    message, hint = told(fault)
    return Problem(f"body_{fault.validator}", message, path=fault.json_path, hint=hint)


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


MOST_NAMES: Final = 10_000
NAMES_PAGE: Final = {
    "limit": f"how many, from 1 to {MOST_NAMES:,}; all when it is not given",
    "after": "the last name of the page before",
}


def page_of_names(request: web.Request, names: Sequence[str]) -> web.Response:
    """Those of these sorted names that the query asks for by `NAMES_PAGE`. A page that is not the last has a `Link` to the
    next. Raises ProblemError (400)."""
    rest = names[bisect.bisect_right(names, request.query["after"]) :] if "after" in request.query else names
    limit = whole_number(request, "limit", MOST_NAMES, least=1, most=MOST_NAMES) if "limit" in request.query else None
    page = rest[:limit]
    headers = {}
    if len(page) < len(rest):
        following = request.rel_url.update_query(after=page[-1])
        headers["Link"] = f'<{following}>; rel="next"'
    return web.json_response(list(page), headers=headers)
