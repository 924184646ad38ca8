"""`/queue`, `/history`, `/interrupt` and `/free`: the store, as ComfyUI's clients see it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from aiohttp import web

from graph.errors import InputError
from graph.json import Json, JsonObject
from server.http.bodies import json_body
from server.http.comfyui.errors import class_type
from server.http.comfyui.messages import COURSE, Course, milliseconds, plain, ui
from server.http.service import Service, service_of
from server.jobs.job import ENDS, Job
from server.jobs.request import shown

MOST_HISTORY: Final = 10_000
_PAGE: Final = 50
"""Jobs that are read at once with all that was asked for."""


async def get_queue(request: web.Request) -> web.Response:
    """What runs and what waits, each as their item of five, once clients are told of the prompts being answered now."""
    service = service_of(request)
    await service.answering.all_read()
    parts = [await _listed(service, jobs, _item) for jobs in await service.desk.do(service.desk.store.in_line)]
    return _json(f'{{"queue_running": [{parts[0]}], "queue_pending": [{parts[1]}]}}')


async def post_queue(request: web.Request) -> web.Response:
    """Take waiting prompts out of the queue."""
    service = service_of(request)
    body = await _object(request)
    if body.get("clear") is True:
        await service.in_slices(service.desk.store.cancel_waiting)
    if names := _names(body.get("delete")):
        await service.in_slices(service.desk.store.cancel_waiting, names)
    return web.Response()


async def get_history(request: web.Request) -> web.Response:
    """The prompts that have ended, in the order of their ends: the last `max_items`, or a window from `offset`."""
    service = service_of(request)
    try:
        most = _whole(request, "max_items")
        offset = _whole(request, "offset")
    except ValueError as error:
        return web.json_response({"error": f"{error} must be an integer"}, status=400)
    limit = MOST_HISTORY if most is None or most < 0 else min(most, MOST_HISTORY)
    start = None if offset is None or offset < 0 else offset
    jobs = await service.desk.do(service.desk.store.ended, limit=limit, offset=start)
    return _json(f"{{{await _listed(service, jobs, _named_entry)}}}")


async def get_history_of(request: web.Request) -> web.Response:
    """One prompt that has ended; an empty object for any other."""
    service = service_of(request)
    jobs = await service.desk.do(service.desk.store.ended, request.match_info["id"], limit=1)
    return _json(f"{{{await _listed(service, jobs, _named_entry)}}}")


async def post_history(request: web.Request) -> web.Response:
    """Forget prompts that have ended."""
    service = service_of(request)
    body = await _object(request)
    if body.get("clear") is True:
        await service.in_slices(service.desk.store.forget)
    if names := _names(body.get("delete")):
        await service.in_slices(service.desk.store.forget, names)
    return web.Response()


async def interrupt(request: web.Request) -> web.Response:
    """End what runs, or with `prompt_id` that prompt if it is the one that runs."""
    crew = service_of(request).crew
    wanted = None
    with contextlib.suppress(web.HTTPBadRequest):  # whoever wants an end gets it, however it is asked for
        wanted = (await _object(request)).get("prompt_id")
    for job in crew.running():
        if wanted is None or job == str(wanted):
            await crew.cancel(job)
    return web.Response()


async def free(request: web.Request) -> web.Response:
    """Let the workers forget models and results held in memory."""
    body = await _object(request)
    if body.get("unload_models") or body.get("free_memory"):
        service_of(request).crew.free()
    return web.Response()


async def _listed(service: Service, jobs: Sequence[str], shown_as: Callable[[Job, str, Course], str]) -> str:
    """These jobs as JSON with commas between. They are read some at a time: there may be thousands, each with all of its
    prompt, and the store has others to serve in between."""
    pages: list[str] = []
    for start in range(0, len(jobs), _PAGE):
        page = await service.desk.do(service.desk.store.with_requests, jobs[start : start + _PAGE])
        cut_short = [job.id for job, _ in page if job.state in ENDS and job.state != "done"]
        courses = await courses_of(service, cut_short)
        pages += await asyncio.to_thread(
            lambda found, known: [shown_as(job, text, known.get(job.id, Course())) for job, text in found],
            page,
            courses,
        )
    return ", ".join(pages)


async def courses_of(service: Service, jobs: Sequence[str]) -> Mapping[str, Course]:
    """How far these prompts got, by what was told of them."""
    courses: dict[str, Course] = {}
    for event in await service.desk.do(service.desk.store.told, jobs, COURSE) if jobs else ():
        courses.setdefault(event.job, Course()).hear(event.type, event.data)
    return courses


def _json(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/json")


def _item(job: Job, text: str, _course: Course) -> str:
    return json.dumps(_five(job, *shown(text)))


def _five(job: Job, prompt: JsonObject, extra: JsonObject, targets: list[str]) -> Json:
    return [plain(job.number), job.id, prompt, extra, cast("Json", targets)]


def _named_entry(job: Job, text: str, course: Course) -> str:
    return f"{json.dumps(job.id)}: {json.dumps(_entry(job, text, course))}"


def _entry(job: Job, text: str, course: Course) -> JsonObject:
    prompt, extra, targets = shown(text)
    outputs = cast("dict[str, JsonObject]", job.result.get("outputs", {}))
    told = {node: ui(one) for node, one in outputs.items()}
    return {
        "prompt": _five(job, prompt, extra, targets),
        "outputs": cast("Json", told),
        "status": status_of(job, prompt, course),
        "meta": {
            node: {"node_id": node, "display_node": node, "parent_node": None, "real_node_id": node} for node in told
        },
    }


def status_of(job: Job, prompt: JsonObject, course: Course) -> JsonObject:
    """How a prompt ended, with the messages that told of it."""
    done = job.state == "done"
    return {"status_str": "success" if done else "error", "completed": done, "messages": _messages(job, prompt, course)}


def _messages(job: Job, prompt: JsonObject, course: Course) -> Json:
    began: JsonObject = {"prompt_id": job.id, "timestamp": milliseconds(job.started)}
    ended: JsonObject = {"prompt_id": job.id, "timestamp": milliseconds(job.finished)}
    messages: list[Json] = [
        ["execution_start", began],
        ["execution_cached", {"nodes": job.result.get("cached", []), **began}],
    ]
    error = cast("JsonObject", job.result.get("error") or {})
    if job.state == "done":
        messages.append(["execution_success", ended])
    elif job.state == "cancelled":
        messages.append(["execution_interrupted", {**course.interrupted(), **ended}])
    else:
        kind = class_type(prompt, str(error.get("node") or ""))
        messages.append(["execution_error", {**course.failed(error, kind), **ended}])
    return messages


async def _object(request: web.Request) -> JsonObject:
    """The body as an object; none, or one that is no JSON at all, asks for nothing."""
    if not request.can_read_body:
        return {}
    try:
        body = await json_body(request)
    except InputError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    return body if isinstance(body, dict) else {}


def _names(value: Json) -> list[str]:
    return [str(one) for one in value[:10_000]] if isinstance(value, list) else []


def _whole(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 16):
        raise ValueError(name)
    return int(text)
