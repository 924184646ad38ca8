"""From the store to whoever listens: kept events and passing progress, to queues that have an end.

A listener that does not keep up is dropped, not waited for; it connects again and asks for what it missed by number.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from graph.json import JsonObject
from server.jobs.job import ENDS, JobEvent

MOST_WAITING: Final = 10_000
MOST_BYTES: Final = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Passing:
    """Progress of a running job: `data` says of which node; `picture` is an encoded preview, or empty."""

    job: str
    client: str | None
    data: JsonObject
    picture: bytes = b""


Notice: TypeAlias = "JobEvent | Passing"
Wanted: TypeAlias = Callable[[str, "str | None"], bool]
"""Whether the events of a job (its id, its client) are wanted."""


def nobody(_job: str, _client: str | None) -> bool:
    """Wants nothing."""
    return False


class Dropped(Exception):  # noqa: N818 - an outcome, not a fault
    """The listener fell too far behind."""


@dataclass(slots=True, eq=False)
class Listener:
    """One queue of notices. `wanted` chooses whose events it gets, `progress` whose progress and pictures."""

    wanted: Wanted
    progress: Wanted
    _queue: asyncio.Queue[Notice | None] = field(default_factory=asyncio.Queue)
    _bytes: int = 0
    _dropped: bool = False

    def offer(self, notice: Notice) -> bool:
        """Queue the notice if it is wanted. False if the listener is dropped for it."""
        wanted = self.progress if isinstance(notice, Passing) else self.wanted
        if self._dropped or not wanted(notice.job, notice.client):
            return True
        size = _size_of(notice)
        if self._queue.qsize() >= MOST_WAITING or self._bytes + size > MOST_BYTES:
            self._dropped = True
            self._queue.put_nowait(None)
            return False
        self._bytes += size
        self._queue.put_nowait(notice)
        return True

    async def next(self) -> Notice:
        """The next notice. Raises `Dropped`."""
        notice = await self._queue.get()
        if notice is None or self._dropped:
            raise Dropped
        self._bytes -= _size_of(notice)
        return notice


def _size_of(notice: Notice) -> int:
    """Bytes that it keeps from being let go, about."""
    return len(notice.picture if isinstance(notice, Passing) else notice.text)


class Hub:
    """Everybody who listens. Used on the event loop."""

    def __init__(self) -> None:
        self.remaining = 0
        """How many jobs wait or run."""
        self.dropped = 0
        """How many listeners have fallen too far behind."""
        self._listeners: set[Listener] = set()

    @contextlib.contextmanager
    def listening(self, wanted: Wanted, progress: Wanted) -> Iterator[Listener]:
        listener = Listener(wanted, progress)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def publish(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            if isinstance(notice, JobEvent):
                self.remaining += (notice.type == "queued") - (notice.type in ENDS)
        for listener in tuple(self._listeners):
            for notice in notices:
                self.dropped += not listener.offer(notice)

    def watched(self, job: str, client: str | None) -> bool:
        """Whether anybody looks at this job's previews."""
        return any(one.progress(job, client) for one in self._listeners)
