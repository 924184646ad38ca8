"""What can be known of the jobs: reading only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, and_, bindparam, case, func, select

from server.jobs.job import Job, JobEvent, State
from server.jobs.tables import EVENTS, JOBS, SETTINGS
from server.jobs.transactions import Transactions

COLUMNS: Final = (
    JOBS.c.id, JOBS.c.position, JOBS.c.state, JOBS.c.priority, JOBS.c.number, JOBS.c.client, JOBS.c.attempts,
    JOBS.c.created, JOBS.c.time_limit, JOBS.c.ending, JOBS.c.started, JOBS.c.finished, JOBS.c.ended, JOBS.c.result,
    JOBS.c.workflow, JOBS.c.name,
)  # fmt: skip
_NAMES: Final = tuple(column.name for column in COLUMNS)
IN_LINE: Final = (JOBS.c.priority.desc(), JOBS.c.number, JOBS.c.position)
"""The order in which waiting jobs run."""

_ONE: Final = select(*COLUMNS).where(JOBS.c.id == bindparam("of_job"))
_WITH_REQUESTS: Final = select(*COLUMNS, JOBS.c.request).where(JOBS.c.id.in_(bindparam("of_jobs", expanding=True)))
_PAUSED: Final = select(SETTINGS.c.value).where(SETTINGS.c.name == "paused")


Order = Literal["created", "duration"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of jobs, and how many there are in all."""

    jobs: tuple[Job, ...]
    total: int


class Queries:
    """Jobs in a database, to be looked at."""

    def __init__(self, transactions: Transactions) -> None:
        self._reading = transactions.reading

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        with self._reading() as connection:
            rows = connection.execute(select(JOBS.c.state, func.count()).group_by(JOBS.c.state)).all()
        return {row[0]: row[1] for row in rows}

    def paused(self) -> bool:
        """Whether no job is handed out."""
        with self._reading() as connection:
            return connection.execute(_PAUSED).scalar() == "true"

    def job(self, job: str) -> Job | None:
        """The job as it stands."""
        with self._reading() as connection:
            row = connection.execute(_ONE, {"of_job": job}).first()
        return job_of(row) if row else None

    def request(self, job: str) -> str | None:
        """The request as it was accepted."""
        with self._reading() as connection:
            return connection.execute(select(JOBS.c.request).where(JOBS.c.id == job)).scalar()

    def newest(self, states: Sequence[State], *, limit: int, before: int | None = None) -> list[Job]:
        """Jobs in these states, the latest accepted first; `before` a position pages on."""
        which: ColumnElement[bool] = JOBS.c.state.in_(states)
        if before is not None:
            which = and_(which, JOBS.c.position < before)
        asked = select(*COLUMNS).where(which).order_by(JOBS.c.position.desc()).limit(limit)
        with self._reading() as connection:
            return [job_of(row) for row in connection.execute(asked)]

    def listed(
        self,
        states: Sequence[State],
        *,
        workflow: str | None = None,
        by: Order = "created",
        descending: bool = True,
        limit: int,
        offset: int = 0,
    ) -> Listed:
        """A page of the jobs in these states, of those with a `workflow` if that is given."""
        which: ColumnElement[bool] = JOBS.c.state.in_(states)
        lasted = case((JOBS.c.finished.is_not(None), JOBS.c.finished - JOBS.c.started), else_=None)
        key = JOBS.c.created if by == "created" else func.coalesce(lasted, 0.0)
        order = (key.desc(), JOBS.c.position.desc()) if descending else (key, JOBS.c.position)
        if workflow is not None:
            which = and_(which, JOBS.c.workflow == workflow)
        with self._reading() as connection:
            total = connection.execute(select(func.count()).select_from(JOBS).where(which)).scalar_one()
            page = select(JOBS.c.id).where(which).order_by(*order).limit(limit).offset(offset).subquery()
            asked = select(*COLUMNS).where(JOBS.c.id.in_(select(page.c.id))).order_by(*order)
            return Listed(tuple(job_of(row) for row in connection.execute(asked)), total)

    def in_line(self) -> tuple[list[str], list[str]]:
        """The ids of the jobs that run and of those that wait, at one moment, each in the order in which they (were to)
        run."""
        asked = select(JOBS.c.id, JOBS.c.state).where(JOBS.c.state.in_(("running", "queued"))).order_by(*IN_LINE)
        with self._reading() as connection:
            rows = connection.execute(asked).all()
        running, waiting = ([job for job, state in rows if state == wanted] for wanted in ("running", "queued"))
        return running, waiting

    def with_requests(self, jobs: Sequence[str]) -> list[tuple[Job, str]]:
        """Those of these jobs that there are, in this order, with their requests."""
        with self._reading() as connection:
            rows = connection.execute(_WITH_REQUESTS, {"of_jobs": list(jobs)}).all()
        found = {row.id: (job_of(row), row.request) for row in rows}
        return [found[one] for one in jobs if one in found]

    def line(self, *, limit: int) -> list[Job]:
        """The next waiting jobs, in the order in which they will run."""
        asked = select(*COLUMNS).where(JOBS.c.state == "queued").order_by(*IN_LINE).limit(limit)
        with self._reading() as connection:
            return [job_of(row) for row in connection.execute(asked)]

    def ended(self, job: str | None = None, *, limit: int, offset: int | None = None) -> list[str]:
        """The ids of jobs that began and have ended, in the order of their ends: of the last `limit`, or with an `offset`
        from there on."""
        which = and_(JOBS.c.ended.is_not(None), JOBS.c.started.is_not(None))
        if job is not None:
            which = and_(which, JOBS.c.id == job)
        order = JOBS.c.ended.desc() if offset is None else JOBS.c.ended
        asked = select(JOBS.c.id).where(which).order_by(order).limit(limit).offset(offset or 0)
        with self._reading() as connection:
            found = list(connection.execute(asked).scalars())
        return found if offset is not None else found[::-1]

    def told(self, jobs: Sequence[str], types: Sequence[str]) -> list[JobEvent]:
        """What was recorded of these kinds of these jobs, of each in its order."""
        asked = (
            select(EVENTS)
            .where(EVENTS.c.job.in_(jobs), EVENTS.c.type.in_(types))
            .order_by(EVENTS.c.job, EVENTS.c.sequence)
        )
        with self._reading() as connection:
            return [JobEvent(row.job, row.sequence, row.time, row.type, row.data) for row in connection.execute(asked)]

    def events(self, job: str, *, after: int = 0) -> list[JobEvent]:
        """What was recorded of a job after a sequence number."""
        asked = (
            select(EVENTS, JOBS.c.client)
            .join(JOBS, JOBS.c.id == EVENTS.c.job)
            .where(EVENTS.c.job == job, EVENTS.c.sequence > after)
            .order_by(EVENTS.c.sequence)
        )
        with self._reading() as connection:
            return [
                JobEvent(row.job, row.sequence, row.time, row.type, row.data, row.client)
                for row in connection.execute(asked)
            ]


def job_of(row: Any) -> Job:  # noqa: ANN401 - a row that begins with `COLUMNS`
    """The job in a row."""
    fields: dict[str, Any] = dict(zip(_NAMES, row, strict=False))
    limit = fields["time_limit"]
    numbers = {"number": float(fields["number"]), "time_limit": None if limit is None else float(limit)}
    return Job(**fields | numbers | {"result": json.loads(fields["result"])})
