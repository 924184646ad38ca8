"""A running service for tests, on a port of its own."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from nodes.catalogue import ByType, load_catalogue
from server.http.serving import Setup, serving
from server.workspace import Workspace
from tests.server.toy_worker import command, implementations, toy_places


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
async def running(folder: Path, workers: Mapping[str, Sequence[str]] | None = None) -> AsyncIterator[Service]:
    """The service with its folders under `folder`, and the workers asked for (none: jobs wait)."""
    with Workspace(toy_places(folder)) as workspace:
        catalogue = load_catalogue()
        if workers:
            catalogue = ByType({**catalogue, **{name: one.spec for name, one in implementations().items()}})
        setup = Setup(catalogue, workspace, folder / "user", workers or {})
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            async with serving(setup, listening), ClientSession() as session:
                yield Service(session, listening.getsockname()[1])


@asynccontextmanager
async def working(folder: Path) -> AsyncIterator[Service]:
    """The service with a toy worker."""
    async with running(folder, {"cpu": command(folder)}) as service:
        yield service
