"""Transactions of the store: each alone, or several as one; what they record; and who is told, when the disk has it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import Float, Integer, bindparam, insert, update
from sqlalchemy.engine import Connection

from server.jobs.database import Database
from server.jobs.job import Happening, Job, JobEvent
from server.jobs.tables import EVENTS, JOBS

Publish = Callable[[Sequence[JobEvent]], None]

# Statements are built once: building one costs more than running it.
ADDED: Final = JOBS.c.recorded + bindparam("more", type_=Integer)
_COUNT_UP: Final = (
    update(JOBS)
    .where(JOBS.c.id == bindparam("of_job"))
    .values(recorded=ADDED)
    .returning(JOBS.c.recorded, JOBS.c.client)
)
_INSERT_EVENT: Final = insert(EVENTS).values(time=bindparam("time", type_=Float))


@dataclass(slots=True)
class Change:
    """A transaction under way and what it has recorded. `durable`: who hears of it waits for the disk. `ready`: a job may
    have become ready to be lent."""

    connection: Connection
    now: float
    recorded: list[JobEvent] = field(default_factory=list)
    durable: bool = False
    ready: bool = False

    def record(self, job: str, happenings: Sequence[Happening]) -> None:
        """Append to the job's events."""
        row = self.connection.execute(_COUNT_UP, {"of_job": job, "more": len(happenings)}).one()
        self.tell(job, row.client, row.recorded, happenings)

    def tell(
        self, job: str, client: str | None, last: int, happenings: Sequence[Happening], ended: Job | None = None
    ) -> None:
        """Write events that the job has counted already: the last of them has the number `last`, and `ended` the job."""
        events: list[JobEvent] = []
        rows: list[dict[str, object]] = []
        for sequence, one in enumerate(happenings, start=last - len(happenings) + 1):
            text = as_text(dict(one.data))
            events.append(JobEvent(job, sequence, self.now, one.type, text, client))
            rows.append({"job": job, "sequence": sequence, "time": self.now, "type": one.type, "data": text})
        self.connection.execute(_INSERT_EVENT, rows)
        if ended is not None:
            events[-1] = replace(events[-1], ended=ended)
        self.recorded += events


class Transactions:
    """One database's, used from one thread. Events are published after the commit, and after the disk has a durable one."""

    def __init__(self, database: Database, publish: Publish, wall: Callable[[], float] = time.time) -> None:
        self._database, self._publish, self._wall = database, publish, wall
        self._open: Change | None = None

    @contextmanager
    def change(self, *, durable: bool = True) -> Iterator[Change]:
        """A transaction, or a part of the one that is open (`together`), which is then as durable as its strictest part."""
        if self._open is not None:
            self._open.durable |= durable
            yield self._open
            return
        with self.together() as change:
            change.durable = durable
            yield change
        if change.durable:
            self._database.sync()
        if change.recorded:
            self._publish(change.recorded)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees what the open transaction has changed, if there is one."""
        if self._open is not None:
            yield self._open.connection
            return
        with self._database.connection.begin():
            yield self._database.connection

    @contextmanager
    def together(self) -> Iterator[Change]:
        """One transaction for every `change` while it is open. Syncing and publishing is left to the caller."""
        with self._database.connection.begin():
            self._open = Change(self._database.connection, self._wall())
            try:
                yield self._open
                self._database.seal(durable=self._open.durable)
            finally:
                self._open = None


def as_text(data: object) -> str:
    """JSON as it is kept."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False)
