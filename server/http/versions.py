"""Saving workflows: what is current is a file in the user's folder, where people and ComfyUI's clients find it; the store
has every version that was saved here.

A file that was changed by other hands is current all the same, and becomes a version before something else takes its
place: nothing that was ever current is lost, by whichever API it is written, moved or deleted. `If-Match` keeps two writers
from overwriting each other unseen.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from pathlib import Path
from typing import Final, cast

from aiohttp import web

from graph.comfyui.read import import_workflow
from graph.errors import InputError
from graph.json import Json, loads
from server.http.bodies import json_body, without_blocking
from server.http.problems import ProblemError
from server.http.service import Service, service_of
from server.jobs.workflows import Version

_NAME: Final = re.compile(r"(?:[^./\\\x00-\x1f][^/\\\x00-\x1f]*)(?:/[^./\\\x00-\x1f][^/\\\x00-\x1f]*)*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_PART: Final = 250
"""Bytes of one part of a name: with the ending, as many as file systems take."""
_RESERVED: Final = ("jobs", "versions", "restore")
_FOLDER: Final = "workflows/"
_SUFFIX: Final = ".json"


_ENDPOINTS: Final = (
    (re.compile(r".+/versions/[^/]+/restore|.+/jobs", re.DOTALL), "POST"),
    (re.compile(r".+/versions(/[^/]+)?", re.DOTALL), "GET, HEAD"),
)
"""What is below a workflow's name, and the methods that it takes."""


def refuse_endpoint(request: web.Request) -> None:
    """Raise ProblemError (405) where what was taken for the name of a workflow is something below one."""
    for below, allowed in _ENDPOINTS:
        if below.fullmatch(request.match_info["name"]):
            said = f"{request.path[:200]!r} takes {allowed}, not {request.method}"
            raise ProblemError(405, "method_not_allowed", said, headers={"Allow": allowed})


async def save(request: web.Request) -> web.Response:
    """Save a workflow of any form under this name, as a new version. With `If-Match: ETAG` only over that version, with
    `If-None-Match: *` only if there is none."""
    service = service_of(request)
    name = _new_name(request)
    body = await json_body(request)
    text = await without_blocking(request, _as_text, body, service)
    async with service.saving:
        current = await asyncio.to_thread(_current, service, name)
        _refuse_mismatch(request, current)
        made = await _replaced(service, name, current, text)
    return web.json_response(_told(made), status=201 if current is None else 200, headers={"ETag": etag(made.digest)})


def _as_text(body: Json, service: Service) -> str:
    """The text of the file. Raises InputError for what is no workflow."""
    import_workflow(body, service.catalogue)
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


async def delete(request: web.Request) -> web.Response:
    """Delete a workflow that was saved here; its versions stay and can be restored. With `If-Match` only that version."""
    service = service_of(request)
    name = _name(request)
    async with service.saving:
        current = await asyncio.to_thread(_current, service, name)
        if current is None:
            raise _shipped(name) if await asyncio.to_thread(_ships, service, name) else _unknown(name)
        _refuse_mismatch(request, current)
        made = await _replaced(service, name, current, None)
    return web.json_response(_told(made))


async def list_versions(request: web.Request) -> web.Response:
    """The versions of a workflow, the newest first; none of one that was never saved here. One without an `etag` is a
    deletion."""
    service, name = service_of(request), request.match_info["name"]
    found = await service.desk.do(service.desk.store.workflows.all, name)
    if not found and not await asyncio.to_thread(_is_there, service, name):
        raise _unknown(name)
    return web.json_response({"versions": [_told(one) for one in found]})


async def get_version(request: web.Request) -> web.Response:
    """One version, as it was saved."""
    return web.json_response({"document": json.loads(await _text(request))})


async def restore(request: web.Request) -> web.Response:
    """Make a version the current one again, as a new version."""
    service = service_of(request)
    name = _new_name(request)
    text = _as_it_was(await _text(request))
    async with service.saving:
        current = await asyncio.to_thread(_current, service, name)
        _refuse_mismatch(request, current)
        made = await _replaced(service, name, current, text)
    return web.json_response(_told(made), headers={"ETag": etag(made.digest)})


def digest_of(text: bytes) -> str:
    """What an ETag says of a file."""
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def etag(digest: str) -> str:
    return f'"{digest}"'


async def _replaced(service: Service, name: str, current: bytes | None, text: str | None) -> Version:
    """Keep the new version, then make it current. A crash in between leaves the old one current and loses neither. Raises
    ProblemError (422) for a name at which no file can lie: no version is kept of it."""
    if text is not None and not await asyncio.to_thread(_may_lie, service.user.path(_file(name))):
        raise ProblemError(
            422, "workflow_name", f"{name[:80]!r} cannot be a workflow's name: a folder has it, or a file"
        )
    made = await _kept(service, name, current, text.encode() if text is not None else None)
    if text is None:
        await asyncio.to_thread(service.user.path(_file(name)).unlink, missing_ok=True)
    else:
        await asyncio.to_thread(service.user.write, _file(name), text.encode())
    return made


def _may_lie(path: Path) -> bool:
    """Whether a file can lie here: not in the place of a folder, nor below a file."""
    return not path.is_dir() and all(one.is_dir() or not one.exists() for one in path.parents)


async def _kept(service: Service, name: str, current: bytes | None, content: bytes | None) -> Version:
    """Keep what is current, if no version has it yet, and what takes its place."""
    do, versions = service.desk.do, service.desk.store.workflows
    if current is not None:
        latest = await do(versions.latest, name)
        if latest is None or latest.digest != digest_of(current):
            await do(versions.save, name, await asyncio.to_thread(_readable, current), digest_of(current))
    if content is None:
        return await do(versions.save, name, None, "")
    return await do(versions.save, name, await asyncio.to_thread(_readable, content), digest_of(content))


async def write_file(service: Service, file: str, content: bytes, *, overwrite: bool) -> bool:
    """Write any of the user's files, also one that is a workflow. False if it exists and may not be overwritten. Raises
    ProblemError (403) for a name that leads outside."""
    path = service.user.path(file)
    async with service.saving:
        if path.is_dir() or (path.exists() and not overwrite):
            return False
        await _keep_if_workflow(service, file, content)
        return await asyncio.to_thread(service.user.write, file, content, overwrite=overwrite)


async def delete_file(service: Service, file: str) -> bool:
    """Delete any of the user's files. False if there is none. Raises as `write_file` does."""
    path = service.user.path(file)
    async with service.saving:
        if not path.is_file():
            return False
        await _keep_if_workflow(service, file, None)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        return True


async def move_file(service: Service, file: str, target: str, *, overwrite: bool) -> bool | None:
    """Give any of the user's files another name. False if that is taken and may not be overwritten, None if there is no
    such file. Raises as `write_file` does."""
    source, path = service.user.path(file), service.user.path(target)
    async with service.saving:
        if not source.is_file():
            return None
        if path.is_dir() or (path.exists() and not overwrite):
            return False
        if source != path:
            await _keep_if_workflow(service, target, await asyncio.to_thread(source.read_bytes))
            await _keep_if_workflow(service, file, None)
            path.parent.mkdir(parents=True, exist_ok=True)
            source.replace(path)
        return True


async def _keep_if_workflow(service: Service, file: str, content: bytes | None) -> None:
    name = file.removeprefix(_FOLDER).removesuffix(_SUFFIX)
    if file == _file(name) and _is_name(name):
        await _kept(service, name, await asyncio.to_thread(_current, service, name), content)


def _readable(content: bytes) -> str:
    """A file of other hands as a version: JSON, or whatever it is as a JSON text."""
    text = content.decode("utf-8", "replace")
    try:
        loads(content, source="the file")
    except InputError:
        return json.dumps(text)
    return text


def _as_it_was(text: str) -> str:
    """The file that a version was made of."""
    kept = json.loads(text)
    return kept if isinstance(kept, str) else text


def _current(service: Service, name: str) -> bytes | None:
    return service.user.read(_file(name))


def _file(name: str) -> str:
    return f"{_FOLDER}{name}{_SUFFIX}"


def _refuse_mismatch(request: web.Request, current: bytes | None) -> None:
    wanted, unwanted = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    has = None if current is None else etag(digest_of(current))
    tags = [one.strip() for one in (wanted or "").split(",")]
    if wanted is not None and (has is None or (has not in tags and tags != ["*"])):
        told = "it is not the version you have read; read it again and merge"
        raise ProblemError(412, "workflow_changed", told)
    if unwanted == "*" and has is not None:
        raise ProblemError(412, "workflow_exists", "there is a workflow of that name; save it under another")


async def _text(request: web.Request) -> str:
    name, number = request.match_info["name"], request.match_info["version"]
    store = service_of(request).desk.store.workflows
    found = None
    if number.isascii() and number.isdecimal() and len(number) < 10:
        found = await service_of(request).desk.do(store.text, name, int(number))
    if found is None:
        raise ProblemError(404, "unknown_version", f"the workflow {name[:80]!r} has no version {number[:20]!r}")
    return found


def _name(request: web.Request) -> str:
    refuse_endpoint(request)
    name = request.match_info["name"]
    if reserved := [part for part in name.split("/") if part in _RESERVED]:
        why = f"{reserved[0]!r} is a word of this interface, for what is below a name"
        raise ProblemError(422, "workflow_name", f"{name[:80]!r} cannot be a workflow's name: {why}")
    if not _is_name(name):
        hint = "up to 200 characters, folders between slashes, none of them beginning with a dot"
        raise ProblemError(422, "workflow_name", f"{name[:80]!r} cannot be a workflow's name: {hint}")
    return name


def _new_name(request: web.Request) -> str:
    """The name that a workflow is saved under: one that can be seen and typed. Raises ProblemError (422). What has another
    name, made by other hands, can be read and deleted all the same."""
    name = _name(request)
    untidy = any(part != part.strip() for part in name.split("/"))
    if untidy or _CONTROL.search(name):
        why = "it is blank, or has spaces around a part" if untidy else "it has a control character"
        raise ProblemError(422, "workflow_name", f"{name[:80]!r} cannot be a workflow's name: {why}")
    return name


def _is_name(name: str) -> bool:
    if len(name) > 200 or not _NAME.fullmatch(name):
        return False
    return all(part not in _RESERVED and len(part.encode()) <= _LONGEST_PART for part in name.split("/"))


_LISTED: Final = "GET /api/v1/workflows lists those that are here."


def _is_there(service: Service, name: str) -> bool:
    return _is_name(name) and (_current(service, name) is not None or _ships(service, name))


def _ships(service: Service, name: str) -> bool:
    """Whether it is one of ours."""
    return any((folder / f"{name}{_SUFFIX}").is_file() for folder in service.workflows[1:])


def _shipped(name: str) -> ProblemError:
    told = (
        f"{name[:80]!r} comes with latentgraph and cannot be deleted; one that is saved under its name takes its place"
    )
    return ProblemError(409, "workflow_shipped", told)


def _unknown(name: str) -> ProblemError:
    return ProblemError(404, "unknown_workflow", f"there is no saved workflow {name[:80]!r}. {_LISTED}")


def _told(one: Version) -> dict[str, Json]:
    return {
        "name": one.name,
        "version": one.version,
        "etag": cast("Json", etag(one.digest) if one.digest else None),
        "created": one.created,
    }
