"""Connections on which no request arrives: they are closed after a while, even if somebody goes on with a head byte by byte.

The server itself limits only how long a connection may rest between two requests. Bodies have limits of their own
(`bodies.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_protocol import RequestHandler

PATIENCE: Final = 30.0
"""Seconds from the opening of a connection to the end of the first request's head."""


class Arrivals:
    """Which connections have brought a request."""

    def __init__(self) -> None:
        self._opened: dict[RequestHandler, float] = {}
        self._heard: set[RequestHandler] = set()

    def noting(self) -> Middleware:
        """A middleware that takes note of every request."""

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._heard.add(request.protocol)
            return await handler(request)

        return note

    @contextlib.asynccontextmanager
    async def watched(self, runner: web.AppRunner) -> AsyncIterator[None]:
        """While this is open, connections that bring none in time are closed."""
        task = asyncio.create_task(self._watch(runner))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self, runner: web.AppRunner) -> None:
        while True:
            await asyncio.sleep(PATIENCE / 4)
            now = time.monotonic()
            connections = runner.server.connections if runner.server is not None else []
            self._heard &= set(connections)
            self._opened = {one: self._opened.get(one, now) for one in connections if one not in self._heard}
            for one, opened in self._opened.items():
                if now - opened > PATIENCE:
                    one.force_close()
