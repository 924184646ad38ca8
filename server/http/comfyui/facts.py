"""What ComfyUI's clients ask of a server: its nodes, models, features and machine."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, cast

from aiohttp import web

from graph.comfyui.object_info import object_info
from graph.json import Json, JsonObject
from graph.version import __version__
from server.http.service import MAX_UPLOAD, service_of

FEATURES: Final[JsonObject] = {"supports_preview_metadata": True, "max_upload_size": MAX_UPLOAD}

_NO_MODELS: Final = ("input", "output", "temp", "latents")


async def nodes(request: web.Request) -> web.Response:
    """ComfyUI's object_info."""
    service = service_of(request)
    found = await asyncio.to_thread(
        lambda: {name: object_info(spec, service.folders) for name, spec in service.catalogue.items()}
    )
    return web.json_response(found)


async def node(request: web.Request) -> web.Response:
    """ComfyUI's object_info of one type; an empty object for an unknown one, as there."""
    service = service_of(request)
    name = request.match_info["type"]
    spec = service.catalogue.get(name)
    return web.json_response({name: object_info(spec, service.folders)} if spec else {})


async def model_folders(request: web.Request) -> web.Response:
    """The names of the model folders."""
    return web.json_response([kind for kind in service_of(request).folders.roots if kind not in _NO_MODELS])


async def models(request: web.Request) -> web.Response:
    """The files of one model folder; 404 for an unknown one."""
    folders = service_of(request).folders
    kind = request.match_info["folder"]
    if kind not in folders.roots or kind in _NO_MODELS:
        raise web.HTTPNotFound
    return web.json_response(list(await asyncio.to_thread(folders.names, kind)))


async def embeddings(request: web.Request) -> web.Response:
    """The names of embeddings, without their endings."""
    names = await asyncio.to_thread(service_of(request).folders.names, "embeddings")
    return web.json_response([os.path.splitext(name)[0] for name in names])


async def features(_request: web.Request) -> web.Response:
    """What this server understands."""
    return web.json_response(FEATURES)


async def extensions(_request: web.Request) -> web.Response:
    """Scripts for their editor: none."""
    return web.json_response([])


async def nothing(_request: web.Request) -> web.Response:
    """Templates and translations for their editor: none."""
    return web.json_response({})


async def system_stats(request: web.Request) -> web.Response:
    """The machine and its devices, as the workers found them. The command line is not told."""
    devices = [one.about for one in service_of(request).crew.supervisors if one.about]
    total, available = _memory()
    return web.json_response(
        {
            "system": {
                "os": os.name,
                "ram_total": total,
                "ram_free": available,
                "comfyui_version": f"latentgraph {__version__}",
                "python_version": sys.version,
                "pytorch_version": _version("torch"),
                "embedded_python": False,
                "argv": [],
                "platform": platform.system(),
            },
            "devices": cast("Json", devices),
        }
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _memory(facts: Path = Path("/proc/meminfo")) -> tuple[int, int]:
    """Bytes of memory in all and free."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if facts.exists():
        lines = dict(line.split(":", 1) for line in facts.read_text().splitlines())
        if "MemAvailable" in lines:
            return total, int(lines["MemAvailable"].split()[0]) * 1024
    return total, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
