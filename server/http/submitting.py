"""Our API of work to do: submit a workflow, or what an ended job asked for once more."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from dataclasses import dataclass, replace
from typing import Final, cast
from unicodedata import bidirectional, category

from aiohttp import web

from graph.comfyui.recognise import recognise
from graph.errors import InputError
from graph.json import Json, JsonObject, canonical
from server.draws import Draws, held, told
from server.http.bodies import Schema, conforming, json_body, object_body, without_blocking
from server.http.checking import Requested, requested
from server.http.jobs import PRIORITY, RANK, TEXT, awaited, end_heard, known, patience, show, unknown
from server.http.problems import ProblemError
from server.http.service import Service, service_of
from server.jobs.job import ENDS, Accepted, Submission
from server.jobs.request import request_from_text
from server.worker.hub import nobody, of_job
from server.worker.telling import problem

_TIME_LIMIT: Final[Schema] = {
    "exclusiveMinimum": 0,
    "maximum": 604_800,
    "description": "seconds that an attempt may run before it fails",
}
_ORDER: Final[Schema] = {
    "number": PRIORITY | {"description": "place in the queue; lower runs first"},
    "front": {
        "type": "boolean",
        "description": "before all that wait, with the highest priority among them; of a `priority`, if that is given",
    },
    "priority": RANK | {"description": "higher runs first, whatever the numbers; 0 is usual"},
    "time_limit": _TIME_LIMIT | {"type": "number"},
    "client": TEXT | {"description": "who asks; events can be had by it"},
}
PARAMETERS: Final[Schema] = {"type": "object", "description": "values of the workflow's parameters, by name"}
_PARAMETERS_GO: Final = 'values of the workflow\'s parameters go into `parameters`: {"parameters": {"NAME": VALUE}}'
_WORKFLOW: Final = (
    "a workflow of any form: ours, ComfyUI's canvas or API prompt; "
    "a saved one is run by POST /api/v1/workflows/NAME/jobs"
)
_LONGEST_NAME: Final = 200
_NO_LETTERS: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
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
            "description": f"what lists call the job, up to {_LONGEST_NAME} letters; the name in the workflow, if left out",
        },
        "scope": TEXT | {"description": "names the workflow across runs, so that reasons can compare with the last"},
        **_ORDER,
    },
}
RUN: Final[Schema] = {
    "type": "object",
    "description": _PARAMETERS_GO,
    "additionalProperties": False,
    "properties": {"parameters": PARAMETERS, **_ORDER},
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
KEY: Final = {"Idempotency-Key": "a repeated submission with this key is the same job"}


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
    if key is not None and not (1 <= len(key) <= 200 and not any(category(one) in _NO_LETTERS for one in key)):
        raise ProblemError(400, "idempotency_key", "an idempotency key has 1 to 200 characters that show")
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
    shown = "".join(" " if _unshown(one) else one for one in name[:_LONGEST_NAME])
    return " ".join(shown.split())


def _unshown(letter: str) -> bool:
    """Whether it is none, breaks the line, or turns what comes after it around; joiners stay, as scripts need them."""
    return category(letter) in _NO_LETTERS or bidirectional(letter) in _TURNING


def _seconds(value: Json) -> float | None:
    return None if value is None else float(cast("float", value))


async def kept(request: web.Request, asked: Asked) -> web.Response:
    """Commit the job, and answer: at once, or when it has ended."""
    service, wanted = service_of(request), asked.submission
    wait = patience(request)
    if wait:
        accepted = await _accepted_and_awaited(request, wanted, wait)
    else:
        accepted = await service.desk.do(service.desk.store.accept, wanted)
    draws = await draws_of(service, accepted, asked)
    return _accepted(accepted, {"warnings": cast("Json", asked.warnings)} | told(draws))


async def _accepted_and_awaited(request: web.Request, wanted: Submission, wait: int) -> Accepted:
    """The job, heard of from its beginning on, at its end or as it stands when so many seconds are over."""
    service = service_of(request)
    with service.hub.listening(of_job(wanted.id), nobody) as listener:
        accepted = await service.desk.do(service.desk.store.accept, wanted)
        if accepted.new:
            job = await end_heard(request, listener, wait) or await service.desk.do(service.desk.store.job, wanted.id)
            return replace(accepted, job=job or accepted.job)
    return replace(accepted, job=await awaited(request, accepted.job, wait))


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


async def retry(request: web.Request) -> web.Response:
    """Submit what an ended job asked for anew, as a job of its own. What its nodes had finished is not computed again.
    `time_limit` gives it another time than the first had."""
    service = service_of(request)
    wait = patience(request)
    body = await object_body(request, RETRY)
    job = await known(request)
    limit = _seconds(body.get("time_limit", job.time_limit))
    accepted = await service.desk.do(service.desk.store.retry, job.id, uuid.uuid4().hex, time_limit=limit)
    if accepted is None:
        raise unknown(job.id)
    if wait:
        accepted = replace(accepted, job=await awaited(request, accepted.job, wait))
    return _accepted(accepted, {"warnings": []})
