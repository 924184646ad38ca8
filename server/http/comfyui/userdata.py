"""`/userdata`, `/settings` and `/users`: what ComfyUI's clients keep on the server, in one user's folder."""

from __future__ import annotations

import asyncio
import uuid
from typing import Final, cast

from aiohttp import web

from graph.errors import InputError
from graph.json import Json, JsonObject, canonical, loads
from server.http import versions
from server.http.bodies import body_of, json_body
from server.http.files import stat_of
from server.http.service import Service, service_of
from server.http.user_files import UserFiles

SETTINGS: Final = "comfy.settings.json"
USERS: Final = "comfy.users.json"
_MOST_USERS: Final = 1000
_TRUE: Final = ("true", "1")


async def list_files(request: web.Request) -> web.Response:
    """The files in a directory: names, or facts, or names in parts."""
    query, user = request.query, service_of(request).user
    directory = query.get("dir", "")
    if not directory:
        raise web.HTTPBadRequest(text="Directory not provided")
    names = await asyncio.to_thread(user.names, directory.rstrip("/"), recurse=_flag(request, "recurse"))
    if names is None:
        raise web.HTTPNotFound
    if _flag(request, "full_info"):
        told = (_facts(user, directory.rstrip("/") + "/" + name, name) for name in names)
        return web.json_response([one for one in told if one is not None])
    if _flag(request, "split"):
        return web.json_response([[name, *name.split("/")] for name in names])
    return web.json_response(names)


async def list_entries(request: web.Request) -> web.Response:
    """What lies in a directory, directories first: name, path, type, size and time."""
    user = service_of(request).user
    directory = (request.query.get("path") or request.query.get("dir") or "").strip("/")
    found = await asyncio.to_thread(_entries, user, directory)
    if found is None:
        raise web.HTTPNotFound
    return web.json_response(found)


async def get_file(request: web.Request) -> web.StreamResponse:
    """One file, as a download: nothing a client keeps here is shown by a browser."""
    name = _name(request, "file")
    content = await asyncio.to_thread(service_of(request).user.read, name)
    if content is None:
        raise web.HTTPNotFound
    headers = {"Content-Disposition": "attachment", "Content-Security-Policy": "sandbox; default-src 'none'"}
    kind = "application/json" if name.endswith(".json") else "application/octet-stream"
    return web.Response(body=content, content_type=kind, headers=headers)


async def post_file(request: web.Request) -> web.Response:
    """Keep the body under a name."""
    service, name = service_of(request), _name(request, "file")
    content = await body_of(request, service.bounds.body)
    if not await versions.write_file(service, name, content, overwrite=_overwrite(request)):
        raise web.HTTPConflict(text="File already exists")
    return web.json_response(_facts(service.user, name, name) if _flag(request, "full_info") else name)


async def delete_file(request: web.Request) -> web.Response:
    """Forget a file."""
    if not await versions.delete_file(service_of(request), _name(request, "file")):
        raise web.HTTPNotFound
    return web.Response(status=204)


async def move_file(request: web.Request) -> web.Response:
    """Give a file another name."""
    service, name, target = service_of(request), _name(request, "file"), _name(request, "dest")
    moved = await versions.move_file(service, name, target, overwrite=_overwrite(request))
    if moved is None:
        raise web.HTTPNotFound
    if not moved:
        raise web.HTTPConflict(text="File already exists")
    return web.json_response(_facts(service.user, target, target) if _flag(request, "full_info") else target)


async def get_settings(request: web.Request) -> web.Response:
    """All settings."""
    return web.json_response(_settings(service_of(request).user))


async def get_setting(request: web.Request) -> web.Response:
    """One setting, or null."""
    return web.json_response(_settings(service_of(request).user).get(request.match_info["id"]))


async def post_settings(request: web.Request) -> web.Response:
    """Set several."""
    body = await _body(request)
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="settings are an object")
    await _change(service_of(request), body)
    return web.Response()


async def post_setting(request: web.Request) -> web.Response:
    """Set one."""
    await _change(service_of(request), {request.match_info["id"]: await _body(request)})
    return web.Response()


async def users(_request: web.Request) -> web.Response:
    """There is one user, whose data is here."""
    return web.json_response({"storage": "server", "migrated": True})


async def add_user(request: web.Request) -> web.Response:
    """Give a name an id. Whoever uses the service is the same user all the same."""
    body = await _body(request)
    name = body.get("username") if isinstance(body, dict) else None
    if not isinstance(name, str) or not name.strip():
        return web.json_response({"error": "username not provided"}, status=400)
    service = service_of(request)
    async with service.saving:
        known = await asyncio.to_thread(_object_in, service.user, USERS)
        if name in known.values():
            return web.json_response({"error": "Duplicate username."}, status=400)
        if len(known) >= _MOST_USERS:
            return web.json_response({"error": "There are too many users."}, status=400)
        readable = "".join(one for one in name[:80] if one.isascii() and (one.isalnum() or one in "-_"))
        identity = f"{readable}_{uuid.uuid4()}"
        await asyncio.to_thread(service.user.write, USERS, canonical({**known, identity: name[:200]}))
    return web.json_response(identity)


def _settings(user: UserFiles) -> JsonObject:
    return _object_in(user, SETTINGS)


def _object_in(user: UserFiles, name: str) -> JsonObject:
    """The object in a file of JSON; an empty one if there is none."""
    try:
        data = loads(user.read(name) or b"{}", source=name)
    except InputError:
        return {}
    return data if isinstance(data, dict) else {}


def _entries(user: UserFiles, directory: str) -> list[Json] | None:
    base = user.path(directory) if directory else user.root
    if not base.is_dir():
        return [] if base == user.root else None
    shown = (path for path in base.iterdir() if not path.name.startswith(".") and user.is_ours(path))
    found = [(not path.is_dir(), path.name) for path in shown]
    told: list[Json] = []
    for is_file, name in sorted(found):
        whole = f"{directory}/{name}" if directory else name
        stat = stat_of(base / name)
        if stat is None:
            continue
        facts: JsonObject = {"name": name, "path": whole, "type": "file" if is_file else "directory"}
        told.append(facts | ({"size": stat.st_size, "modified": int(stat.st_mtime * 1000)} if is_file else {}))
    return told


async def _change(service: Service, changes: JsonObject) -> None:
    async with service.saving:  # what another changes meanwhile would be lost
        changed = canonical({**await asyncio.to_thread(_settings, service.user), **changes})
        await asyncio.to_thread(service.user.write, SETTINGS, changed)


async def _body(request: web.Request) -> Json:
    try:
        return await json_body(request)
    except InputError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


def _name(request: web.Request, field: str) -> str:
    """A name from one segment of the path, in which slashes were encoded."""
    name = request.match_info[field]
    if not name:
        raise web.HTTPBadRequest
    return name


def _overwrite(request: web.Request) -> bool:
    return request.query.get("overwrite", "true").lower() != "false"


def _flag(request: web.Request, name: str) -> bool:
    return request.query.get(name, "").lower() in _TRUE


def _facts(user: UserFiles, name: str, shown: str) -> Json:
    """What is told of a file; null of one that is gone by now."""
    stat = stat_of(user.path(name))
    if stat is None:
        return None
    facts = {"path": shown, "size": stat.st_size, "modified": int(stat.st_mtime * 1000)}
    return cast("Json", facts | {"created": int(stat.st_ctime * 1000)})
