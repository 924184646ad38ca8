"""`/internal`: the log, the folders and their files, as ComfyUI's editor asks for them. Bare paths only."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from graph.errors import InputError
from graph.json import JsonObject
from nodes.folders import Folders
from server.http.bodies import json_body
from server.http.files import stat_of
from server.http.service import service_of

_KINDS: Final = ("output", "input", "temp")


async def logs(request: web.Request) -> web.Response:
    """The latest lines of the log, as one text."""
    return web.json_response("".join(f"{one['t']} - {one['m']}" for one in service_of(request).log.entries))


async def raw_logs(request: web.Request) -> web.Response:
    """The latest lines of the log, each with its time."""
    return web.json_response(
        {"entries": [dict(one) for one in service_of(request).log.entries], "size": {"cols": 0, "rows": 0}}
    )


async def subscribe(request: web.Request) -> web.Response:
    """Send the log to the sockets of a client from now on, or no more."""
    try:
        body = await json_body(request)
    except InputError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    if not isinstance(body, dict) or not isinstance(client := body.get("clientId"), str):
        raise web.HTTPBadRequest(text="clientId is a text")
    if not service_of(request).log.subscribe(client, body.get("enabled") is True):
        raise web.HTTPBadRequest(text="clientId is too long, or too many clients listen already")
    return web.Response()


async def folder_paths(request: web.Request) -> web.Response:
    """The directories of every folder."""
    folders = service_of(request).folders
    return web.json_response({kind: [str(root.absolute()) for root in folders.roots[kind]] for kind in folders.models})


async def files(request: web.Request) -> web.Response:
    """The files of input, output or temp, the latest first."""
    kind = request.match_info["kind"]
    if kind not in _KINDS:
        told: JsonObject = {"error": "Invalid directory type"}
        return web.json_response(told, status=400)
    return web.json_response(await asyncio.to_thread(_latest_first, service_of(request).folders, kind))


def _latest_first(folders: Folders, kind: str) -> list[str]:
    found: list[tuple[float, str]] = []
    for name in folders.names(kind):
        path = folders.find(kind, name)
        stat = stat_of(path) if path else None
        if stat is not None:
            found.append((stat.st_mtime, name))
    return [name for _, name in sorted(found, reverse=True)]
