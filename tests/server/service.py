"""A running service for tests, on a port of its own."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from graph.values import Values
from nodes.catalogue import load_catalogue
from server.http.app import create_app
from server.http.security import Doorkeeper
from server.workspace import Places, Workspace


@dataclass(frozen=True)
class Answer:
    """A response, read."""

    status: int
    kind: str
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - tests look into it freely

        return json.loads(self.body)


@dataclass(frozen=True)
class Service:
    """A way to ask a running service."""

    session: ClientSession
    port: int

    async def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return await self._ask("GET", path, headers or {}, None)

    async def post(self, path: str, body: str | bytes, headers: dict[str, str] | None = None) -> Answer:
        data = body.encode() if isinstance(body, str) else body
        return await self._ask("POST", path, headers or {}, data)

    async def _ask(self, method: str, path: str, headers: dict[str, str], data: bytes | None) -> Answer:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, headers=headers, data=data) as response:
            return Answer(response.status, response.content_type, await response.read())


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Service]:
    """The service with its folders under `folder`."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    with Workspace(Places(cache=folder / "cache", output=folder / "output", models=folder / "models")) as workspace:
        app = create_app(load_catalogue(), workspace, workspace.cache(Values()), Doorkeeper(port))
        runner = web.AppRunner(app)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        async with ClientSession() as session:
            yield Service(session, port)
        await runner.cleanup()
