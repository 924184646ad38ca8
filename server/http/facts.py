"""What is here: model files with their facts, the machine, the cache; and how a prompt is dealt into tokens. What is in a
file and how words are cut a worker says: this process opens no model and loads no tokenizer."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final, cast

from aiohttp import web

from graph.json import Json, JsonObject
from graph.version import __version__
from nodes.folders import Folders
from nodes.memory.host import host_bytes
from server.http.bodies import Schema, object_body, whole_number
from server.http.files import stat_of
from server.http.problems import ProblemError
from server.http.service import Service, service_of
from server.worker.supervisor import UnansweredError
from server.worker.telling import problem

_MOST_FILES: Final = 2000
MODEL_FILES: Final = {
    "folder": "one folder alone",
    "limit": f"how many, up to {_MOST_FILES}",
    "after": "what `next` of the page before said",
}
TOKENS: Final[Schema] = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "maxLength": 65_536},
        "checkpoint": {"type": ["string", "null"], "description": "whose tokenizer; null for CLIP's"},
    },
}


async def list_model_files(request: web.Request) -> web.Response:
    """Model files with folder, size, time and the family of models they belong to. `?folder=` chooses one folder, `?limit=`
    and `?after=` page. A family is null where the file does not tell, or no worker is there to read it."""
    service = service_of(request)
    folder = request.query.get("folder")
    if folder is not None and folder not in service.folders.models:
        raise ProblemError(
            404, "unknown_folder", f"there is no folder {folder[:80]!r}: {', '.join(service.folders.models)}"
        )
    limit = whole_number(request, "limit", 200, least=1, most=_MOST_FILES)
    after = request.query.get("after", "")
    kinds = [folder] if folder is not None else list(service.folders.models)
    every = await asyncio.to_thread(lambda: [(kind, name) for kind in kinds for name in service.folders.names(kind)])
    rest = [one for one in every if "/".join(one) > after] if after else every
    page = sorted(rest, key="/".join)[:limit]
    listed = await asyncio.to_thread(lambda: list(_facts(service.folders, page)))
    families = await _families(service, page)
    for one in listed:
        one["family"] = families.get((str(one["folder"]), str(one["name"])))
    following = "/".join(page[-1]) if len(page) < len(rest) else None
    return web.json_response({"files": listed, "next": following, "total": len(every)})


async def count_tokens(request: web.Request) -> web.Response:
    """How a prompt is dealt into tokens and chunks, by the tokenizer of a checkpoint or CLIP's own."""
    body = await object_body(request, TOKENS)
    try:
        return web.json_response(await service_of(request).crew.ask("tokens", body))
    except UnansweredError as error:
        status = 503 if error.code == "no_worker" else 422
        raise ProblemError(status, error.code, str(error)) from None


async def system(request: web.Request) -> web.Response:
    """The versions, the machine's memory and disk, the workers with their devices, and what is wrong with plugins."""
    service = service_of(request)
    disk = await asyncio.to_thread(shutil.disk_usage, service.user.root.parent)
    workers: list[Json] = [
        {
            "name": one.name,
            "ready": one.ready,
            "busy": one.claim is not None,
            "restarts": one.restarts,
            "unable": problem(one.unable) if one.unable else None,
            "device": one.about,
        }
        for one in service.crew.supervisors
    ]
    memory = await asyncio.to_thread(host_bytes)
    bounds = service.bounds
    limits: JsonObject = {
        "request_bytes": bounds.body,
        "upload_bytes": bounds.upload,
        "nodes": bounds.nodes,
        "pixels": bounds.pixels,
    }
    told: JsonObject = {"version": __version__, "memory_bytes": memory, "workers": workers, "limits": limits}
    told["plugins"] = {"problems": [problem(one) for one in service.catalogue.problems]}
    return web.json_response(told | {"disk": {"total_bytes": disk.total, "free_bytes": disk.free}})


async def cache_info(request: web.Request) -> web.Response:
    """How many results are kept on disk, how many bytes they take, and how many seconds it took to compute them."""
    service = service_of(request)
    return web.json_response(await asyncio.to_thread(_cached, service))


async def clear_cache(request: web.Request) -> web.Response:
    """Forget every result, on disk and in the workers' memory; the next run computes them anew. Saved files stay."""
    service = service_of(request)
    before = await asyncio.to_thread(_cached, service)
    await asyncio.to_thread(service.view.clear)
    service.crew.free()
    return web.json_response({"cleared": before})


def _cached(service: Service) -> JsonObject:
    rows: Sequence[tuple[object, ...]] = ()
    with contextlib.suppress(sqlite3.Error):
        asked = "SELECT COUNT(*), COALESCE(SUM(bytes), 0), COALESCE(SUM(seconds), 0) FROM entries"
        rows = service.workspace.index.rows(asked)
    entries, size, seconds = rows[0] if rows else (0, 0, 0.0)
    return {"entries": cast("int", entries), "bytes": cast("int", size), "seconds": round(cast("float", seconds), 3)}


def _facts(folders: Folders, page: Sequence[tuple[str, str]]) -> Iterator[JsonObject]:
    for kind, name in page:
        path = folders.find(kind, name)
        stat = stat_of(path) if path else None
        if stat is not None:
            yield {"folder": kind, "name": name, "bytes": stat.st_size, "modified": stat.st_mtime}


async def _families(service: Service, page: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Json]:
    found: dict[tuple[str, str], Json] = {}
    with contextlib.suppress(UnansweredError):
        for kind in dict.fromkeys(kind for kind, _ in page):
            names: list[Json] = [name for one, name in page if one == kind]
            told = await service.crew.ask("families", {"folder": kind, "names": names})
            found |= {(kind, name): family for name, family in told.items()}
    return found
