"""Our API of jobs that are kept: list, look, cancel, move, fetch what came out. `submitting.py` accepts them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final, cast, get_args

from aiohttp import web

from graph.json import Json, JsonObject
from server.http.bodies import Schema, object_body, whole_number, without_blocking
from server.http.files import found, served
from server.http.problems import ProblemError
from server.http.service import Service, service_of
from server.jobs.job import ENDS, Job, JobEvent, Move, State
from server.jobs.request import document_in
from server.worker.hub import Dropped, Listener, nobody, of_job

TEXT: Final[Schema] = {"type": "string", "maxLength": 200, "pattern": "^(?![\\s\\S]*[\\u0000-\\u001f])"}
PRIORITY: Final[Schema] = {"type": "number", "minimum": -1e9, "maximum": 1e9}
RANK: Final[Schema] = {"type": "integer", "minimum": -1000, "maximum": 1000}
_PLACES: Final = ("number", "front", "before", "after")
_BESIDE: Final = ("before", "after")
"""Places beside another job, whose priority is taken over."""
MOVE: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "number": PRIORITY,
        "priority": RANK,
        "front": {
            "const": True,
            "description": "true, for a place before all that wait (or all of a `priority`); leave it out for another",
        },
        "before": TEXT | {"description": "the id of a waiting job to run just before"},
        "after": TEXT | {"description": "the id of a waiting job to run just after"},
    },
    "minProperties": 1,
    "dependentSchemas": {
        name: {
            "properties": {
                other: {"not": {}} for other in (*_PLACES, *(("priority",) if name in _BESIDE else ())) if other != name
            }
        }
        for name in _PLACES
    },
}
LONGEST_WAIT: Final = 600
_BETWEEN_LOOKS: Final = 1.0
"""Seconds after which it is looked again whether somebody still waits."""
WAIT: Final = {"wait": f"seconds to wait for the end of the job, up to {LONGEST_WAIT}"}
_MOST_JOBS: Final = 500
JOBS_PAGE: Final = {
    "state": f"those in these states alone, with commas between: {', '.join(get_args(State))}",
    "limit": f"how many, up to {_MOST_JOBS}",
    "before": "what `next` of the page before said",
}


def patience(request: web.Request) -> int:
    """Seconds that the client wants to wait for the end of the job."""
    return whole_number(request, "wait", 0, most=LONGEST_WAIT)


async def awaited(request: web.Request, job: Job, seconds: float) -> Job:
    """The job when it has ended, or as it stands when the time is up or nobody waits any more."""
    service = service_of(request)
    with service.hub.listening(of_job(job.id), nobody) as listener:
        now = await service.desk.do(service.desk.store.job, job.id) or job
        if now.state in ENDS:
            return now
        ended = await end_heard(request, listener, seconds)
    return ended or await service.desk.do(service.desk.store.job, job.id) or now


async def end_heard(request: web.Request, listener: Listener, seconds: float) -> Job | None:
    """The job whose end the listener hears of; None when the time is up first, or the client has left."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not _has_left(request):
        try:
            async with asyncio.timeout(min(left, _BETWEEN_LOOKS)):
                notice = await listener.next()
        except TimeoutError:
            continue
        except Dropped:
            return None
        if isinstance(notice, JobEvent) and notice.ended is not None:
            return notice.ended
    return None


def _has_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def known(request: web.Request, job: str | None = None) -> Job:
    """The job of this request. Raises ProblemError (404)."""
    service = service_of(request)
    name = request.match_info["id"] if job is None else job
    found_job = await service.desk.do(service.desk.store.job, name)
    if found_job is None:
        raise unknown(name)
    return found_job


_LISTED: Final = "GET /api/v1/jobs lists those that are kept."


def unknown(job: str) -> ProblemError:
    return ProblemError(404, "unknown_job", f"there is no job {job[:80]!r}. {_LISTED}")


async def list_jobs(request: web.Request) -> web.Response:
    """Jobs, the latest first. `?state=a,b` chooses, `?limit=` and `?before=` page."""
    service = service_of(request)
    states = [one for one in request.query.get("state", "").split(",") if one] or list(get_args(State))
    unknown = [one for one in states if one not in get_args(State)]
    if unknown:
        raise ProblemError(400, "query", f"there is no state {unknown[0][:40]!r}: {', '.join(get_args(State))}")
    limit = whole_number(request, "limit", 50, least=1, most=_MOST_JOBS)
    before = whole_number(request, "before", 0) or None
    jobs = await service.desk.do(service.desk.store.newest, cast("list[State]", states), limit=limit, before=before)
    following = jobs[-1].position if len(jobs) == limit else None
    counts = await service.desk.do(service.desk.store.counts)
    return web.json_response({"jobs": [show(one) for one in jobs], "next": following, "counts": counts})


async def get_job(request: web.Request) -> web.Response:
    """One job: its state, and what came out or went wrong. `?wait=SECONDS` waits for its end."""
    job = await known(request)
    wait = patience(request)
    return web.json_response(show(await awaited(request, job, wait) if wait else job))


async def workflow_of_job(request: web.Request) -> web.Response:
    """The workflow of a job in our form, whatever the state of the job: with the values that were set and drawn for it."""
    service, name = service_of(request), request.match_info["id"]
    text = await service.desk.do(service.desk.store.request, name)
    if text is None:
        raise unknown(name)
    return web.json_response({"document": await without_blocking(request, document_in, text)})


async def cancel(request: web.Request) -> web.Response:
    """End a job: at once if it waits, within a step if it runs. Repeating it, or a job that has ended, changes nothing."""
    job = await known(request)
    await service_of(request).crew.cancel(job.id)
    return web.json_response(show(await known(request)), status=202)


async def move(request: web.Request) -> web.Response:
    """Give a waiting job another place in the queue."""
    service = service_of(request)
    body = await object_body(request, MOVE)
    job = await known(request)
    place = Move(
        number=cast("float | None", body.get("number")),
        priority=cast("int | None", body.get("priority")),
        front="front" in body,
        before=cast("str | None", body.get("before")),
        after=cast("str | None", body.get("after")),
    )
    await service.desk.do(service.desk.store.move, job.id, place)
    return web.json_response(show(await known(request)))


async def list_outputs(request: web.Request) -> web.Response:
    """The files a job has saved, with where to fetch each."""
    return web.json_response(outputs(await known(request)))


async def get_output(request: web.Request) -> web.StreamResponse:
    """One file a job has saved, by its number in the list: as it was saved, whatever has become of its name. Ranges and
    validators are understood."""
    job = await known(request)
    text = request.match_info["number"]
    listed = outputs(job)
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < len(listed)):
        raise ProblemError(404, "unknown_output", f"the job has {len(listed)} outputs, numbered from 0")
    one = listed[int(text)]
    path = await asyncio.to_thread(_saved, service_of(request), one)
    if path is None:
        raise ProblemError(404, "output_gone", f"the file {one['name']!r} is not there any more")
    return served(path, str(one["name"]))


def _saved(service: Service, output: JsonObject) -> Path | None:
    """The content that the job recorded or, where that is not kept, the file that has its name; None if that is gone too."""
    digest = output.get("digest")
    kept = service.blobs.find(str(digest)) if digest is not None else None
    return kept or found(service.folders, str(output["folder"]), str(output["name"]))


def outputs(job: Job) -> list[JsonObject]:
    """The files of a job in a stable order."""
    by_node = cast("dict[str, JsonObject]", job.result.get("outputs", {}))
    listed: list[JsonObject] = []
    for node, output in by_node.items():
        for file in cast("list[JsonObject]", output.get("files", [])):
            blob: JsonObject = {"blob": f"/api/v1/blobs/{file['digest']}"} if "digest" in file else {}
            listed.append({"node": node, **file, "url": f"/api/v1/jobs/{job.id}/outputs/{len(listed)}", **blob})
    return listed


def show(job: Job) -> JsonObject:
    """A job as our API tells of it. Times are seconds since 1970."""
    texts = {
        node: output["text"]
        for node, output in cast("dict[str, JsonObject]", job.result.get("outputs", {})).items()
        if "text" in output
    }
    return {
        "id": job.id,
        "state": job.state,
        "number": job.number,
        "priority": job.priority,
        "time_limit": job.time_limit,
        "client": job.client,
        "name": job.name,
        "attempts": job.attempts,
        "cancelling": job.ending == "cancelled" and job.state == "running",
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "seconds": job.result.get("seconds"),
        "nodes": job.result.get("nodes"),
        "outputs": cast("Json", outputs(job)),
        "texts": cast("Json", texts),
        "error": job.result.get("error"),
        "events": f"/api/v1/jobs/{job.id}/events",
    }
