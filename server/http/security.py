"""Who may talk to the service: checked before routing, for every request and every WebSocket upgrade.

A page on the internet can make its visitor's browser call a service on the loopback address. It cannot forge `Host` (so
DNS rebinding is seen), nor hide its `Origin`, nor `Sec-Fetch-Site`; and it cannot send JSON without asking first. Programs
that are no browsers send none of these headers and are not asked for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from server.http.problems import ProblemError

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
}

RAW: Final = ("/upload/", "/userdata/")
"""Where a page of ours sends files as they are. Its `Origin` has been checked by then."""


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Which host names and origins are ours. `hosts` are names without port; the port must be `port`."""

    port: int
    hosts: frozenset[str] = field(default_factory=lambda: frozenset(LOOPBACK))
    origins: frozenset[str] = frozenset()

    def check(self, request: web.Request) -> None:
        """Raise `ProblemError` for a request that a foreign page may have caused."""
        self._check_host(request)
        self._check_origin(request)
        browser = "Origin" in request.headers or "Sec-Fetch-Site" in request.headers
        raw = request.path.removeprefix("/api").startswith(RAW)
        if request.can_read_body and browser and not raw and request.content_type != "application/json":
            raise ProblemError(415, "content_type", "a browser sends JSON here, with the content type application/json")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise ProblemError(415, "content_encoding", "bodies are sent as they are, not compressed")

    def _check_host(self, request: web.Request) -> None:
        given = request.headers.getall("Host", [])
        if len(given) != 1 or not self._is_ours(given[0]):
            raise ProblemError(421, "host", f"this service does not answer for the host {', '.join(given) or '(none)'}")

    def _check_origin(self, request: web.Request) -> None:
        for origin in request.headers.getall("Origin", []):
            if origin not in self.origins and not self._is_own_origin(origin):
                raise ProblemError(403, "origin", f"pages of {origin} may not use this service")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise ProblemError(403, "fetch_site", "pages of other sites may not use this service")

    def _is_own_origin(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and not parts.path and self._is_ours(parts.netloc)

    def _is_ours(self, netloc: str) -> bool:
        try:
            parts = urlsplit(f"//{netloc}")
            port = parts.port
        except ValueError:
            return False
        return parts.hostname in self.hosts and port == self.port and "@" not in netloc


def guard(doorkeeper: Doorkeeper) -> Middleware:
    """The middleware that asks the doorkeeper first."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        doorkeeper.check(request)
        response = web.Response() if request.method == "OPTIONS" else await handler(request)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    return check
