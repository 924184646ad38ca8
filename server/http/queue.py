"""The queue as a whole: paused or not, and many jobs accepted together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

from aiohttp import web

from graph.errors import InputError, Problem
from graph.json import Json, JsonObject
from server.draws import told as drawn
from server.http.bodies import Schema, object_body
from server.http.jobs import show
from server.http.problems import ProblemError
from server.http.service import service_of
from server.http.submitting import SUBMIT, Asked, asked_for, draws_of, key_of

MOST: Final = 1000
BATCH: Final[Schema] = {
    "type": "object",
    "required": ["jobs"],
    "additionalProperties": False,
    "properties": {"jobs": {"type": "array", "items": SUBMIT, "minItems": 1, "maxItems": MOST}},
}


async def state(request: web.Request) -> web.Response:
    """Whether the queue is paused, how many jobs are in each state, and the waiting ones in the order they will run."""
    service = service_of(request)
    paused = await service.desk.do(service.desk.store.paused)
    counts = await service.desk.do(service.desk.store.counts)
    line = await service.desk.do(service.desk.store.line, limit=MOST)
    return web.json_response({"paused": paused, "counts": counts, "waiting": [show(one) for one in line]})


async def pause(request: web.Request) -> web.Response:
    """Begin no job any more, also after a restart, until told to resume. What runs goes on."""
    service = service_of(request)
    await service.desk.do(service.desk.store.pause, True)
    return await state(request)


async def resume(request: web.Request) -> web.Response:
    """Begin jobs again."""
    service = service_of(request)
    await service.desk.do(service.desk.store.pause, False)
    return await state(request)


async def submit_many(request: web.Request) -> web.Response:
    """Accept all of these jobs or, if any is refused, none. `Idempotency-Key` makes a repeated batch the same jobs."""
    service = service_of(request)
    body = await object_body(request, BATCH)
    key = key_of(request)
    asked = await _asked(request, cast("list[JsonObject]", body["jobs"]), key)
    accepted = await service.desk.do(service.desk.store.accept_all, [one.submission for one in asked])
    told: list[Json] = [
        show(one.job)
        | {"warnings": cast("Json", each.warnings), "seeds": {}}
        | drawn(await draws_of(service, one, each))
        for one, each in zip(accepted, asked, strict=True)
    ]
    return web.json_response({"jobs": told}, status=202 if any(one.new for one in accepted) else 200)


async def _asked(request: web.Request, bodies: Sequence[JsonObject], key: str | None) -> list[Asked]:
    """The jobs to keep. Raises ProblemError (422) with every problem of every job, each where it is in the batch."""
    asked: list[Asked] = []
    refused: dict[int, str] = {}
    problems: list[Problem] = []
    for index, one in enumerate(bodies):
        try:
            # No client can have chosen such a key: a header has no line break.
            asked.append(await asked_for(request, one, None if key is None else f"{key}\n{index}"))
        except InputError as error:
            refused[index] = str(error)
            problems += [replace(problem, path=_in_batch(index, problem.path)) for problem in error.problems]
    if refused:
        index, said = next(iter(refused.items()))
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise ProblemError(
            422, "input_wrong", f"job {index} of the batch{more} is refused, so none is kept: {said}", problems[:MOST]
        )
    return asked


def _in_batch(index: int, path: str | None) -> str:
    """Where that is in the body: problems of a job have their places in its workflow, or its own fields."""
    within = (path or "$").removeprefix("$")
    own = not within or re.match(r"\.parameters(?!\[\d)|\.targets", within)
    return f"$.jobs[{index}]{'' if own else '.workflow'}{within}"
