"""What the editor opens: a workflow out of any file dropped on it (ours, ComfyUI's two forms, pictures that carry one; their
metadata is read, no picture is decoded here), and the pictures beside the saved workflows."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Final

from aiohttp import web

from graph.comfyui.read import read_workflow
from graph.document import to_json
from nodes.folders import is_inside
from server.draws import kept
from server.http.bodies import body_of
from server.http.files import served
from server.http.problems import ProblemError
from server.http.routes import Route
from server.http.service import Service, service_of


async def read_file(request: web.Request) -> web.Response:
    """The workflow that the file in the body holds, in our form, and what was lost or changed on its way."""
    service = service_of(request)
    content = await body_of(request, service.bounds.upload, option="--max-upload")
    catalogue = service.catalogue
    imported = await asyncio.to_thread(read_workflow, content, catalogue, source="the file")
    document = to_json(kept(imported, catalogue))
    return web.json_response({"document": document, "problems": [asdict(one) for one in imported.problems]})


async def example_picture(request: web.Request) -> web.FileResponse:
    """The picture of what a saved workflow makes: `pictures/NAME.png` in the folder of the workflow."""
    path = await asyncio.to_thread(_picture, service_of(request), request.match_info["name"])
    if path is None:
        raise ProblemError(404, "unknown_file", f"there is no picture of a workflow at {request.path[:80]!r}")
    return served(path, path.name)


def _picture(service: Service, name: str) -> Path | None:
    for folder in service.workflows:
        path = folder / "pictures" / f"{name}.png"
        if is_inside(name) and path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            return path
    return None


READING: Final = (
    Route("POST", "/upload/workflow", read_file),
    Route("GET", "/templates/{name:.+}.png", example_picture),
)
