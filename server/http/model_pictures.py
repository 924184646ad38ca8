"""Pictures of models: which have one, and the picture itself. It is sent as it lies there: a list that is scrolled through
asks for hundreds, and each that is made smaller first costs a process (`/experiment/models/preview` does that).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from nodes.model_pictures import picture_beside, pictured
from server.http.files import served
from server.http.problems import ProblemError
from server.http.service import Service, service_of


async def list_model_pictures(request: web.Request) -> web.Response:
    """The model files that have a picture beside them, by folder. Folders without any are left out."""
    folders = service_of(request).folders
    found = await asyncio.to_thread(lambda: {kind: pictured(folders, kind) for kind in folders.models})
    return web.json_response({kind: names for kind, names in found.items() if names})


async def get_model_picture(request: web.Request) -> web.StreamResponse:
    """The picture beside a model file: `name.preview.png` or `name.png`, or the like. Validators are understood."""
    service, folder, name = service_of(request), request.match_info["folder"], request.match_info["name"]
    if folder not in service.folders.models:
        raise ProblemError(404, "unknown_folder", f"there is no folder {folder[:80]!r} of models")
    found = await asyncio.to_thread(_picture_of, service, folder, name)
    if found is None:
        raise ProblemError(404, "unknown_picture", f"there is no picture of {name[:80]!r} in {folder!r}")
    return served(found, found.name)


def _picture_of(service: Service, folder: str, name: str) -> Path | None:
    path = service.folders.find(folder, name)
    return picture_beside(path, service.folders.roots[folder]) if path else None
