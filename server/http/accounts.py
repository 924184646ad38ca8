"""Every request gets an id, is timed, and leaves a line in the log: the route, never the query, where tokens may be."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from server.http.metrics import METRICS
from server.logs import REQUEST

_log = logging.getLogger("latentgraph.http")

ID: Final = "X-Request-Id"
_GOOD_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET: Final = ("/health/live", "/health/ready", "/metrics")


@web.middleware
async def accounted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost of all, so that refusals are counted too."""
    given = request.headers.get(ID, "")
    identity = given if _GOOD_ID.fullmatch(given) else uuid.uuid4().hex[:16]
    token = REQUEST.set(identity)
    began = time.monotonic()
    status = 500
    try:
        response = await handler(request)
        status = response.status
        if not response.prepared:
            response.headers[ID] = identity
        return response
    finally:
        _tell(request, status, time.monotonic() - began)
        REQUEST.reset(token)


def _tell(request: web.Request, status: int, seconds: float) -> None:
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "(none)"
    metrics = request.app[METRICS]
    labels = {
        "method": request.method if status != 405 else "(other)",
        "route": route,
        "status_class": f"{status // 100}xx",
    }
    if request.headers.get("Upgrade", "").lower() != "websocket":  # how long somebody listened is not how long it took
        metrics.observe("http_server_request_duration_seconds", seconds, **labels)
    if status >= 500 and status != 503:
        metrics.count("latentgraph_internal_errors")
    changes = request.method not in ("GET", "HEAD", "OPTIONS")
    level = (
        logging.WARNING if status >= 500 else logging.INFO if changes or status in (401, 403, 421) else logging.DEBUG
    )
    if route not in _QUIET:
        facts = {
            "event": "request",
            "method": request.method,
            "route": route,
            "status": status,
            "seconds": round(seconds, 4),
        }
        _log.log(level, "%s %s %d in %.3f s", request.method, route, status, seconds, extra=facts)
