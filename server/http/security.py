"""Who may talk to the service: checked before any handler, for every request and every WebSocket upgrade.

A page on the internet can make its visitor's browser call a service on the loopback address. It cannot forge `Host` (so
DNS rebinding is seen), nor hide its `Origin`, nor `Sec-Fetch-Site`; and it cannot send JSON without asking first. Programs
that are no browsers send none of these headers and are not asked for them. The order: host, origin, token, kind of body.
"""

from __future__ import annotations

import binascii
import hmac
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from aiohttp import BasicAuth, web
from aiohttp.typedefs import Handler, Middleware

from graph.errors import InputError
from server.http.problems import ProblemError
from server.tokens import LOOPBACK, Tokens

_log = logging.getLogger("latentgraph.http")

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
}

RAW: Final = ("/upload/", "/userdata/", "/v1/uploads")
"""Where a page of ours sends files as they are. Its `Origin` has been checked by then."""

OPEN: Final = ("/", "/favicon.svg", "/health/live", "/health/ready")
OPEN_BELOW: Final = "/assets/"
"""What is told without a token: that the service is there, and the editor, which then asks for one."""

_HOST: Final = "; `latentgraph serve --allow-host NAME` lets it answer for a name"
_ORIGIN: Final = "; `latentgraph serve --allow-origin URL` lets those of a site"
_CREATE: Final = "`latentgraph token create NAME` makes one"

_TICKET_SECONDS: Final = 30.0
_MOST_TICKETS: Final = 1000


class Tickets:
    """Words that open one WebSocket each, soon after they were given out: browsers send no token with an upgrade."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def give(self) -> str:
        now = time.monotonic()
        self._until = {one: until for one, until in self._until.items() if until > now}
        if len(self._until) >= _MOST_TICKETS:
            raise ProblemError(429, "too_many_tickets", "too many tickets are waiting to be used")
        ticket = secrets.token_urlsafe(24)
        self._until[ticket] = now + _TICKET_SECONDS
        return ticket

    def take(self, ticket: str) -> bool:
        """Whether the ticket is good. It is not afterwards."""
        return self._until.pop(ticket, 0.0) > time.monotonic()


@dataclass(frozen=True, slots=True)
class Gate:
    """Asks for a token: one of `tokens`, or the one of this start."""

    tokens: Tokens
    started: str | None = None
    tickets: Tickets = field(default_factory=Tickets)

    def check(self, request: web.Request) -> None:
        """Raise ProblemError (401) for a request that brings none."""
        if request.path in OPEN or request.path.startswith(OPEN_BELOW):
            return
        ticket = request.query.get("ticket")
        if (
            ticket is not None
            and request.headers.get("Upgrade", "").lower() == "websocket"
            and self.tickets.take(ticket)
        ):
            return
        secret = _secret(request)
        if secret is None:
            told = f"this service asks for a token: send `Authorization: Bearer TOKEN`; {_CREATE}"
            raise ProblemError(401, "token", told)
        if not self._is_known(secret):
            raise ProblemError(401, "token", f"the token that was sent is not known here, or not any more; {_CREATE}")

    def _is_known(self, secret: str) -> bool:
        given = secret.encode("utf-8", "surrogateescape")
        if self.started is not None and hmac.compare_digest(given, self.started.encode()):
            return True
        try:
            return self.tokens.holder(secret) is not None
        except InputError as error:  # a damaged file lets nobody in
            _log.error("%s", error)  # noqa: TRY400 - a trace would tell nothing
            return False


def _secret(request: web.Request) -> str | None:
    """The token in the header, as the password of a client that knows no tokens, or in the query of one that can set no
    header."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return str(BasicAuth.decode(f"Basic {value}").password)
        except (ValueError, binascii.Error):
            return None
    return request.query.get("token")


def _follows_a_link(request: web.Request) -> bool:
    """Whether a person came from another site's page to the editor itself, which does nothing by being opened and cannot be
    framed."""
    headers = request.headers
    navigates = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    return navigates and request.method == "GET" and request.path == "/"


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Which host names and origins are ours. `hosts` are names at our port; `named` are names at any port, or with one
    that must be it; pages of `origins` may use the service as if they were ours. With a `gate`, a token is asked for."""

    port: int
    hosts: frozenset[str] = field(default_factory=lambda: frozenset(LOOPBACK))
    named: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    gate: Gate | None = None

    def check(self, request: web.Request) -> None:
        """Raise `ProblemError` for a request that a foreign page may have caused, or that brings no token."""
        self._check_host(request)
        self._check_origin(request)
        if self.gate is not None and request.method != "OPTIONS":
            self.gate.check(request)
        self._check_body(request)

    def cors(self, request: web.Request) -> Mapping[str, str]:
        """What an answer says to a page of another origin that may use the service."""
        origin = request.headers.get("Origin", "")
        if origin not in self.origins:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Range",
            "Access-Control-Expose-Headers": "ETag, Location, Content-Range, Retry-After",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Vary": "Origin",
        }

    def _check_host(self, request: web.Request) -> None:
        given = request.headers.getall("Host", [])
        if len(given) != 1 or not self._is_ours(given[0]):
            named = ", ".join(given)[:200] or "(none)"
            raise ProblemError(421, "host", f"this service does not answer for the host {named}{_HOST}")
        if not self._is_known(request.url.host, request.url.port):
            raise ProblemError(
                421, "host", f"this service does not answer for the host in the target of the request{_HOST}"
            )

    def _check_origin(self, request: web.Request) -> None:
        origins = request.headers.getall("Origin", [])
        for origin in origins:
            if origin not in self.origins and not self._is_own_origin(origin):
                raise ProblemError(403, "origin", f"pages of {origin[:200]} may not use this service{_ORIGIN}")
        allowed = any(origin in self.origins for origin in origins) or _follows_a_link(request)
        if not allowed and request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise ProblemError(403, "fetch_site", f"pages of other sites may not use this service{_ORIGIN}")

    def _check_body(self, request: web.Request) -> None:
        browser = "Origin" in request.headers or "Sec-Fetch-Site" in request.headers
        raw = request.path.removeprefix("/api").startswith(RAW)
        if request.can_read_body and browser and not raw and request.content_type != "application/json":
            raise ProblemError(415, "content_type", "a browser sends JSON here, with the content type application/json")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise ProblemError(415, "content_encoding", "bodies are sent as they are, not compressed")

    def _is_own_origin(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        plain = not (parts.path or parts.query or parts.fragment)
        return parts.scheme in ("http", "https") and plain and self._is_ours(parts.netloc)

    def _is_ours(self, netloc: str) -> bool:
        try:
            parts = urlsplit(f"//{netloc}")
            name, port = parts.hostname, parts.port
        except ValueError:
            return False
        if "@" in netloc or parts.path or parts.query or parts.fragment:
            return False
        return self._is_known(name, port)

    def _is_known(self, name: str | None, port: int | None) -> bool:
        if name in self.named or f"{name}:{port}" in self.named:
            return True
        return name in self.hosts and port == self.port


def guard(doorkeeper: Doorkeeper) -> Middleware:
    """The middleware that asks the doorkeeper first."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        doorkeeper.check(request)
        return web.Response() if request.method == "OPTIONS" else await handler(request)

    return check


def protected(app: web.Application, doorkeeper: Doorkeeper) -> None:
    """Put the headers that tell browsers what they may do on every answer, errors and streams too."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in {**HEADERS, **doorkeeper.cors(request)}.items():
            response.headers.setdefault(name, value)
        if response.status == 401:
            response.headers.setdefault("WWW-Authenticate", "Bearer")

    app.on_response_prepare.append(add)
