"""Where node bodies run: a lane is a small pool of threads, so that encoding a PNG never holds the device.

`device` has one worker (work on one device is serial anyway), `cpu` one per core, `io` many (they mostly wait). Async
nodes share one event loop on a thread of its own and truly overlap. Threads start when first needed.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from graph.spec import Lane

T = TypeVar("T")


class Lanes:
    """The pools of one run, closed with it. `workers` may set the number of threads of a lane."""

    def __init__(self, workers: dict[Lane, int] | None = None) -> None:
        self._workers: dict[Lane, int] = {"device": 1, "cpu": os.cpu_count() or 1, "io": 16, **(workers or {})}
        self._pools: dict[Lane, ThreadPoolExecutor] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def submit(self, lane: Lane, work: Callable[[], T]) -> Future[T]:
        """Run `work` on a thread of `lane`."""
        pool = self._pools.get(lane)
        if pool is None:
            pool = ThreadPoolExecutor(self._workers[lane], thread_name_prefix=f"lane-{lane}")
            self._pools[lane] = pool
        return pool.submit(work)

    def submit_async(self, work: Coroutine[object, object, T]) -> Future[T]:
        """Run a coroutine on the event loop."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="lane-async", daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def __enter__(self) -> Lanes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)
        if self._loop is not None and self._thread is not None:
            asyncio.run_coroutine_threadsafe(_finish_all(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


async def _finish_all() -> None:
    """Cancel what still runs on the loop and wait until it has cleaned up after itself."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_default_executor()
