"""What handlers work with: made once, never changed, found in the application under one key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web

from graph.cache.tiered import Cache
from nodes.folders import Folders
from server.catalogue import Nodes
from server.http.comfyui.answering import Answering
from server.http.logbook import LogBook
from server.http.problems import ProblemError
from server.http.user_files import UserFiles
from server.jobs.desk import Desk
from server.jobs.store import SLICE
from server.worker.blobs import CheckedBlobs
from server.worker.crew import Crew
from server.worker.hub import Hub
from server.workspace import Computing, Workspace


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is taken of a client: bytes of JSON and of an upload, nodes of a workflow, pixels in the pictures of one
    node, values in a JSON text, WebSockets at a time."""

    body: int = 16 * 2**20
    upload: int = 100 * 2**20
    nodes: int = 20_000
    pixels: int = 2**28
    values: int = 2_000_000
    sockets: int = 1_000


@dataclass(frozen=True, slots=True)
class Service:
    """`view` answers what the cache has; `workflows` are the folders of saved workflows, the user's own first; `decoding`
    bounds how many pictures are decoded at once, each in a process of its own; `log` has the latest lines, `blobs` what
    jobs saved; with `previews` every client of ComfyUI's socket gets pictures of running prompts, not only one that
    announces that it can tell them from results; `computing` is what workers compute with.
    """

    catalogue: Nodes
    workspace: Workspace
    view: Cache
    desk: Desk
    hub: Hub
    crew: Crew
    user: UserFiles
    workflows: tuple[Path, ...]
    decoding: asyncio.Semaphore
    log: LogBook
    blobs: CheckedBlobs
    bounds: Bounds = field(default_factory=Bounds)
    answering: Answering = field(default_factory=Answering)
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)
    previews: bool = False
    computing: Computing = field(default_factory=Computing)

    @property
    def folders(self) -> Folders:
        return self.workspace.folders

    async def in_slices(self, act: Callable[[Sequence[str] | None], int], jobs: Sequence[str] | None = None) -> int:
        """Do something of the store to these jobs, or all, so many at a time that nobody else waits long; returns how many
        there were."""
        total = 0
        while True:
            count = await self.desk.do(act, jobs)
            total += count
            if count < SLICE:
                return total

    def refuse_socket(self, request: web.Request) -> None:
        """Raise ProblemError: 426 for a request that opens no WebSocket, 503 when as many listen as are let in."""
        if not web.WebSocketResponse().can_prepare(request):
            told = f"{request.path!r} is a WebSocket: open it with a client of WebSockets (ws://...)"
            raise ProblemError(426, "websocket", told, headers={"Upgrade": "websocket"})
        if self.hub.listeners > self.bounds.sockets:  # the figures listen too
            raise ProblemError(503, "too_many_sockets", f"{self.hub.listeners} listen already")


SERVICE: Final = web.AppKey("service", Service)


def service_of(request: web.Request) -> Service:
    return request.app[SERVICE]
