"""All workers of a service: told of cancels, and relieved of jobs they have gone silent on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from graph.json import JsonObject
from server.jobs.desk import Desk
from server.jobs.job import State, StoreError
from server.worker.hub import Hub
from server.worker.starting import Started
from server.worker.supervisor import Supervisor, UnansweredError, ignored

_log = logging.getLogger("latentgraph.worker")

CHECK = 1.0
"""Seconds between two looks for leases that have run out."""
_STOOD_STILL: Final = 2.0
"""Seconds between two such looks after which the store must have stood still."""


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
        """A lease measures the silence of a worker, and not that of the store: who was not heard while the store stood still
        has a lease anew, and what had not run out when it was asked has not run out because the answer came late."""
        store, answered = self._desk.store, time.monotonic()  # when it was asked what it last answered
        while True:
            await asyncio.sleep(CHECK)
            try:
                if time.monotonic() - answered > _STOOD_STILL:
                    await self._renew()
                asked = time.monotonic()
                expired = await self._desk.do(store.expire, store.clock())
            except StoreError as error:
                _log.warning("leases could not be looked at: %s", error)
                continue
            answered = asked
            for one in self.supervisors:
                if one.claim is not None and one.claim.id in expired:
                    one.kill()

    async def _renew(self) -> None:
        claims = [one.claim for one in self.supervisors if one.claim is not None]
        for claim in claims:
            await self._desk.do_unsettled(self._desk.store.beat, claim.id, claim.fence)
