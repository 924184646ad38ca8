"""A job's events on a line of time, in the form that Chrome's tracing and Perfetto draw: where it waited, what ran when,
what was answered from the cache."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

from aiohttp import web

from graph.json import Json, JsonObject
from server.http.jobs import known
from server.http.service import service_of
from server.jobs.job import ENDS, Job, JobEvent

_QUEUE, _ATTEMPTS, _NODES = 0, 1, 2
"""Rows: the queue, the attempts, and from here on one for each node that runs beside others."""


async def get_trace(request: web.Request) -> web.Response:
    """The job as Chrome trace JSON: save it, and open it in a trace viewer."""
    job = await known(request)
    service = service_of(request)
    events = await service.desk.do(service.desk.store.events, job.id)
    name = re.sub(r"[^\w.-]", "_", job.id[:40], flags=re.ASCII)
    headers = {"Content-Disposition": f'attachment; filename="{name}.trace.json"'}
    return web.json_response(chrome_trace(job, events), headers=headers)


def chrome_trace(job: Job, events: Sequence[JobEvent]) -> JsonObject:
    """Pure: the events of one job in, the document out. Times are microseconds from the moment it was accepted."""
    start = events[0].time if events else job.created
    last = events[-1].time if events else start
    spans: list[Json] = []
    waiting: float | None = None
    attempt: tuple[float, JsonObject] | None = None
    rows: list[str | None] = []
    begun: dict[str, tuple[int, float, JsonObject]] = {}
    for event in events:
        data = event.data
        match event.type:
            case "queued":
                waiting = event.time
            case "running":
                if waiting is not None:
                    spans.append(_span("waiting", _QUEUE, waiting - start, event.time - waiting))
                waiting, attempt = None, (event.time, data)
            case "started":
                spans += [
                    _instant(f"{node}: cached", _ATTEMPTS, event.time - start)
                    for node in cast("list[str]", data["cached"])
                ]
            case "node_started":
                row = next((number for number, node in enumerate(rows) if node is None), len(rows))
                rows[row : row + 1] = [str(data["node"])]
                begun[str(data["node"])] = (row, event.time, data)
            case "node_finished" | "node_failed" | "node_blocked":
                spans += _ended(begun, rows, event, start)
            case kind if kind == "requeued" or kind in ENDS:
                if attempt is not None:
                    facts = {**attempt[1], "end": kind}
                    spans.append(_span("attempt", _ATTEMPTS, attempt[0] - start, event.time - attempt[0], facts))
                    attempt = None
                for node, (row, since, about) in begun.items():  # what its worker's death cut short
                    spans.append(
                        _span(node, _NODES + row, since - start, event.time - since, {**about, "status": kind})
                    )
                begun, rows = {}, []
                waiting = event.time if kind == "requeued" else None
    if waiting is not None:
        spans.append(_span("waiting", _QUEUE, waiting - start, last - waiting))
    names = [
        ("queue", _QUEUE),
        ("attempts", _ATTEMPTS),
        *((f"nodes {row + 1}", _NODES + row) for row in range(_most_rows(spans))),
    ]
    spans += [{"name": "thread_name", "ph": "M", "pid": 1, "tid": row, "args": {"name": name}} for name, row in names]
    other: JsonObject = {"job": job.id, "state": job.state, "accepted": start}
    return {"traceEvents": spans, "displayTimeUnit": "ms", "otherData": other}


def _ended(
    begun: dict[str, tuple[int, float, JsonObject]], rows: list[str | None], event: JobEvent, start: float
) -> list[Json]:
    data = event.data
    node = str(data["node"])
    facts: JsonObject = {name: data[name] for name in ("status", "reason", "tier", "code", "message") if name in data}
    if node not in begun:
        return [_instant(f"{node}: {facts.get('status', event.type)}", _ATTEMPTS, event.time - start, facts)]
    row, since, about = begun.pop(node)
    rows[row] = None
    seconds = float(cast("float", data.get("seconds") or event.time - since))
    return [_span(f"{about['type']} {node}", _NODES + row, event.time - seconds - start, seconds, {**about, **facts})]


def _span(name: str, row: int, at: float, seconds: float, facts: JsonObject | None = None) -> JsonObject:
    times: JsonObject = {"ts": round(max(at, 0.0) * 1e6), "dur": round(max(seconds, 0.0) * 1e6)}
    return {"name": name, "ph": "X", "pid": 1, "tid": row, **times, "args": facts or {}}


def _instant(name: str, row: int, at: float, facts: JsonObject | None = None) -> JsonObject:
    return {
        "name": name,
        "ph": "i",
        "s": "t",
        "pid": 1,
        "tid": row,
        "ts": round(max(at, 0.0) * 1e6),
        "args": facts or {},
    }


def _most_rows(spans: Sequence[Json]) -> int:
    rows = [cast("int", one["tid"]) for one in spans if isinstance(one, dict)]
    return max([row - _NODES + 1 for row in rows if row >= _NODES], default=0)
