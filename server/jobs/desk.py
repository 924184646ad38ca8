"""The store on its own thread, for the event loop to await: one transaction is one call, with no `await` inside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, ParamSpec, TypeVar

from server.jobs.store import Limits, Publish, Store
from server.jobs.tables import lock, open_database

P = ParamSpec("P")
T = TypeVar("T")

DATABASE: Final = "jobs.sqlite"
LOCK: Final = "jobs.lock"


class Desk:
    """The one writer. A context manager; opening takes the lock, and takes back what ran when the last service ended."""

    def __init__(self, folder: Path, publish: Publish, limits: Limits | None = None) -> None:
        self._folder, self._publish, self._limits = folder, publish, limits
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobs")

    def __enter__(self) -> Desk:
        self._lock = lock(self._folder / LOCK)
        try:
            self.store = self._thread.submit(self._open).result()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.submit(self.store.close).result()
        self._thread.shutdown()
        self._lock.close()

    async def do(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a method of the store on its thread. A cancelled caller leaves the transaction to end as it does."""
        future = self._thread.submit(call, *arguments, **named)
        return await asyncio.shield(asyncio.wrap_future(future))

    def _open(self) -> Store:
        store = Store(open_database(self._folder / DATABASE), limits=self._limits, publish=self._publish)
        store.recover()
        return store
