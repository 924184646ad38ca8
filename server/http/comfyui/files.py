"""`/view` and the uploads: files by known folder and a name that stays in it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from graph.errors import InputError
from graph.files import draft
from graph.json import loads
from nodes.folders import FolderError, is_inside
from server.http.bodies import coming, refuse_crawling
from server.http.files import found, is_upload_of_comfyui, picture, served
from server.http.keeping import keep, receive
from server.http.pictures import decoded
from server.http.service import Service, service_of

_KINDS: Final = ("input", "output", "temp")
_LONGEST_FIELD: Final = 65536
_MOST_PARTS: Final = 32
_NO_PICTURE: Final = (
    "is no picture, whatever it is called: PNG, JPEG, WebP, GIF, AVIF, BMP, TIFF and PPM are taken here; "
    "POST /api/v1/uploads takes any file"
)


async def view(request: web.Request) -> web.StreamResponse:
    """A file; with `preview` or `channel` a picture made from it."""
    query = request.query
    name, kind, subfolder = query.get("filename", ""), query.get("type", "output"), query.get("subfolder", "")
    annotated = re.fullmatch(r"(.+) \[(input|output|temp)\]", name)
    if annotated:
        name, kind = annotated[1], annotated[2]
    if not name or name.startswith("/") or ".." in name or kind not in _KINDS:
        told = f"filename= is a name without '..', and type= one of {', '.join(_KINDS)}"
        raise web.HTTPBadRequest(text=told)
    if subfolder and not is_inside(subfolder.strip("/")):
        raise web.HTTPForbidden(text="subfolder= is a folder in that of type=, without '..'")
    whole = "/".join(part for part in (subfolder.strip("/"), os.path.basename(name)) if part)
    service = service_of(request)
    path = found(service.folders, kind, whole)
    if path is None:
        raise web.HTTPNotFound(text=f"there is no file {whole[:80]!r} in {kind!r}")
    made = await _made(request, path, query.get("preview"), query.get("channel", "rgba"))
    return picture(made[0], made[1], name) if made else served(path, name)


async def upload_image(request: web.Request) -> web.Response:
    """Keep a file; without `overwrite` under a free name, or under its own if that has the same content."""
    return await _upload(request, masked=False)


async def upload_mask(request: web.Request) -> web.Response:
    """Keep a copy of `original_ref` with the uploaded picture's transparency."""
    return await _upload(request, masked=True)


async def _upload(request: web.Request, *, masked: bool) -> web.Response:
    service = service_of(request)
    folder = service.folders.root("input")
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    with draft(folder) as arriving:
        return await _kept(request, await _form(request, service, arriving), masked=masked)


async def _kept(request: web.Request, form: _Form, *, masked: bool) -> web.Response:
    service = service_of(request)
    try:
        if form.file is None or not form.filename:
            raise web.HTTPBadRequest(text="an upload has a file in the field `image`")
        kind = form.fields.get("type", "input")
        if kind not in _KINDS:
            raise web.HTTPBadRequest(text="type is input, output or temp")
        subfolder = form.fields.get("subfolder", "").strip("/")
        whole = "/".join(part for part in (subfolder, os.path.basename(form.filename.replace("\\", "/"))) if part)
        if masked:
            await _lay_over(request, form)
        overwrite = form.fields.get("overwrite", "").lower() in ("true", "1")
        if not form.file.stat().st_size:
            raise web.HTTPBadRequest(text="the file is empty")
        service.folders.place(kind, whole)
        if not is_upload_of_comfyui(form.file, whole):
            raise web.HTTPUnsupportedMediaType(text=f"{whole[:80]!r} {_NO_PICTURE}")
        name = await asyncio.to_thread(keep, form.file, service.folders, kind, whole, overwrite)
    except FolderError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    subfolder, _, filename = name.rpartition("/")
    return web.json_response({"name": filename, "subfolder": subfolder, "type": kind})


@dataclass(slots=True)
class _Form:
    fields: dict[str, str]
    file: Path | None = None
    filename: str = ""


async def _form(request: web.Request, service: Service, draft: Path) -> _Form:
    """The fields, and the file as a draft. Streamed, and bounded in all."""
    if not request.content_type.startswith("multipart/"):
        raise web.HTTPBadRequest(text="an upload is multipart/form-data")
    form = _Form({})
    try:
        await _fill(form, request, service, draft)
    except (ValueError, HttpProcessingError):
        raise web.HTTPBadRequest(text="the form cannot be read") from None
    return form


async def _fill(form: _Form, request: web.Request, service: Service, draft: Path) -> None:
    parts, count = await request.multipart(), 0
    while (part := await coming(parts.next())) is not None:
        count += 1
        if not isinstance(part, BodyPartReader) or count > _MOST_PARTS:
            raise web.HTTPBadRequest(text="the form has parts that are none of its fields")
        if part.name == "image" and form.file is None:
            form.filename = part.filename or ""
            await receive(draft, part.read_chunk, service.bounds.upload)
            form.file = draft
        elif part.name:
            form.fields[part.name] = (await _field(part)).decode("utf-8", "replace")


async def _field(part: BodyPartReader) -> bytes:
    """The whole of a field. Raises HTTPRequestEntityTooLarge, ProblemError (408)."""
    read, began = b"", time.monotonic()
    while chunk := await coming(part.read_chunk()):
        read += chunk
        refuse_crawling(len(read), began)
        if len(read) > _LONGEST_FIELD:
            raise web.HTTPRequestEntityTooLarge(_LONGEST_FIELD, len(read), text="a field of the form is too long")
    return read


async def _lay_over(request: web.Request, form: _Form) -> None:
    """Replace the draft by the original with the draft's transparency. Raises for a reference that leads nowhere."""
    try:
        reference = loads(form.fields.get("original_ref", ""), source="original_ref")
    except InputError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    if not isinstance(reference, dict) or form.file is None:
        raise web.HTTPBadRequest(text="original_ref is an object with filename, subfolder and type")
    parts = [str(reference.get("subfolder") or "").strip("/"), str(reference.get("filename") or "")]
    original = found(
        service_of(request).folders, str(reference.get("type") or "input"), "/".join(part for part in parts if part)
    )
    made = await decoded(request, str(original), "--mask", str(form.file)) if original else None
    if made is None:
        raise web.HTTPBadRequest(text="original_ref names no picture that is here")
    await asyncio.to_thread(_copied, made, form.file)


def _copied(content: BinaryIO, path: Path) -> None:
    with content, open(path, "wb") as draft:
        shutil.copyfileobj(content, draft)
        draft.flush()
        os.fsync(draft.fileno())


async def _made(request: web.Request, path: Path, preview: str | None, channel: str) -> tuple[BinaryIO, str] | None:
    """A picture made from the file; None to serve the file as it is."""
    if preview:
        kind, _, quality = preview.partition(";")
        kind = kind if kind in ("webp", "jpeg") else "webp"
        number = quality if quality.isascii() and quality.isdecimal() and 0 < int(quality[:4]) <= 100 else "90"
        made = await decoded(request, str(path), "--preview", kind, "--quality", number)
        return (made, _kind_of(made)) if made else None
    if channel in ("rgb", "a"):
        made = await decoded(request, str(path), "--channel", channel)
        return (made, "image/png") if made else None
    return None


def _kind_of(content: BinaryIO) -> str:
    """WebP or JPEG, whichever it was made: transparency needs the first."""
    start = content.read(12)
    content.seek(0)
    return "image/webp" if start[8:12] == b"WEBP" else "image/jpeg"
