"""What can be known of the jobs: reading only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import JSON, ColumnElement, String, and_, bindparam, case, cast, func, select

from server.jobs.job import Job, JobEvent, State
from server.jobs.tables import EVENTS, JOBS, SETTINGS
from server.jobs.transactions import Transactions

COLUMNS: Final = (
    JOBS.c.id, JOBS.c.position, JOBS.c.state, JOBS.c.priority, JOBS.c.number, JOBS.c.client, JOBS.c.attempts,
    JOBS.c.created, JOBS.c.time_limit, JOBS.c.ending, JOBS.c.started, JOBS.c.finished, JOBS.c.ended, JOBS.c.result,
)  # fmt: skip
_NAMES: Final = tuple(column.name for column in COLUMNS)
IN_LINE: Final = (JOBS.c.priority.desc(), JOBS.c.number, JOBS.c.position)
"""The order in which waiting jobs run."""

_WORKFLOW_ID: Final = ("extra", "extra_pnginfo", "workflow", "id")
_ONE: Final = select(*COLUMNS).where(JOBS.c.id == bindparam("of_job"))
_PAUSED: Final = select(SETTINGS.c.value).where(SETTINGS.c.name == "paused")


Order = Literal["created", "duration"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of jobs, each with the id that a ComfyUI client gave its workflow, and how many there are in all."""

    jobs: tuple[tuple[Job, str | None], ...]
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
        with self._reading() as connection:
            called = _workflow_id(connection.dialect.name)
            if workflow is not None:
                which = and_(which, called == workflow)
            total = connection.execute(select(func.count()).select_from(JOBS).where(which)).scalar_one()
            page = select(JOBS.c.id).where(which).order_by(*order).limit(limit).offset(offset).subquery()
            asked = select(*COLUMNS, called.label("workflow")).where(JOBS.c.id.in_(select(page.c.id))).order_by(*order)
            rows = [
                (job_of(row), one if isinstance(one := row.workflow, str) else None)
                for row in connection.execute(asked)
            ]
        return Listed(tuple(rows), total)

    def in_line(self, state: State) -> list[tuple[Job, str]]:
        """Waiting (or running) jobs with their requests, in the order in which they (were to) run."""
        asked = select(*COLUMNS, JOBS.c.request).where(JOBS.c.state == state).order_by(*IN_LINE)
        with self._reading() as connection:
            return [(job_of(row), row.request) for row in connection.execute(asked)]

    def line(self, *, limit: int) -> list[Job]:
        """The next waiting jobs, in the order in which they will run."""
        asked = select(*COLUMNS).where(JOBS.c.state == "queued").order_by(*IN_LINE).limit(limit)
        with self._reading() as connection:
            return [job_of(row) for row in connection.execute(asked)]

    def ended(self, job: str | None = None, *, limit: int, offset: int | None = None) -> list[tuple[Job, str]]:
        """Jobs that began and have ended, with their requests, in the order of their ends: the last `limit`, or with an
        `offset` from there on."""
        which = and_(JOBS.c.ended.is_not(None), JOBS.c.started.is_not(None))
        if job is not None:
            which = and_(which, JOBS.c.id == job)
        order = JOBS.c.ended.desc() if offset is None else JOBS.c.ended
        asked = select(*COLUMNS, JOBS.c.request).where(which).order_by(order).limit(limit).offset(offset or 0)
        with self._reading() as connection:
            rows = [(job_of(row), row.request) for row in connection.execute(asked)]
        return rows if offset is not None else rows[::-1]

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
                JobEvent(row.job, row.sequence, row.time, row.type, json.loads(row.data), row.client)
                for row in connection.execute(asked)
            ]


def _workflow_id(dialect: str) -> ColumnElement[str]:
    """The id of the canvas a ComfyUI client sent with its prompt, read by the database."""
    if dialect == "postgresql":
        return func.json_extract_path_text(cast(JOBS.c.request, JSON), *_WORKFLOW_ID)
    return func.json_extract(JOBS.c.request, ".".join(("$", *_WORKFLOW_ID)), type_=String)


def job_of(row: Any) -> Job:  # noqa: ANN401 - a row that begins with `COLUMNS`
    """The job in a row."""
    fields: dict[str, Any] = dict(zip(_NAMES, row, strict=False))
    return Job(**fields | {"number": float(fields["number"]), "result": json.loads(fields["result"])})
