"""`/api/jobs`: the queue and the history as one list of jobs, as ComfyUI's newer clients ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from aiohttp import web

from graph.errors import InputError
from graph.json import Json, JsonObject
from server.http.bodies import json_body
from server.http.comfyui.messages import Course, milliseconds, plain, ui
from server.http.comfyui.queue import courses_of, status_of
from server.http.service import Service, service_of
from server.jobs.job import Job, State
from server.jobs.queries import Order
from server.jobs.request import shown

_STATUS: Final[Mapping[State, str]] = {
    "queued": "pending",
    "running": "in_progress",
    "done": "completed",
    "failed": "failed",
    "quarantined": "failed",
    "cancelled": "cancelled",
}
_MOST: Final = 10_000
_IMAGES: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")
_ORDERS: Final[Mapping[str, Order]] = {"created_at": "created", "execution_duration": "duration"}


async def list_jobs(request: web.Request) -> web.Response:
    """The jobs, with `status`, `workflow_id`, `sort_by`, `sort_order`, `limit` and `offset` chosen by the query."""
    query, service = request.query, service_of(request)
    wanted = [one.strip() for one in query.get("status", "").split(",") if one.strip()]
    unknown = [one for one in wanted if one not in _STATUS.values()]
    limit, offset = _whole(query.get("limit", "")), _whole(query.get("offset", ""))
    sort_by, order = query.get("sort_by", "created_at"), query.get("sort_order", "desc")
    if unknown:
        return _refused(f"Invalid status value(s): {', '.join(unknown)[:200]}")
    if sort_by not in _ORDERS:
        return _refused("sort_by must be 'created_at' or 'execution_duration'")
    if order not in ("asc", "desc"):
        return _refused("sort_order must be 'asc' or 'desc'")
    if limit is None or ("limit" in query and limit <= 0):
        return _refused("limit must be a positive integer")
    if offset is None:
        return _refused("offset must be an integer")
    states = [state for state, status in _STATUS.items() if not wanted or status in wanted]
    start = max(offset, 0)
    found = await service.desk.do(
        service.desk.store.listed,
        states,
        workflow=query.get("workflow_id"),
        by=_ORDERS[sort_by],
        descending=order == "desc",
        limit=min(limit or _MOST, _MOST),
        offset=start,
    )
    shown_jobs = [_shown(job) for job in found.jobs]
    more: JsonObject = {"offset": start, "limit": limit or None, "total": found.total}
    more["has_more"] = start + len(found.jobs) < found.total
    return web.json_response({"jobs": cast("Json", shown_jobs), "pagination": more})


async def get_job(request: web.Request) -> web.Response:
    """One job in full."""
    service, name = service_of(request), request.match_info["id"]
    job = await service.desk.do(service.desk.store.job, name)
    text = await service.desk.do(service.desk.store.request, name)
    if job is None or text is None:
        return web.json_response({"error": "Job not found"}, status=404)
    prompt, extra, _ = shown(text)
    told = _shown(job)
    told["outputs"] = {node: ui(one) for node, one in _outputs(job).items()}
    told["workflow"] = {"prompt": prompt, "extra_data": extra}
    if job.state not in ("queued", "running"):
        course = (await courses_of(service, [name])).get(name, Course())
        told["execution_status"] = status_of(job, prompt, course)
    return web.json_response(told)


async def cancel_job(request: web.Request) -> web.Response:
    """End one job, waiting or running. Repeating it changes nothing."""
    return await _cancelled(service_of(request), [request.match_info["id"]])


async def cancel_jobs(request: web.Request) -> web.Response:
    """End several jobs."""
    try:
        body = await json_body(request)
    except InputError as error:
        return _refused(str(error))
    names = body.get("job_ids") if isinstance(body, dict) else None
    if not isinstance(names, list) or not names or len(names) > _MOST or not all(isinstance(one, str) for one in names):
        return _refused("job_ids must be a list of ids")
    return await _cancelled(service_of(request), cast("list[str]", names))


async def _cancelled(service: Service, names: Sequence[str]) -> web.Response:
    found = [await service.desk.do(service.desk.store.job, name) for name in names]
    missing = [name for name, job in zip(names, found, strict=True) if job is None]
    if missing:
        status = 404 if len(names) == 1 else 400
        told: JsonObject = {"error": "Job not found", "invalid_ids": cast("Json", missing)}
        return web.json_response(told, status=status)
    was = [await service.crew.cancel(name) for name in names]
    return web.json_response({"cancelled": any(state in ("queued", "running") for state in was)})


def _shown(job: Job) -> JsonObject:
    files = [(node, file) for node, one in _outputs(job).items() for file in _files(one)]
    seen = [(node, file) for node, file in files if str(file["filename"]).lower().endswith(_IMAGES)]
    told: JsonObject = {
        "id": job.id,
        "status": _STATUS[job.state],
        "priority": plain(job.number),
        "create_time": milliseconds(job.created),
        "execution_start_time": milliseconds(job.started) if job.started else None,
        "execution_end_time": milliseconds(job.finished) if job.finished else None,
        "execution_error": _error(job),
        "outputs_count": len(files),
        "previewable_outputs_count": len(seen),
        "preview_output": {**seen[0][1], "nodeId": seen[0][0], "mediaType": "images"} if seen else None,
        "workflow_id": job.workflow,
    }
    return {name: value for name, value in told.items() if value is not None}


def _files(output: JsonObject) -> list[JsonObject]:
    return cast("list[JsonObject]", ui(output).get("images", []))


def _error(job: Job) -> Json:
    messages = cast("list[list[Json]]", status_of(job, {}, Course())["messages"]) if job.result.get("error") else []
    return next((one[1] for one in messages if one[0] == "execution_error"), None)


def _outputs(job: Job) -> dict[str, JsonObject]:
    return cast("dict[str, JsonObject]", job.result.get("outputs", {}))


def _whole(text: str) -> int | None:
    """The number in a field; 0 if it is empty, None if it is none."""
    digits = text.removeprefix("-")
    if not text:
        return 0
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else None


def _refused(message: str) -> web.Response:
    return web.json_response({"error": message}, status=400)
