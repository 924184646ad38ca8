"""Whether the service lives, and whether it gets anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from server.http.metrics import METRICS, STUCK, is_paused
from server.http.service import Service, service_of
from server.jobs.job import StoreError
from server.worker.telling import problem

_PROBE: Final = 2.0
"""Seconds that the store may take to answer."""
_FLOOR: Final = 64 * 2**20
"""Bytes of disk below which no job can be kept for long."""


async def live(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "live"})


async def ready(request: web.Request) -> web.Response:
    """Jobs are taken up: 503 with reasons while no worker is ready, the store or the disk fails, or jobs wait beside an idle
    worker. A queue that somebody has `paused` is no failure: it is told in `notes`."""
    service = service_of(request)
    workers = {
        one.name: {
            "ready": one.ready,
            "busy": one.claim is not None,
            "unable": problem(one.unable) if one.unable else None,
        }
        for one in service.crew.supervisors
    }
    since = request.app[METRICS].stuck_since
    reasons = [one async for one in _reasons(service)]
    if since is not None and time.monotonic() - since > STUCK:
        reasons.append(f"jobs have waited beside an idle worker for {time.monotonic() - since:.0f} s")
    status = "ready" if not reasons else "starting" if reasons == [_STARTING] else "not ready"
    paused = await _is_paused(service)
    told = {
        "status": status,
        "workers": workers,
        "reasons": reasons,
        "paused": paused,
        "notes": [_PAUSED] if paused else [],
    }
    return web.json_response(told, status=503 if reasons else 200)


_STARTING: Final = "no worker is ready"
_PAUSED: Final = "the queue is paused: no job is begun until POST /api/v1/queue/resume"


async def _is_paused(service: Service) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PROBE):
            return await is_paused(service)
    return False


async def _reasons(service: Service) -> AsyncIterator[str]:
    if not service.crew.ready:
        unable = {one.name: one.unable for one in service.crew.supervisors if one.unable is not None}
        if not unable or len(unable) < len(service.crew.supervisors):
            yield _STARTING
        for name, why in unable.items():
            yield f"worker {name} cannot start: {why.message} [{why.code}]. {why.hint or ''}".rstrip()
    try:
        async with asyncio.timeout(_PROBE):
            await service.desk.do(service.desk.store.counts)
    except TimeoutError:
        yield f"the store has not answered within {_PROBE:.0f} s"
    except StoreError as error:
        yield f"the store fails: {error}"
    free = await asyncio.to_thread(shutil.disk_usage, service.user.root.parent)
    if free.free < _FLOOR:
        yield f"{free.free:,} bytes are left on the disk"
