"""Whether the service lives, and whether it gets anywhere."""

from __future__ import annotations

from aiohttp import web

from server.http.service import service_of


async def live(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "live"})


async def ready(request: web.Request) -> web.Response:
    """Jobs can be taken up: 503 while no worker is ready."""
    crew = service_of(request).crew
    workers = {one.name: {"ready": one.ready, "busy": one.claim is not None} for one in crew.supervisors}
    status = "ready" if crew.ready else "starting"
    return web.json_response({"status": status, "workers": workers}, status=200 if crew.ready else 503)
