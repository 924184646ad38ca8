"""Uploads: a file as the body of a request, streamed to disk and bounded, kept under a name in the folder `input`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import web

from graph.files import draft
from nodes.folders import FolderError, is_inside
from server.http.files import SHOWN, is_raster
from server.http.keeping import keep, receive
from server.http.problems import ProblemError
from server.http.service import service_of


async def upload(request: web.Request) -> web.Response:
    """Keep the body as a file of `input` under `?name=`. Where that name is taken by another content a free one is found,
    unless `?overwrite=true`. `?sha256=` refuses a body that was changed on its way."""
    service, query = service_of(request), request.query
    if request.content_type.startswith("multipart/"):
        why = "the body is the file itself, not a form with the file in it (with curl: --data-binary @FILE)"
        raise ProblemError(415, "upload_form", why)
    if "name" not in query:
        raise ProblemError(400, "file_name", "name= is missing: POST /api/v1/uploads?name=FILE")
    name = query.get("name", "").strip("/")
    if not is_inside(name) or any(part.startswith(".") for part in name.split("/")):
        raise ProblemError(400, "file_name", "name= is a name in the folder, with forward slashes and without '..'")
    most, folder = service.bounds.upload, service.folders.root("input")
    if (request.content_length or 0) > most:
        raise ProblemError(413, "body_too_large", f"an upload has at most {most:,} bytes (`serve --max-upload`)")
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with draft(folder) as arriving:
        size, digest = await receive(arriving, request.content.readany, most)
        if query.get("sha256", digest).lower() != digest:
            raise ProblemError(422, "digest", f"what arrived has the SHA-256 {digest}")
        if not size:
            raise ProblemError(400, "file_empty", "the body is empty")
        if Path(name).suffix.lower() in SHOWN and not is_raster(arriving):
            raise ProblemError(415, "no_picture", f"{name!r} is no picture, whatever it is called")
        overwrite = query.get("overwrite", "").lower() in ("true", "1")
        try:
            kept = await asyncio.to_thread(keep, arriving, service.folders, "input", name, overwrite)
        except FolderError as error:
            raise ProblemError(400, error.code, str(error)) from None
    subfolder, _, filename = kept.rpartition("/")
    url = "/view?" + urlencode({"type": "input", "subfolder": subfolder, "filename": filename})
    told = {"folder": "input", "name": kept, "bytes": size, "sha256": digest, "url": url}
    return web.json_response(told, status=201)
