"""What ComfyUI's clients ask of a server: its nodes, features and machine."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from pathlib import Path
from typing import Final

from aiohttp import web

from graph.comfyui.object_info import object_info
from graph.json import JsonObject
from graph.version import __version__
from nodes.memory.host import host_bytes, torch_version
from server.http.service import Service, service_of
from server.worker.supervisor import Supervisor, UnansweredError


def features_of(service: Service) -> JsonObject:
    """What this server understands, for its route and for its socket."""
    return {"supports_preview_metadata": True, "max_upload_size": service.bounds.upload}


_PATIENCE: Final = 1.0
"""Seconds to wait for what a worker says of its device now; then what it said first is told."""


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
    return web.json_response({name: await asyncio.to_thread(object_info, spec, service.folders)} if spec else {})


async def features(request: web.Request) -> web.Response:
    """What this server understands."""
    return web.json_response(features_of(service_of(request)))


async def extensions(_request: web.Request) -> web.Response:
    """Scripts for their editor: none."""
    return web.json_response([])


async def nothing(_request: web.Request) -> web.Response:
    """Templates, translations and replacements of nodes for their editor: none."""
    return web.json_response({})


async def system_stats(request: web.Request) -> web.Response:
    """The machine and its devices, as the workers find them now. The command line is not told."""
    devices = await asyncio.gather(*(_device(one) for one in service_of(request).crew.supervisors if one.about))
    total, available = await asyncio.to_thread(_memory)
    return web.json_response(
        {
            "system": {
                "os": os.name,
                "ram_total": total,
                "ram_free": available,
                "comfyui_version": f"latentgraph {__version__}",
                "required_frontend_version": "",
                "installed_templates_version": None,
                "required_templates_version": None,
                "python_version": sys.version,
                "pytorch_version": torch_version(),
                "embedded_python": False,
                "argv": [],
                "platform": platform.system(),
            },
            "devices": [_with_host_memory(one, total, available) for one in devices],
        }
    )


async def _device(worker: Supervisor) -> JsonObject:
    try:
        return await worker.ask("device", {}, _PATIENCE)
    except UnansweredError:
        return worker.about


def _with_host_memory(device: JsonObject, total: int, available: int) -> JsonObject:
    """A device without memory of its own has that of the machine."""
    if device.get("vram_total"):
        return device
    names = {"vram_total": total, "vram_free": available, "torch_vram_total": total, "torch_vram_free": available}
    return {**device, **names}


def _memory(facts: Path = Path("/proc/meminfo")) -> tuple[int, int]:
    """Bytes of memory in all and free. Of a container the whole is its limit, and what is free at most that."""
    total = host_bytes()
    if facts.exists():
        lines = dict(line.split(":", 1) for line in facts.read_text().splitlines())
        if "MemAvailable" in lines:
            return total, min(total, int(lines["MemAvailable"].split()[0]) * 1024)
    return total, min(total, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
