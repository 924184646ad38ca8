"""The service: an application made from its parts, a visible table of routes, handlers that parse, call and answer.

What needs no worker is here: the catalogue, models, and what can be said of a workflow without running it (validate,
convert, plan). It reads the same cache index as `latentgraph run`, so its plan is the plan of the next run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final, cast

from aiohttp import web

from graph.bind import bind
from graph.cache.entry import View
from graph.comfyui.imported import Imported
from graph.comfyui.object_info import object_info
from graph.comfyui.read import import_workflow
from graph.errors import errors_only
from graph.flatten import flatten
from graph.json import Json, JsonObject, loads
from graph.spec import NodeSpec, to_json
from server.cli.convert import converted
from server.cli.plan import summary
from server.cli.prepare import Request, prepare
from server.http.problems import ProblemError, problems
from server.http.security import Doorkeeper, guard
from server.workspace import Computing, Workspace

CATALOGUE: Final = web.AppKey("catalogue", Mapping[str, NodeSpec])
WORKSPACE: Final = web.AppKey("workspace", Workspace)
VIEW: Final = web.AppKey("view", View)

MAX_BODY: Final = 64 * 2**20


def create_app(
    catalogue: Mapping[str, NodeSpec], workspace: Workspace, view: View, doorkeeper: Doorkeeper
) -> web.Application:
    """The application. `workspace` stays the caller's to close."""
    app = web.Application(middlewares=[problems, guard(doorkeeper)], client_max_size=MAX_BODY)
    app[CATALOGUE], app[WORKSPACE], app[VIEW] = catalogue, workspace, view
    app.add_routes(
        [
            web.get("/health/live", live),
            web.get("/api/v1/nodes", list_nodes),
            web.get("/api/v1/nodes/{type}", describe_node),
            web.get("/api/v1/models", list_models),
            web.post("/api/v1/validate", validate),
            web.post("/api/v1/convert/{form}", convert),
            web.post("/api/v1/plan", plan),
            *(
                web.get(prefix + path, handler)
                for prefix in ("", "/api")
                for path, handler in (
                    ("/object_info", comfyui_nodes),
                    ("/object_info/{type}", comfyui_node),
                    ("/models", comfyui_model_folders),
                    ("/models/{folder}", comfyui_models),
                )
            ),
        ]
    )
    return app


async def live(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "live"})


async def list_nodes(request: web.Request) -> web.Response:
    """Every node type's declaration."""
    return web.json_response([to_json(spec) for spec in request.app[CATALOGUE].values()])


async def describe_node(request: web.Request) -> web.Response:
    """One node type's declaration."""
    spec = request.app[CATALOGUE].get(request.match_info["type"])
    if spec is None:
        raise ProblemError(404, "unknown_type", f"there is no node type {request.match_info['type']!r}")
    return web.json_response(to_json(spec))


async def list_models(request: web.Request) -> web.Response:
    """Model files by folder."""
    folders = request.app[WORKSPACE].folders
    found = await asyncio.to_thread(lambda: {kind: list(folders.names(kind)) for kind in folders.roots})
    return web.json_response(found)


async def validate(request: web.Request) -> web.Response:
    """Every problem of the workflow in the body, of any form."""
    source = await _source(request)
    catalogue = request.app[CATALOGUE]
    graph = bind(flatten(source.document, catalogue), catalogue, request.app[WORKSPACE].folders)
    found = list(dict.fromkeys([*source.problems, *graph.problems]))
    return web.json_response({"valid": not errors_only(found), "problems": [asdict(one) for one in found]})


async def convert(request: web.Request) -> web.Response:
    """The workflow in the body in another form: latentgraph, comfyui or comfyui-api."""
    form = request.match_info["form"]
    if form not in ("latentgraph", "comfyui", "comfyui-api"):
        raise ProblemError(404, "unknown_form", f"there is no form {form!r}: latentgraph, comfyui, comfyui-api")
    source = await _source(request)
    document = converted(source.document, form, request.app[CATALOGUE])
    return web.json_response({"document": document, "problems": [asdict(one) for one in source.problems]})


async def plan(request: web.Request) -> web.Response:
    """What would run, and why. `?scope=` names the workflow whose last run is compared with, `?precision=` as in a run."""
    source = await _source(request)
    app = request.app
    wanted = Request(source.document, request.query.get("scope", ""), source.problems)
    how = Computing(precision=request.query.get("precision", "auto"))
    prepared = await asyncio.to_thread(prepare, wanted, app[CATALOGUE], app[WORKSPACE], app[VIEW], how)
    return web.json_response(summary(prepared.plan))


async def comfyui_nodes(request: web.Request) -> web.Response:
    """ComfyUI's object_info."""
    catalogue, folders = request.app[CATALOGUE], request.app[WORKSPACE].folders
    return web.json_response({name: object_info(spec, folders) for name, spec in catalogue.items()})


async def comfyui_node(request: web.Request) -> web.Response:
    """ComfyUI's object_info of one type; an empty object for an unknown one, as there."""
    name = request.match_info["type"]
    spec = request.app[CATALOGUE].get(name)
    return web.json_response({name: object_info(spec, request.app[WORKSPACE].folders)} if spec else {})


async def comfyui_model_folders(request: web.Request) -> web.Response:
    """The names of the model folders."""
    return web.json_response([kind for kind in request.app[WORKSPACE].folders.roots if kind not in _NO_MODELS])


async def comfyui_models(request: web.Request) -> web.Response:
    """The files of one model folder; 404 for an unknown one."""
    folders = request.app[WORKSPACE].folders
    kind = request.match_info["folder"]
    if kind not in folders.roots or kind in _NO_MODELS:
        raise web.HTTPNotFound
    return web.json_response(list(folders.names(kind)))


_NO_MODELS: Final = ("input", "output", "temp", "latents")


async def _source(request: web.Request) -> Imported:
    data: Json = loads(await request.read(), source="the body", max_bytes=MAX_BODY)
    if isinstance(data, dict) and data.keys() == {"workflow"}:
        data = cast("JsonObject", data["workflow"])
    return import_workflow(data, request.app[CATALOGUE])
