"""Saved workflows: each file is an endpoint, and its parameters are the fields of its body."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, cast

from aiohttp import web

from graph.comfyui.imported import Imported
from graph.comfyui.read import import_workflow
from graph.document import to_json
from graph.errors import InputError, nearest
from graph.json import Json, JsonObject, loads
from graph.spec import Choice, FileChoice, Input, NodeSpec, Number, Text, Toggle
from nodes.folders import is_inside
from server.http.bodies import NAMES_PAGE, object_body, page_of_names
from server.http.checking import Requested, requested
from server.http.problems import ProblemError
from server.http.service import Service, service_of
from server.http.submitting import RUN, kept, key_of, to_keep
from server.http.versions import digest_of, etag, refuse_endpoint
from server.parameters import flags

_MOST_READ: Final = 2000
_LONGEST_NAME: Final = 200
_WHOSE: Final = ("user", "shipped")
WORKFLOWS_PAGE: Final = {
    "whose": f"{' or '.join(_WHOSE)}: the user's own alone, or those that came with it"
} | NAMES_PAGE


async def list_workflows(request: web.Request) -> web.Response:
    """The names of the saved workflows, sorted. `?whose=` chooses, `?limit=` and `?after=` page."""
    service = service_of(request)
    whose = request.query.get("whose")
    if whose is not None and whose not in _WHOSE:
        raise ProblemError(400, "query", f"whose is one of {', '.join(_WHOSE)}")
    found = await asyncio.to_thread(saved, service)
    mine = service.workflows[0]
    wanted = [name for name, path in found.items() if whose is None or (whose == "user") == path.is_relative_to(mine)]
    return page_of_names(request, sorted(wanted))


async def get_workflow(request: web.Request) -> web.Response:
    """One saved workflow: the document, and the schema of its parameters. Its `ETag` is for saving it again."""
    service = service_of(request)
    refuse_endpoint(request)
    name = request.match_info["name"]
    content = await asyncio.to_thread(_content, service, name)
    tag = etag(digest_of(content))
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    told = await asyncio.to_thread(_told, content, name, service.catalogue)
    return web.json_response(told, headers={"ETag": tag, "Cache-Control": "no-cache"})


async def run_workflow(request: web.Request) -> web.Response:
    """Submit a saved workflow with values for its parameters. Otherwise as a submission of a job."""
    service = service_of(request)
    body = await object_body(request, RUN)
    key = key_of(request)
    name = request.match_info["name"]
    parameters = cast("JsonObject", body.get("parameters", {}))
    wanted = await asyncio.to_thread(_requested, service, name, parameters)
    return await kept(request, await asyncio.to_thread(to_keep, wanted, body, key, about=name, name=name))


def saved(service: Service) -> Mapping[str, Path]:
    """Workflow files by name; the user's own hide ours of the same name."""
    found: dict[str, Path] = {}
    for folder in service.workflows:
        for path in sorted(folder.glob("**/*.json")):
            if _is_file_in(folder, path):
                found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    return found


def read_saved(service: Service) -> Iterator[tuple[str, Imported]]:
    """Every saved workflow that can be read; of very many, the first."""
    for name, path in sorted(saved(service).items())[:_MOST_READ]:
        try:
            yield name, import_workflow(loads(path.read_bytes(), source=name), service.catalogue)
        except (OSError, InputError):
            continue  # listed by its name; asking for it says what is wrong


def parameter_schema(imported: Imported, catalogue: Mapping[str, NodeSpec]) -> JsonObject:
    """The JSON Schema of a workflow's parameters, from the inputs they are bound to."""
    properties: JsonObject = {}
    for flag in flags(imported.document, catalogue):
        schema = _input_schema(flag.port)
        described = flag.parameter.help or (flag.port.tooltip if flag.port else None)
        if described:
            schema["description"] = described
        if flag.value is not None:
            schema["default"] = flag.value
        properties[flag.parameter.name] = schema
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _input_schema(port: Input | None) -> JsonObject:
    match port.widget if port else None:
        case Number() as number:
            limits: JsonObject = {"minimum": number.minimum, "maximum": number.maximum}
            kind: JsonObject = {"type": "integer" if number.kind == "INT" else "number"}
            bounded = kind | {name: value for name, value in limits.items() if value is not None}
            return {"anyOf": [bounded, {"const": "random"}]} if number.seed else bounded
        case Text():
            return {"type": "string"}
        case Toggle():
            return {"type": "boolean"}
        case Choice() as choice:
            return {"type": "string", "enum": cast("list[Json]", list(choice.options))}
        case FileChoice() as file:
            return {"type": "string", "description": f"a file of the folder {file.folder}"}
    return {}


def _content(service: Service, name: str) -> bytes:
    """The file of that name, the user's own before ours. Raises ProblemError (404)."""
    if is_inside(name):
        for folder in service.workflows:
            path = folder / f"{name}.json"
            if _is_file_in(folder, path):
                return path.read_bytes()
    hint = nearest(name[:_LONGEST_NAME], saved(service)) or "GET /api/v1/workflows lists those that are here."
    raise ProblemError(404, "unknown_workflow", f"there is no workflow {name[:80]!r}. {hint}")


def _is_file_in(folder: Path, path: Path) -> bool:
    try:
        return path.is_file() and path.resolve().is_relative_to(folder.resolve())
    except OSError:  # a name longer than names can be
        return False


def _told(content: bytes, name: str, catalogue: Mapping[str, NodeSpec]) -> JsonObject:
    imported = import_workflow(loads(content, source=name), catalogue)
    return {"document": to_json(imported.document), "parameters": parameter_schema(imported, catalogue)}


def _requested(service: Service, name: str, parameters: JsonObject) -> Requested:
    data = loads(_content(service, name), source=name)
    scope, catalogue = f"workflow {name}", service.catalogue
    return requested(data, parameters, None, scope, catalogue, service.folders, service.bounds)
