"""Our API of jobs: submit, list, look, cancel, retry, move, fetch what came out."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast, get_args

from aiohttp import web

from graph.comfyui.recognise import recognise
from graph.errors import InputError
from graph.json import Json, JsonObject, canonical
from server.draws import Draws, held, told
from server.http.bodies import Schema, conforming, json_body, object_body, whole_number, without_blocking
from server.http.checking import Requested, requested
from server.http.files import found, served
from server.http.problems import ProblemError
from server.http.service import Service, service_of
from server.jobs.job import ENDS, Accepted, Job, JobEvent, Move, State, Submission
from server.jobs.request import document_in, request_from_text
from server.worker.hub import Dropped, Listener, nobody
from server.worker.telling import problem

_TEXT: Final[Schema] = {"type": "string", "maxLength": 200, "pattern": "^(?![\\s\\S]*[\\u0000-\\u001f])"}
_PRIORITY: Final[Schema] = {"type": "number", "minimum": -1e9, "maximum": 1e9}
_RANK: Final[Schema] = {"type": "integer", "minimum": -1000, "maximum": 1000}
_TIME_LIMIT: Final[Schema] = {
    "exclusiveMinimum": 0,
    "maximum": 604_800,
    "description": "seconds that an attempt may run before it fails",
}
_ORDER: Final[Schema] = {
    "number": _PRIORITY | {"description": "place in the queue; lower runs first"},
    "front": {
        "type": "boolean",
        "description": "before all that wait, with the highest priority among them; of a `priority`, if that is given",
    },
    "priority": _RANK | {"description": "higher runs first, whatever the numbers; 0 is usual"},
    "time_limit": _TIME_LIMIT | {"type": "number"},
    "client": _TEXT | {"description": "who asks; events can be had by it"},
}
PARAMETERS: Final[Schema] = {"type": "object", "description": "values of the workflow's parameters, by name"}
_PARAMETERS_GO: Final = 'values of the workflow\'s parameters go into `parameters`: {"parameters": {"NAME": VALUE}}'
_WORKFLOW: Final = (
    "a workflow of any form: ours, ComfyUI's canvas or API prompt; "
    "a saved one is run by POST /api/v1/workflows/NAME/jobs"
)
_LONGEST_NAME: Final = 200
SUBMIT: Final[Schema] = {
    "type": "object",
    "description": _PARAMETERS_GO,
    "required": ["workflow"],
    "additionalProperties": False,
    "properties": {
        "workflow": {"type": "object", "description": _WORKFLOW},
        "parameters": PARAMETERS,
        "targets": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 20_000},
        "name": {
            "type": "string",
            "maxLength": _LONGEST_NAME,
            "description": "what lists call the job; the name in the workflow, if left out",
        },
        "scope": _TEXT | {"description": "names the workflow across runs, so that reasons can compare with the last"},
        **_ORDER,
    },
}
RUN: Final[Schema] = {
    "type": "object",
    "description": _PARAMETERS_GO,
    "additionalProperties": False,
    "properties": {"parameters": PARAMETERS, **_ORDER},
}
_PLACES: Final = ("number", "front", "before", "after")
_BESIDE: Final = ("before", "after")
"""Places beside another job, whose priority is taken over."""
MOVE: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "number": _PRIORITY,
        "priority": _RANK,
        "front": {
            "const": True,
            "description": "true, for a place before all that wait (or all of a `priority`); leave it out for another",
        },
        "before": _TEXT | {"description": "the id of a waiting job to run just before"},
        "after": _TEXT | {"description": "the id of a waiting job to run just after"},
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
RETRY: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "time_limit": _TIME_LIMIT
        | {
            "type": ["number", "null"],
            "description": "seconds that an attempt may run before it fails; null for none, that of the job if left out",
        }
    },
}
LONGEST_WAIT: Final = 600
WAIT: Final = {"wait": f"seconds to wait for the end of the job, up to {LONGEST_WAIT}"}
KEY: Final = {"Idempotency-Key": "a repeated submission with this key is the same job"}
_MOST_JOBS: Final = 500
JOBS_PAGE: Final = {
    "state": f"those in these states alone, with commas between: {', '.join(get_args(State))}",
    "limit": f"how many, up to {_MOST_JOBS}",
    "before": "what `next` of the page before said",
}


async def submit(request: web.Request) -> web.Response:
    """Accept a job: once answered with 202, no crash loses it. `?wait=SECONDS` answers 200 with the ended job instead."""
    data = await json_body(request)
    if isinstance(data, dict) and "workflow" not in data:
        with contextlib.suppress(InputError):
            recognise(data)
            data = {"workflow": data}
    body = await without_blocking(request, conforming, data, SUBMIT)
    return await kept(request, await asked_for(request, body, key_of(request)))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for, checked: the job to keep, warnings, and what was drawn for it."""

    submission: Submission
    warnings: list[JsonObject]
    draws: Draws


async def asked_for(request: web.Request, body: JsonObject, key: str | None) -> Asked:
    """A body of `SUBMIT` as a job to keep. Raises InputError with every problem."""
    service = service_of(request)
    targets = cast("list[str] | None", body.get("targets"))
    parameters = cast("JsonObject", body.get("parameters", {}))
    wanted = await without_blocking(
        request,
        requested,
        body["workflow"],
        parameters,
        targets,
        str(body.get("scope", "")),
        service.catalogue,
        service.folders,
        service.bounds,
    )
    name = str(body.get("name") or wanted.request.document.name)
    return await without_blocking(request, to_keep, wanted, body, key, about="workflow", name=name)


def key_of(request: web.Request) -> str | None:
    """The `Idempotency-Key`. Raises ProblemError."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 1 <= len(key) <= 200:
        raise ProblemError(400, "idempotency_key", "an idempotency key has 1 to 200 characters")
    return key


def to_keep(wanted: Requested, body: JsonObject, key: str | None, *, about: str, name: str) -> Asked:
    """The job to keep, called `name` in lists, and what to tell. A `key` makes a repeated submission of this body `about`
    the same thing the same job, whatever was drawn for it meanwhile."""
    made = Submission(
        id=uuid.uuid4().hex,
        request=wanted.request.to_text(),
        fingerprint=hashlib.blake2b(canonical([about, body]), digest_size=16).hexdigest(),
        client=cast("str | None", body.get("client")),
        number=None if body.get("number") is None else float(cast("float", body["number"])),
        first=body.get("front") is True,
        key=key,
        priority=cast("int | None", body.get("priority")),
        time_limit=_seconds(body.get("time_limit")),
        name=_in_a_line(name) or None,
    )
    return Asked(made, [problem(one) for one in wanted.warnings], wanted.draws)


def _in_a_line(name: str) -> str:
    """The name as lists can show it and every database keeps it: a workflow may be called anything."""
    shown = "".join(one if one.isprintable() else " " for one in name[:_LONGEST_NAME])
    return " ".join(shown.split())


def _seconds(value: Json) -> float | None:
    return None if value is None else float(cast("float", value))


async def kept(request: web.Request, asked: Asked) -> web.Response:
    """Commit the job, and answer: at once, or when it has ended."""
    service, wanted = service_of(request), asked.submission
    wait = _patience(request)
    if wait:
        accepted = await _accepted_and_awaited(service, wanted, wait)
    else:
        accepted = await service.desk.do(service.desk.store.accept, wanted)
    draws = await draws_of(service, accepted, asked)
    return _accepted(accepted, {"warnings": cast("Json", asked.warnings)} | told(draws))


async def _accepted_and_awaited(service: Service, wanted: Submission, wait: int) -> Accepted:
    """The job, heard of from its beginning on, at its end or as it stands when so many seconds are over."""
    with service.hub.listening(lambda job, _client: job == wanted.id, nobody) as listener:
        accepted = await service.desk.do(service.desk.store.accept, wanted)
        if accepted.new:
            job = await _end_heard(listener, wait) or await service.desk.do(service.desk.store.job, wanted.id)
            return replace(accepted, job=job or accepted.job)
    return replace(accepted, job=await awaited(service, accepted.job, wait))


async def draws_of(service: Service, accepted: Accepted, asked: Asked) -> Draws:
    """What was drawn for the job: now or, for a submission that was sent again, the first time."""
    if accepted.new or not asked.draws:
        return asked.draws
    text = await service.desk.do(service.desk.store.request, accepted.job.id)
    return held(request_from_text(text).document, asked.draws) if text else {}


def _accepted(accepted: Accepted, more: JsonObject) -> web.Response:
    job = accepted.job
    shown = show(job) | more
    status = 202 if accepted.new and job.state not in ENDS else 200
    return web.json_response(shown, status=status, headers={"Location": f"/api/v1/jobs/{job.id}"})


def _patience(request: web.Request) -> int:
    """Seconds that the client wants to wait for the end of the job."""
    return whole_number(request, "wait", 0, most=LONGEST_WAIT)


async def awaited(service: Service, job: Job, seconds: float) -> Job:
    """The job when it has ended, or as it stands when the time is up."""

    def wanted(one: str, _client: str | None) -> bool:
        return one == job.id

    with service.hub.listening(wanted, nobody) as listener:
        now = await service.desk.do(service.desk.store.job, job.id) or job
        if now.state in ENDS:
            return now
        ended = await _end_heard(listener, seconds)
    return ended or await service.desk.do(service.desk.store.job, job.id) or now


async def _end_heard(listener: Listener, seconds: float) -> Job | None:
    """The job whose end the listener hears of; None when the time is up first."""
    with contextlib.suppress(TimeoutError, Dropped):
        async with asyncio.timeout(seconds):
            while True:
                notice = await listener.next()
                if isinstance(notice, JobEvent) and notice.ended is not None:
                    return notice.ended
    return None


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
    wait = _patience(request)
    return web.json_response(show(await awaited(service_of(request), job, wait) if wait else job))


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


async def retry(request: web.Request) -> web.Response:
    """Submit what an ended job asked for anew, as a job of its own. What its nodes had finished is not computed again.
    `time_limit` gives it another time than the first had."""
    service = service_of(request)
    wait = _patience(request)
    body = await object_body(request, RETRY)
    job = await known(request)
    limit = _seconds(body.get("time_limit", job.time_limit))
    accepted = await service.desk.do(service.desk.store.retry, job.id, uuid.uuid4().hex, time_limit=limit)
    if accepted is None:
        raise unknown(job.id)
    if wait:
        accepted = replace(accepted, job=await awaited(service, accepted.job, wait))
    return _accepted(accepted, {"warnings": []})


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
