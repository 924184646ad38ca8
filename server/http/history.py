"""The history is the jobs that have ended: one of them is forgotten, or all. What they have saved in `output/` stays; blobs
go when no job has them any more."""

from __future__ import annotations

from aiohttp import web

from server.http.jobs import known
from server.http.service import service_of
from server.jobs.job import ENDS, StoreError


async def forget_job(request: web.Request) -> web.Response:
    """Forget a job that has ended, with its events. The files that it has saved stay in their folders."""
    service, job = service_of(request), await known(request)
    if job.state not in ENDS:
        raise StoreError(f"the job is {job.state}", code="job_not_ended", hint="Cancel it first, or wait for its end.")
    return web.json_response({"forgotten": await service.desk.do(service.desk.store.forget, [job.id])})


async def clear_history(request: web.Request) -> web.Response:
    """Forget every job that has ended, with its events. Those that wait or run stay, and so do saved files."""
    service = service_of(request)
    return web.json_response({"forgotten": await service.in_slices(service.desk.store.forget)})
