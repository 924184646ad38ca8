"""All workers of a service: told of cancels, and relieved of jobs they have gone silent on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from graph.json import JsonObject
from server.jobs.desk import Desk
from server.jobs.job import State, StoreError
from server.worker.hub import Hub
from server.worker.starting import Started
from server.worker.supervisor import Supervisor, UnansweredError, ignored

_log = logging.getLogger("latentgraph.worker")

CHECK = 1.0
"""Seconds between two looks for leases that have run out."""


class Crew:
    """The supervisors, by the name of their device. `brought` hears which nodes of plugins their workers have found."""

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        desk: Desk,
        hub: Hub,
        started: Mapping[str, Started] | None = None,
        brought: Callable[[JsonObject], None] = ignored,
    ) -> None:
        first = started or {}
        self._desk = desk
        self.supervisors = [
            Supervisor(name, command, desk, hub, first.get(name), brought) for name, command in commands.items()
        ]

    @property
    def ready(self) -> bool:
        """Whether any worker can take a job."""
        return any(one.ready for one in self.supervisors)

    async def cancel(self, job: str) -> State | None:
        """End a job wherever it is. Returns the state it was in; None if there is none."""
        state = await self._desk.do(self._desk.store.cancel, job)
        if state == "running":
            for one in self.supervisors:
                one.cancel(job)
        return state

    def running(self) -> list[str]:
        """The jobs at work."""
        return [one.claim.id for one in self.supervisors if one.claim is not None]

    async def ask(self, question: str, data: JsonObject) -> JsonObject:
        """What a worker says, an idle one if there is any. Raises UnansweredError."""
        by_leisure = sorted(self.supervisors, key=lambda one: (not one.ready, one.claim is not None))
        if not by_leisure:
            raise UnansweredError("this service has no worker", code="no_worker")
        return await by_leisure[0].ask(question, data)

    def free(self) -> None:
        """Let every worker forget what it holds in memory."""
        for one in self.supervisors:
            one.free()

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[Crew]:
        """While this is open the workers live. Jobs still running at its end are taken up by the next service."""
        tasks = [asyncio.create_task(one.run()) for one in self.supervisors]
        tasks.append(asyncio.create_task(self._watch_leases()))
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch_leases(self) -> None:
        while True:
            await asyncio.sleep(CHECK)
            try:
                expired = await self._desk.do(self._desk.store.expire)
            except StoreError as error:
                _log.warning("leases could not be looked at: %s", error)
                continue
            for one in self.supervisors:
                if one.claim is not None and one.claim.id in expired:
                    one.kill()
