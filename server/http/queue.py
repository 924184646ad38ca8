"""The queue as a whole: paused or not, and many jobs accepted together."""

from __future__ import annotations

from typing import Final, cast

from aiohttp import web

from graph.errors import InputError
from graph.json import Json, JsonObject
from server.draws import told as drawn
from server.http.bodies import Schema, object_body
from server.http.jobs import SUBMIT, Asked, asked_for, draws_of, key_of, show
from server.http.problems import ProblemError
from server.http.service import service_of

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
    asked: list[Asked] = []
    for index, one in enumerate(cast("list[JsonObject]", body["jobs"])):
        asked.append(await _asked(request, one, index, key))
    accepted = await service.desk.do(service.desk.store.accept_all, [one.submission for one in asked])
    told: list[Json] = [
        show(one.job)
        | {"warnings": cast("Json", each.warnings), "seeds": {}}
        | drawn(await draws_of(service, one, each))
        for one, each in zip(accepted, asked, strict=True)
    ]
    return web.json_response({"jobs": told}, status=202 if any(one.new for one in accepted) else 200)


async def _asked(request: web.Request, body: JsonObject, index: int, key: str | None) -> Asked:
    try:
        # No client can have chosen such a key: a header has no line break.
        return await asked_for(request, body, None if key is None else f"{key}\n{index}")
    except InputError as error:
        told = f"job {index} of the batch is refused, so none is kept: {error}"
        raise ProblemError(422, "input_wrong", told, error.problems) from None
