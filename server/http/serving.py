"""The whole service at work: store, workers and application, opened in order and closed in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from graph.json import JsonObject
from graph.values import Values
from server.catalogue import Nodes
from server.http.app import create_app
from server.http.connections import Arrivals
from server.http.logbook import LogBook, logged
from server.http.metrics import Metrics, measured
from server.http.security import Doorkeeper, Gate
from server.http.service import Bounds, Service
from server.http.user_files import UserFiles
from server.jobs.database import open_database
from server.jobs.desk import Desk
from server.jobs.job import StoreError
from server.jobs.store import SLICE, Limits
from server.worker.blobs import BLOBS, CheckedBlobs
from server.worker.crew import Crew
from server.worker.hub import Hub
from server.worker.starting import Started
from server.worker.supervisor import ignored
from server.workspace import Computing, Workspace

_log = logging.getLogger("latentgraph.jobs")

SWEEP, AGE = 600.0, 3600.0
STRAYS: Final = 86_400.0
"""Seconds between two looks for files of blobs that the store knows nothing of, and how old these must be."""
BACKLOG: Final = 4096
"""Connections that may wait to be accepted; the system has a limit of its own. Where they are too many some are reset."""
PACKAGED: Final = Path(__file__).parent.parent.parent / "workflows"
"""The workflows that ship with the package."""


@dataclass(frozen=True, slots=True)
class Door:
    """Who is let in, beside those who reach the service on this machine under its own names: see `Doorkeeper`."""

    named: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What a service is made of: `user` holds what clients keep and, without the URL of a `database`, the jobs; `workers`
    are commands by device name, and `started` those of them that run already; `computing` is how they compute; with
    `previews` all of ComfyUI's clients get pictures while a prompt runs; `brought` hears which nodes plugins have."""

    catalogue: Nodes
    workspace: Workspace
    user: Path
    workers: Mapping[str, Sequence[str]]
    limits: Limits = field(default_factory=Limits)
    previews: bool = False
    door: Door = field(default_factory=Door)
    bounds: Bounds = field(default_factory=Bounds)
    started: Mapping[str, Started] = field(default_factory=dict)
    computing: Computing = field(default_factory=Computing)
    database: str | None = None
    brought: Callable[[JsonObject], None] = ignored


@contextlib.asynccontextmanager
async def serving(setup: Setup, listening: socket.socket) -> AsyncIterator[Service]:
    """While this is open the socket is answered and jobs run. Raises StoreError if the jobs cannot be kept."""
    hub = Hub()
    log = LogBook(asyncio.get_running_loop())
    opening = partial(open_database, setup.user, setup.database)
    with logged(log), Desk(opening, hub.publish, setup.limits) as desk:
        counts = await desk.do(desk.store.counts)
        hub.remaining = counts.get("queued", 0) + counts.get("running", 0)
        if await desk.do(desk.store.paused):
            _log.warning(
                "the queue is paused, jobs that wait: %d; /api/v1/queue/resume goes on", counts.get("queued", 0)
            )
        crew = Crew(setup.workers, desk, hub, setup.started, setup.brought)
        mine = UserFiles(setup.user / "default")
        service = Service(
            catalogue=setup.catalogue,
            workspace=setup.workspace,
            view=setup.workspace.cache(Values()),
            desk=desk,
            hub=hub,
            crew=crew,
            user=mine,
            workflows=(mine.root / "workflows", PACKAGED),
            previews=setup.previews,
            computing=setup.computing,
            decoding=asyncio.Semaphore(2),
            log=log,
            blobs=CheckedBlobs(setup.user / BLOBS),
            bounds=setup.bounds,
        )
        door = setup.door
        doorkeeper = Doorkeeper(listening.getsockname()[1], named=door.named, origins=door.origins, gate=door.gate)
        metrics, arrivals = Metrics(), Arrivals()
        app = create_app(service, doorkeeper, metrics)
        app.middlewares.insert(0, arrivals.noting())
        # A compressed body is refused by its header; nobody is to unpack it meanwhile.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0, auto_decompress=False)
        await runner.setup()
        try:
            await web.SockSite(runner, listening, backlog=BACKLOG).start()
            async with measured(service, metrics), arrivals.watched(runner), crew.at_work(), _sweeping(service):
                yield service
        finally:
            await runner.cleanup()


async def _remove_strays(service: Service) -> None:
    """Blobs that the store knows nothing of: left where a process was killed between a file and its row."""
    old = await asyncio.to_thread(service.blobs.old, STRAYS)
    for start in range(0, len(old), SLICE):
        strays = await service.desk.do(service.desk.store.without_blobs, old[start : start + SLICE])
        await asyncio.to_thread(service.blobs.remove, strays)


@contextlib.asynccontextmanager
async def _sweeping(service: Service) -> AsyncIterator[None]:
    """While this is open, blobs that no job has any more are removed now and then."""

    async def sweep() -> None:
        strays_due = time.monotonic()
        while True:
            await asyncio.sleep(SWEEP)
            with contextlib.suppress(StoreError):
                dropped = await service.desk.do(service.desk.store.drop_blobs, AGE)
                await asyncio.to_thread(service.blobs.remove, dropped)
                if time.monotonic() >= strays_due:
                    await _remove_strays(service)
                    strays_due = time.monotonic() + STRAYS

    task = asyncio.create_task(sweep())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
