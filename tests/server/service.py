"""A running service for tests, on a port of its own."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from nodes.catalogue import ByType, load_catalogue
from server.http.service import Bounds
from server.http.serving import Door, Setup, serving
from server.jobs.store import Limits
from server.workspace import Computing, Workspace
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

    async def delete(self, path: str) -> Answer:
        return await self._ask("DELETE", path, {}, None)

    async def post(self, path: str, body: str | bytes, headers: dict[str, str] | None = None) -> Answer:
        data = body.encode() if isinstance(body, str) else body
        return await self._ask("POST", path, headers or {}, data)

    async def _ask(self, method: str, path: str, headers: dict[str, str], data: bytes | None) -> Answer:
        url = f"http://127.0.0.1:{self.port}{path}"
        sent = data if data is None or len(data) < 2**20 else io.BytesIO(data)
        async with self.session.request(method, url, headers=headers, data=sent) as response:
            return Answer(response.status, response.content_type, await response.read())


@asynccontextmanager
async def running(
    folder: Path,
    workers: Mapping[str, Sequence[str]] | None = None,
    *,
    previews: bool = False,
    limits: Limits | None = None,
    door: Door | None = None,
    bounds: Bounds | None = None,
    computing: Computing | None = None,
) -> AsyncIterator[Service]:
    """The service with its folders under `folder`, toy nodes beside the others, and these workers (none: jobs wait)."""
    with Workspace(toy_places(folder)) as workspace:
        catalogue = ByType({**load_catalogue(), **{name: one.spec for name, one in implementations().items()}})
        setup = Setup(
            catalogue, workspace, folder / "user", workers or {}, limits or Limits(), previews, door or Door(),
            bounds or Bounds(), computing=computing or Computing(),
        )  # fmt: skip
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            async with serving(setup, listening), ClientSession() as session:
                yield Service(session, listening.getsockname()[1])


@asynccontextmanager
async def working(folder: Path, *, previews: bool = False) -> AsyncIterator[Service]:
    """The service with a toy worker."""
    async with running(folder, {"cpu": command(folder)}, previews=previews) as service:
        yield service
