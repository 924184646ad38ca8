"""From the store to whoever listens: kept events and passing progress, to queues that have an end.

A listener that does not keep up is dropped, not waited for; it connects again and asks for what it missed by number.

Events are told when they are kept, progress at once; so that it is not told before what its worker said earlier, it is held
back until that has been told. Of each node the latest alone is held.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

from graph.json import JsonObject
from server.jobs.job import ENDS, OWN_WORDS, JobEvent

MOST_WAITING: Final = 10_000
MOST_BYTES: Final = 32 * 2**20
MOST_OF_RESULTS: Final = 256 * 2**20
"""Bytes of pictures that are results and wait beside it: a preview that is left out is not missed, a result is."""


@dataclass(frozen=True, slots=True)
class Passing:
    """Progress of a running job: `data` says of which node; `picture` is an encoded preview, or empty, or a result that is
    only told (`is_result`)."""

    job: str
    client: str | None
    data: JsonObject
    picture: bytes = b""
    is_result: bool = False


Notice: TypeAlias = "JobEvent | Passing"
Place: TypeAlias = "tuple[int, int]"
"""How far the words of a worker have come: the attempt at its job, and how many of its words were said in it."""
Wanted: TypeAlias = Callable[[str, "str | None"], bool]
"""Whether the events of a job (its id, its client) are wanted."""


def of_job(wanted: str) -> Wanted:
    """Wants those of one job."""
    return lambda job, _client: job == wanted


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
    dropped: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it fell too far behind; what waited for it is let go."""
    _queue: asyncio.Queue[Notice | None] = field(default_factory=asyncio.Queue)
    _bytes: int = 0
    _of_results: int = 0

    def offer(self, notice: Notice) -> bool:
        """Queue the notice if it is wanted. False if the listener is dropped for it."""
        wanted = self.progress if isinstance(notice, Passing) else self.wanted
        if self.dropped.is_set() or not wanted(notice.job, notice.client):
            return True
        self._count(notice, 1)
        if self._queue.qsize() >= MOST_WAITING or self._bytes > MOST_BYTES or self._of_results > MOST_OF_RESULTS:
            self.dropped.set()
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(None)
            return False
        self._queue.put_nowait(notice)
        return True

    @property
    def waiting(self) -> int:
        """How many notices are queued."""
        return self._queue.qsize()

    async def next(self) -> Notice:
        """The next notice. Raises `Dropped`."""
        notice = await self._queue.get()
        if notice is None or self.dropped.is_set():
            raise Dropped
        self._count(notice, -1)
        return notice

    def _count(self, notice: Notice, sign: int) -> None:
        if isinstance(notice, Passing) and notice.is_result:
            self._of_results += sign * _size_of(notice)
        else:
            self._bytes += sign * _size_of(notice)


def _size_of(notice: Notice) -> int:
    """Bytes that it keeps from being let go, about."""
    return len(notice.picture if isinstance(notice, Passing) else notice.text)


@dataclass(slots=True)
class _Line:
    """What has been told of a running job, and progress that has to wait: of each node the last, and every result."""

    told: Place = (0, 0)
    held: list[tuple[Place, Passing]] = field(default_factory=list)

    def hold(self, place: Place, progress: Passing) -> None:
        node = progress.data["node"]
        self.held = [one for one in self.held if one[1].is_result or one[1].data["node"] != node]
        self.held.append((place, progress))

    def hear(self, event: JobEvent) -> None:
        if event.type == "running":
            self.told = (cast("int", event.data["attempt"]), 0)
        elif event.type not in OWN_WORDS:
            self.told = (self.told[0], self.told[1] + 1)

    def due(self) -> list[Passing]:
        """What need not wait any longer, in the order it was said."""
        ready = [one for place, one in self.held if place <= self.told]
        self.held = [one for one in self.held if one[0] > self.told]
        return ready


class Hub:
    """Everybody who listens. Used on the event loop."""

    def __init__(self) -> None:
        self.remaining = 0
        """How many jobs wait or run."""
        self.dropped = 0
        """How many listeners have fallen too far behind."""
        self._listeners: set[Listener] = set()
        self._lines: dict[str, _Line] = {}

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

    def publish(self, events: Sequence[JobEvent]) -> None:
        """Tell what was kept, and the progress that waited for it."""
        notices: list[Notice] = []
        for event in events:
            self.remaining += (event.type == "queued") - (event.type in ENDS)
            notices.append(event)
            notices += self._due_after(event)
        self._offer(notices)

    def pass_on(self, progress: Passing, place: Place) -> None:
        """Tell progress as soon as the words have been told that its worker said before it."""
        line = self._lines.setdefault(progress.job, _Line())
        if place <= line.told:
            self._offer([progress])
            return
        line.hold(place, progress)

    def _due_after(self, event: JobEvent) -> list[Passing]:
        if event.type in ENDS:
            self._lines.pop(event.job, None)
            return []
        if event.type in OWN_WORDS and event.type != "running":
            return []
        line = self._lines.setdefault(event.job, _Line())
        line.hear(event)
        return line.due()

    def _offer(self, notices: Sequence[Notice]) -> None:
        for listener in tuple(self._listeners):
            for notice in notices:
                self.dropped += not listener.offer(notice)

    def watched(self, job: str, client: str | None) -> bool:
        """Whether anybody looks at this job's previews."""
        return any(one.progress(job, client) for one in self._listeners)
