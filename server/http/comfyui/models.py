"""`/models`, `/embeddings`, `/experiment/models` and `/view_metadata`: model files by folder and name. What is in a file a
worker says, and a process of its own decodes its picture: this process opens none."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aiohttp import web

from graph.json import JsonObject
from nodes.folders import Folders
from nodes.model_pictures import picture_beside
from server.http.files import picture, stat_of
from server.http.pictures import decoded
from server.http.service import service_of
from server.worker.supervisor import UnansweredError

_UNLISTED: Final = ("configs", "custom_nodes")


async def model_folders(request: web.Request) -> web.Response:
    """The names of the model folders."""
    return web.json_response(list(service_of(request).folders.models))


async def models(request: web.Request) -> web.Response:
    """The files of one model folder; 404 for an unknown one."""
    folders, kind = service_of(request).folders, _folder(request)
    return web.json_response(list(await asyncio.to_thread(folders.names, kind)))


async def embeddings(request: web.Request) -> web.Response:
    """The names of embeddings, without their endings."""
    names = await asyncio.to_thread(service_of(request).folders.names, "embeddings")
    return web.json_response([os.path.splitext(name)[0] for name in names])


async def folders_with_paths(request: web.Request) -> web.Response:
    """The model folders with the directories they are made of."""
    roots = service_of(request).folders
    return web.json_response(
        [
            {"name": kind, "folders": [str(root.absolute()) for root in roots.roots[kind]]}
            for kind in roots.models
            if kind not in _UNLISTED
        ]
    )


async def files_with_facts(request: web.Request) -> web.Response:
    """The files of one model folder with size and times; 404 for an unknown one."""
    folders, kind = service_of(request).folders, _folder(request)
    return web.json_response(await asyncio.to_thread(lambda: list(_facts(folders, kind))))


async def preview(request: web.Request) -> web.Response:
    """The picture beside a model file, or the one in its metadata, as WebP; 404 if there is none."""
    service, kind = service_of(request), _folder(request)
    name, number = request.match_info["filename"], request.match_info["path_index"]
    path = await asyncio.to_thread(service.folders.find, kind, name)
    roots = service.folders.roots[kind]
    if path is None or not (number.isascii() and number.isdecimal() and int(number[:6]) < len(roots)):
        raise web.HTTPNotFound
    beside = await asyncio.to_thread(picture_beside, path, roots)
    made = await decoded(request, str(beside), "--preview", "webp") if beside else None
    if made is None and path.suffix.lower() == ".safetensors":
        made = await decoded(request, str(path), "--cover")
    if made is None:
        raise web.HTTPNotFound
    return picture(made, "image/webp", f"{Path(name).stem}.webp")


async def metadata(request: web.Request) -> web.Response:
    """The metadata in the header of a model file; 404 in every other case."""
    service, kind = service_of(request), _folder(request)
    name = request.query.get("filename", "")
    if not name.lower().endswith(".safetensors") or service.folders.find(kind, name) is None:
        raise web.HTTPNotFound
    try:
        found = await service.crew.ask("metadata", {"folder": kind, "name": name})
    except UnansweredError:
        raise web.HTTPNotFound from None
    if not found:
        raise web.HTTPNotFound
    return web.json_response(found)


def _folder(request: web.Request) -> str:
    kind = request.match_info["folder"]
    if kind not in service_of(request).folders.models:
        raise web.HTTPNotFound
    return kind


def _facts(folders: Folders, kind: str) -> Iterator[JsonObject]:
    for name in folders.names(kind):
        path = folders.find(kind, name)
        stat = stat_of(path) if path else None
        if path is None or stat is None:
            continue
        index = next(number for number, root in enumerate(folders.roots[kind]) if path.is_relative_to(root / name))
        times: JsonObject = {"modified": stat.st_mtime, "created": stat.st_ctime, "size": stat.st_size}
        yield {"name": name, "pathIndex": index, **times}
