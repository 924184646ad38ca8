"""What can be said without running anything: the node types, the models, and of a workflow whether it is sound, how it
reads in another form, and what of it would run."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import Final, cast, get_args

from aiohttp import web

from graph.alternatives import has_choice
from graph.comfyui.imported import Imported
from graph.comfyui.recognise import Format
from graph.errors import errors_only, nearest
from graph.json import Json, JsonObject
from graph.spec import to_json
from graph.validate import validate as problems_of
from server.draws import Draws, as_written, draw, in_one_way, is_fixed, settled
from server.http.bodies import json_body, page_of_names, without_blocking
from server.http.checking import read
from server.http.problems import ProblemError
from server.http.service import Service, service_of
from server.planning import Request, prepare, summary
from server.source import written
from server.workspace import PRECISIONS

_LONGEST: Final = 200
PLANNED: Final = {
    "scope": "names the workflow across runs: its last run is compared with",
    "precision": f"as in a run: {', '.join(PRECISIONS)}",
}


async def list_nodes(request: web.Request) -> web.Response:
    """Every node type's declaration."""
    return web.json_response([to_json(spec) for spec in service_of(request).catalogue.values()])


async def describe_node(request: web.Request) -> web.Response:
    """One node type's declaration."""
    spec = service_of(request).catalogue.get(request.match_info["type"])
    if spec is None:
        name = request.match_info["type"][:_LONGEST]
        hint = nearest(name, service_of(request).catalogue) or "GET /api/v1/nodes lists those that there are."
        raise ProblemError(404, "unknown_type", f"there is no node type {name!r}. {hint}")
    return web.json_response(to_json(spec))


async def list_models(request: web.Request) -> web.Response:
    """Model files by folder, all of them; `/api/v1/model-files` and `/api/v1/files/{folder}` page."""
    folders = service_of(request).folders
    found = await asyncio.to_thread(lambda: {kind: list(folders.names(kind)) for kind in folders.models})
    return web.json_response(found)


async def list_files(request: web.Request) -> web.Response:
    """The names that inputs may have for files of one folder, of models or of pictures, sorted. `?limit=` and `?after=`
    page."""
    folders = service_of(request).folders
    folder = request.match_info["folder"]
    if folder not in folders.roots:
        raise ProblemError(404, "unknown_folder", f"there is no folder {folder!r}")
    return page_of_names(request, await asyncio.to_thread(folders.names, folder))


async def validate(request: web.Request) -> web.Response:
    """Every problem of the workflow in the body, of any form."""
    service = service_of(request)
    source, _ = await _source(request)
    problems = await asyncio.to_thread(problems_of, source.document, service.catalogue, service.folders)
    found = list(dict.fromkeys([*source.problems, *problems]))
    return web.json_response({"valid": not errors_only(found), "problems": [asdict(one) for one in found]})


async def convert(request: web.Request) -> web.Response:
    """The workflow in the body in another form: latentgraph, comfyui or comfyui-api."""
    form = next((one for one in get_args(Format) if one == request.match_info["form"]), None)
    if form is None:
        known = ", ".join(get_args(Format))
        raise ProblemError(404, "unknown_form", f"there is no form {request.match_info['form']!r}: {known}")
    source, _ = await _source(request)
    document = await without_blocking(request, written, source, form, service_of(request).catalogue)
    return web.json_response({"document": document, "problems": [asdict(one) for one in source.problems]})


async def plan(request: web.Request) -> web.Response:
    """What would run, and why. `?scope=` names the workflow whose last run is compared with, `?precision=` as in a run.
    Nodes that are known say what they wrote and show (`output`)."""
    source, draws = await _source(request)
    service = service_of(request)
    fixed = is_fixed(source.document, draws, service.catalogue)
    words = None if source.as_written else in_one_way if fixed else settled
    document, _ = await asyncio.to_thread(draw, source.document, service.catalogue, words)
    wanted = Request(document, request.query.get("scope", ""), source.problems)
    precision = request.query.get("precision", service.computing.precision)
    if precision not in PRECISIONS:
        raise ProblemError(400, "query", f"precision is one of {', '.join(PRECISIONS)}")
    how = replace(service.computing, precision=precision)
    prepared = await asyncio.to_thread(prepare, wanted, service.catalogue, service.workspace, service.view, how)
    return web.json_response(_with_draws(summary(prepared.plan), {} if fixed else draws))


def _with_draws(told: JsonObject, draws: Draws) -> JsonObject:
    """The plan, saying of nodes for which something is drawn at every run that they run for it. An open prompt may happen to
    be drawn as it was before, and be cached then; no plan can know."""
    nodes = cast("dict[str, JsonObject]", told["nodes"])
    for name in draws.keys() & nodes.keys():
        has_seed = any(isinstance(value, int) for value in draws[name].values())
        has_words = any(isinstance(value, str) and has_choice(value) for value in draws[name].values())
        if nodes[name]["status"] == "run" and (has_seed or has_words):
            reason = "draws a new seed at every run" if has_seed else "draws its words anew at every run"
            nodes[name] |= {"reason": reason, "code": "volatile"}
    return told


async def _source(request: web.Request) -> tuple[Imported, Draws]:
    """The workflow in the body, with a number for each open seed and its prompts as written, and what it leaves open."""
    data: Json = await json_body(request)
    if isinstance(data, dict) and data.keys() == {"workflow"}:
        data = data["workflow"]
    return await without_blocking(request, _drawn, data, service_of(request))


def _drawn(data: Json, service: Service) -> tuple[Imported, Draws]:
    found = read(data, service.catalogue, service.bounds)
    document, draws = draw(found.document, service.catalogue, None if found.as_written else as_written)
    return replace(found, document=document), draws
