"""A route as a declaration: where it is, what answers, what it takes. The application and its OpenAPI document are both
made from a list of these."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Final

from aiohttp import web

from graph.errors import nearest
from graph.json import Json, JsonObject
from graph.version import __version__
from server.http.problems import ProblemError
from server.http.shapes import EVERYWHERE, READABLE, SCHEMAS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PROBLEM: Final[JsonObject] = {
    "type": "object",
    "required": ["status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable"},
        "detail": {"type": "string"},
        "problems": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
    },
}


@dataclass(frozen=True, slots=True)
class Route:
    """`summary` is the first sentence of the handler's docstring. `query` and `headers` are optional fields by name, with
    what they mean; `body` is the schema of a JSON body, `raw` one of any bytes; `status` is the usual
    answer, `answer` the schema of its JSON; `refusals` are the codes of its own by status."""

    method: str
    path: str
    handler: Handler
    body: JsonObject | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    raw: bool = False
    answer: JsonObject | None = None
    refusals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_FOR_ALL: Final = frozenset(("token", "ticket"))
"""Fields of the query that any request may have, to be let in (`security.py`)."""


def strict(route: Route) -> Route:
    """The route, refusing fields of the query that it does not declare: one that is misspelt would be missed in silence."""
    if not route.path.startswith("/api/v1/"):
        return route

    @wraps(route.handler)
    async def checked(request: web.Request) -> web.StreamResponse:
        unknown = [one for one in request.query if one not in route.query and one not in _FOR_ALL]
        if unknown:
            hint = nearest(unknown[0][:80], route.query) or f"It takes {', '.join(route.query) or 'none'}."
            raise ProblemError(400, "query", f"there is no field {unknown[0][:80]!r} of the query here. {hint}")
        return await route.handler(request)

    return replace(route, handler=checked)


def added(app: web.Application, routes: Iterable[Route]) -> None:
    """Answer these routes, and HEAD where GET is answered."""
    for route in routes:
        resource = app.router.add_resource(route.path)
        resource.add_route(route.method, route.handler)
        if route.method == "GET":
            resource.add_route("HEAD", route.handler)


def document(routes: Iterable[Route], more: Mapping[str, JsonObject]) -> JsonObject:
    """The OpenAPI 3.1 document. `more` are further POST operations by path (the saved workflows)."""
    paths: dict[str, JsonObject] = {}
    for route in routes:
        paths.setdefault(_template(route.path), {})[route.method.lower()] = _operation(route)
    for path, operation in more.items():
        paths.setdefault(path, {})["post"] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "latentgraph", "version": __version__, "license": {"name": "Apache-2.0"}},
        "paths": {path: one for path, one in paths.items()},  # noqa: C416 - widens the type
        "components": {"schemas": {"Problem": _PROBLEM, **SCHEMAS}},
    }


def _template(path: str) -> str:
    """The path as OpenAPI writes it: without what a field may look like."""
    return re.sub(r"\{(\w+):[^{}]*\}", r"{\1}", path)


def json_body(schema: JsonObject, *, required: bool = True) -> JsonObject:
    """A JSON request body."""
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def answers(status: int) -> JsonObject:
    """The usual answer, and how everything else is told."""
    told: JsonObject = {"$ref": "#/components/schemas/Problem"}
    wrong: JsonObject = {"description": "What went wrong.", "content": {"application/problem+json": {"schema": told}}}
    return {str(status): {"description": "As asked."}, "default": wrong}


def _responses(route: Route) -> JsonObject:
    """The usual answer, and every code with which this route or any other refuses."""
    told = answers(route.status)
    usual: JsonObject = {"description": "As asked."}
    if route.answer is not None:
        usual["content"] = {"application/json": {"schema": route.answer}}
    told[str(route.status)] = usual
    refusals: dict[str, tuple[str, ...]] = dict(EVERYWHERE)
    if route.body is not None:
        refusals |= {
            "400": (*EVERYWHERE["400"], *READABLE),
            "413": ("body_too_large", "json_too_large"),
            "422": ("input_wrong",),
        }
    for status, codes in route.refusals.items():
        refusals[status] = tuple(dict.fromkeys((*refusals.get(status, ()), *codes)))
    for status, codes in sorted(refusals.items()):
        code: JsonObject = {"properties": {"code": {"enum": list[Json](codes)}}}
        schema: JsonObject = {"allOf": [{"$ref": "#/components/schemas/Problem"}, code]}
        told[status] = {"description": ", ".join(codes), "content": {"application/problem+json": {"schema": schema}}}
    return told


def _operation(route: Route) -> JsonObject:
    text = inspect.getdoc(route.handler) or ""
    summary, _, description = text.replace("\n", " ").partition(". ")
    named = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    parameters: list[Json] = [
        {"name": name.partition(":")[0], "in": "path", "required": True, "schema": {"type": "string"}} for name in named
    ]
    for place, fields in (("query", route.query), ("header", route.headers)):
        parameters += [
            {"name": name, "in": place, "description": meaning, "schema": {"type": "string"}}
            for name, meaning in fields.items()
        ]
    operation: JsonObject = {
        "operationId": getattr(route.handler, "__name__", route.path),
        "summary": summary.rstrip("."),
        "parameters": parameters,
        "responses": _responses(route),
    }
    if description:
        operation["description"] = description
    if route.body is not None:
        operation["requestBody"] = json_body(route.body)
    if route.raw:
        anything: JsonObject = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": anything}
    return operation
