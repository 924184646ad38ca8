"""Every change of a job's state, each one transaction. Synchronous: `server/jobs/desk.py` calls it from one thread.

A change and the events that tell of it are written together (an outbox); `publish` is told after the commit, so nobody
hears of what a crash could still undo. A worker's words count while its fence is the job's latest: one that was given up
for lost and comes back finds its job closed to it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Engine,
    Float,
    Integer,
    String,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.engine import Connection

from graph.json import JsonObject
from server.jobs.job import Accepted, Claim, End, Happening, Job, JobEvent, State, StoreError, Submission
from server.jobs.tables import EVENTS, JOBS, RELAXED

Publish = Callable[[Sequence[JobEvent]], None]

_JOB: Final = (
    JOBS.c.id, JOBS.c.position, JOBS.c.state, JOBS.c.number, JOBS.c.client, JOBS.c.attempts, JOBS.c.cancelling,
    JOBS.c.created, JOBS.c.started, JOBS.c.finished, JOBS.c.ended, JOBS.c.result,
)  # fmt: skip

_HELD: Final = and_(
    JOBS.c.id == bindparam("of_job"), JOBS.c.fence == bindparam("of_fence"), JOBS.c.state == literal_column("'running'")
)
_ADDED: Final = JOBS.c.recorded + bindparam("more", type_=Integer)
_NEXT_END: Final = select(func.coalesce(func.max(JOBS.c.ended), 0) + 1).scalar_subquery()

# Statements are built once: building one costs more than running it.
_KNOWN: Final = select(JOBS.c.id, JOBS.c.number, JOBS.c.fingerprint, JOBS.c.idempotency_key).where(
    or_(JOBS.c.id == bindparam("given"), JOBS.c.idempotency_key == bindparam("key"))
)
_INSERT_JOB: Final = insert(JOBS).returning(JOBS.c.position)
_INSERT_EVENT: Final = insert(EVENTS)
_NUMBER: Final = update(JOBS).where(JOBS.c.position == bindparam("at")).values(number=bindparam("to", type_=Float))
_WAITING: Final = select(func.count()).select_from(JOBS).where(JOBS.c.state == literal_column("'queued'"))
_COUNT_UP: Final = (
    update(JOBS)
    .where(JOBS.c.id == bindparam("of_job"))
    .values(recorded=_ADDED)
    .returning(JOBS.c.recorded, JOBS.c.client)
)
_COUNT_UP_HELD: Final = update(JOBS).where(_HELD).values(recorded=_ADDED).returning(JOBS.c.recorded, JOBS.c.client)
_END: Final = {
    "state": bindparam("to_state", type_=String),
    "finished": bindparam("now", type_=Float),
    "result": bindparam("to_result", type_=String),
    "ended": _NEXT_END,
    "lease_until": None,
    "recorded": _ADDED,
}
_FINISH: Final = (
    update(JOBS).where(JOBS.c.id == bindparam("of_job")).values(_END).returning(JOBS.c.recorded, JOBS.c.client)
)
_FINISH_HELD: Final = update(JOBS).where(_HELD).values(_END).returning(JOBS.c.recorded, JOBS.c.client)
_CLAIM: Final = (
    update(JOBS)
    .where(
        JOBS.c.position
        == select(JOBS.c.position)
        .where(JOBS.c.state == literal_column("'queued'"))
        .order_by(JOBS.c.number, JOBS.c.position)
        .limit(1)
        .scalar_subquery()
    )
    .values(
        state="running",
        worker=bindparam("by", type_=String),
        fence=JOBS.c.fence + 1,
        attempts=JOBS.c.attempts + 1,
        started=bindparam("now", type_=Float),
        lease_until=bindparam("until", type_=Float),
        recorded=JOBS.c.recorded + 1,
    )
    .returning(JOBS.c.id, JOBS.c.fence, JOBS.c.request, JOBS.c.client, JOBS.c.attempts, JOBS.c.recorded)
)


@dataclass(frozen=True, slots=True)
class Limits:
    """`attempts` a job may cost a worker's life before it is quarantined; `lease` seconds a silent worker keeps its job;
    `queued` jobs that may wait."""

    attempts: int = 3
    lease: float = 30.0
    queued: int = 20_000


@dataclass(slots=True)
class _Change:
    """A transaction under way and what it has recorded."""

    connection: Connection
    now: float
    recorded: list[JobEvent] = field(default_factory=list)

    def record(self, job: str, happenings: Sequence[Happening]) -> None:
        """Append to the job's events."""
        row = self.connection.execute(_COUNT_UP, {"of_job": job, "more": len(happenings)}).one()
        self.tell(job, row.client, row.recorded, happenings)

    def tell(self, job: str, client: str | None, last: int, happenings: Sequence[Happening]) -> None:
        """Write events that the job has counted already: the last of them has the number `last`."""
        events = [
            JobEvent(job, last - len(happenings) + index, self.now, one.type, dict(one.data), client)
            for index, one in enumerate(happenings, start=1)
        ]
        rows = [
            {"job": job, "sequence": one.sequence, "time": one.time, "type": one.type, "data": _text(one.data)}
            for one in events
        ]
        self.connection.execute(_INSERT_EVENT, rows)
        self.recorded += events


def _ignore(_events: Sequence[JobEvent]) -> None:
    return None


class Store:
    """Jobs in a database. `clock` times the leases (it may begin anew with each process), `wall` dates what is kept."""

    def __init__(
        self,
        engine: Engine,
        *,
        limits: Limits | None = None,
        publish: Publish = _ignore,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._relaxed = engine.execution_options(**{RELAXED: True})
        self._limits = limits or Limits()
        self._publish = publish
        self._clock, self._wall = clock, wall

    # What clients ask for

    def accept(self, submission: Submission) -> Accepted:
        """Keep a job. Once this returns no crash loses it. Raises StoreError."""
        with self._change() as change:
            known = self._known(change.connection, submission)
            if known is not None:
                return known
            waiting = change.connection.execute(_WAITING).scalar_one()
            if waiting >= self._limits.queued:
                raise StoreError(
                    f"{waiting} jobs are waiting already", code="queue_full", hint="Send it again when some are done."
                )
            made = {
                "id": submission.id,
                "state": "queued",
                "number": submission.number or 0.0,
                "client": submission.client,
                "idempotency_key": submission.key,
                "fingerprint": submission.fingerprint,
                "request": submission.request,
                "created": change.now,
                "recorded": 1,
            }
            position: int = change.connection.execute(_INSERT_JOB, made).scalar_one()
            number = submission.number
            if number is None:
                number = float(-position if submission.front else position)
                change.connection.execute(_NUMBER, {"at": position, "to": number})
            change.tell(submission.id, submission.client, 1, [Happening("queued", {"number": number})])
            return Accepted(submission.id, number, new=True)

    def cancel(self, job: str) -> State | None:
        """End a waiting job, or ask for the end of a running one. Returns the state it was in; None if there is none."""
        with self._change() as change:
            row = change.connection.execute(select(JOBS.c.state, JOBS.c.cancelling).where(JOBS.c.id == job)).first()
            if row is None:
                return None
            if row.state == "queued":
                self._end(change, job, "cancelled", {})
            elif row.state == "running" and not row.cancelling:
                change.connection.execute(update(JOBS).where(JOBS.c.id == job).values(cancelling=True))
                change.record(job, [Happening("cancelling")])
            state: State = row.state
            return state

    def cancel_waiting(self, jobs: Sequence[str] | None = None) -> list[str]:
        """End those of these jobs (None: of all) that have not begun. Returns their ids."""
        which: ColumnElement[bool] = JOBS.c.state == "queued"
        if jobs is not None:
            which = and_(which, JOBS.c.id.in_(jobs))
        with self._change() as change:
            found = change.connection.execute(select(JOBS.c.id).where(which)).scalars().all()
            for job in found:
                self._end(change, job, "cancelled", {})
            return list(found)

    def renumber(self, job: str, number: float | None) -> bool:
        """Move a waiting job in the queue; None puts it before all others. Returns whether it was waiting."""
        with self._change() as change:
            if number is None:
                least = select(func.min(JOBS.c.number)).where(JOBS.c.state == "queued")
                number = float(change.connection.execute(least).scalar() or 0.0) - 1.0
            moved = update(JOBS).where(JOBS.c.id == job, JOBS.c.state == "queued").values(number=number)
            if not change.connection.execute(moved).rowcount:
                return False
            change.record(job, [Happening("moved", {"number": number})])
            return True

    def forget(self, jobs: Sequence[str] | None = None) -> int:
        """Delete jobs that have ended, with their events; None means all. Returns how many."""
        which: ColumnElement[bool] = JOBS.c.ended.is_not(None)
        if jobs is not None:
            which = and_(which, JOBS.c.id.in_(jobs))
        with self._change() as change:
            return change.connection.execute(delete(JOBS).where(which)).rowcount

    # What workers ask for and say

    def claim(self, worker: str) -> Claim | None:
        """Lend the next job. None if none waits."""
        with self._change(durable=False) as change:
            lent = {"by": worker, "now": change.now, "until": self._clock() + self._limits.lease}
            row = change.connection.execute(_CLAIM, lent).first()
            if row is None:
                return None
            told = Happening("running", {"attempt": row.attempts, "worker": worker})
            change.tell(row.id, row.client, row.recorded, [told])
            return Claim(row.id, row.fence, row.request, row.client, row.attempts)

    def beat(self, job: str, fence: int) -> bool:
        """The worker is alive: extend its lease. False if the job is no longer its own."""
        with self._change(durable=False) as change:
            longer = update(JOBS).where(_held(job, fence)).values(lease_until=self._clock() + self._limits.lease)
            return bool(change.connection.execute(longer).rowcount)

    def record(self, job: str, fence: int, happenings: Sequence[Happening]) -> bool:
        """Keep what happened. False, and nothing is kept, if the job is no longer the worker's."""
        with self._change(durable=False) as change:
            counted = {"of_job": job, "of_fence": fence, "more": len(happenings)}
            row = change.connection.execute(_COUNT_UP_HELD, counted).first()
            if row is None:
                return False
            change.tell(job, row.client, row.recorded, happenings)
            return True

    def finish(self, job: str, fence: int, state: End, result: JsonObject, happenings: Sequence[Happening]) -> bool:
        """Keep the end of a job, once. False, and nothing is kept, if the job is no longer the worker's."""
        with self._change() as change:
            told = [*happenings, Happening(state, result)]
            ended = _ending(change, job, state, result, len(told)) | {"of_fence": fence}
            row = change.connection.execute(_FINISH_HELD, ended).first()
            if row is None:
                return False
            change.tell(job, row.client, row.recorded, told)
            return True

    # When workers are lost

    def lost(self, job: str, fence: int, cause: str) -> None:
        """The worker that held this job has died: the job waits again, or ends if it was to end or has cost too many."""
        with self._change() as change:
            self._give_back(change, _held(job, fence), cause)

    def expire(self, cause: str = "its worker fell silent") -> list[str]:
        """Take back every job whose lease has run out. Returns their ids."""
        with self._change() as change:
            return self._give_back(change, and_(JOBS.c.state == "running", JOBS.c.lease_until < self._clock()), cause)

    def recover(self) -> list[str]:
        """On start: take back what ran when the service ended. That end is not the job's doing and costs no attempt."""
        with self._change() as change:
            running = JOBS.c.state == "running"
            change.connection.execute(update(JOBS).where(running).values(attempts=JOBS.c.attempts - 1))
            return self._give_back(change, running, "the service was restarted")

    # What can be known

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        with self._engine.begin() as connection:
            rows = connection.execute(select(JOBS.c.state, func.count()).group_by(JOBS.c.state)).all()
        return {row[0]: row[1] for row in rows}

    def job(self, job: str) -> Job | None:
        """The job as it stands."""
        with self._engine.begin() as connection:
            row = connection.execute(select(*_JOB).where(JOBS.c.id == job)).first()
        return _job(row) if row else None

    def request(self, job: str) -> str | None:
        """The request as it was accepted."""
        with self._engine.begin() as connection:
            return connection.execute(select(JOBS.c.request).where(JOBS.c.id == job)).scalar()

    def newest(self, states: Sequence[State], *, limit: int, before: int | None = None) -> list[Job]:
        """Jobs in these states, the latest accepted first; `before` a position pages on."""
        which: ColumnElement[bool] = JOBS.c.state.in_(states)
        if before is not None:
            which = and_(which, JOBS.c.position < before)
        asked = select(*_JOB).where(which).order_by(JOBS.c.position.desc()).limit(limit)
        with self._engine.begin() as connection:
            return [_job(row) for row in connection.execute(asked)]

    def in_line(self, state: State) -> list[tuple[Job, str]]:
        """Waiting (or running) jobs with their requests, in the order in which they (were to) run."""
        asked = select(*_JOB, JOBS.c.request).where(JOBS.c.state == state).order_by(JOBS.c.number, JOBS.c.position)
        with self._engine.begin() as connection:
            return [(_job(row), row.request) for row in connection.execute(asked)]

    def ended(self, job: str | None = None, *, limit: int, offset: int | None = None) -> list[tuple[Job, str]]:
        """Jobs that began and have ended, with their requests, in the order of their ends: the last `limit`, or with an
        `offset` from there on."""
        which = and_(JOBS.c.ended.is_not(None), JOBS.c.started.is_not(None))
        if job is not None:
            which = and_(which, JOBS.c.id == job)
        order = JOBS.c.ended.desc() if offset is None else JOBS.c.ended
        asked = select(*_JOB, JOBS.c.request).where(which).order_by(order).limit(limit).offset(offset or 0)
        with self._engine.begin() as connection:
            rows = [(_job(row), row.request) for row in connection.execute(asked)]
        return rows if offset is not None else rows[::-1]

    def events(self, job: str, *, after: int = 0) -> list[JobEvent]:
        """What was recorded of a job after a sequence number."""
        asked = (
            select(EVENTS, JOBS.c.client)
            .join(JOBS, JOBS.c.id == EVENTS.c.job)
            .where(EVENTS.c.job == job, EVENTS.c.sequence > after)
            .order_by(EVENTS.c.sequence)
        )
        with self._engine.begin() as connection:
            return [
                JobEvent(row.job, row.sequence, row.time, row.type, json.loads(row.data), row.client)
                for row in connection.execute(asked)
            ]

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _change(self, *, durable: bool = True) -> Iterator[_Change]:
        """A transaction. One that is not `durable` is undone by a power cut alone, and then the job is run again."""
        with (self._engine if durable else self._relaxed).begin() as connection:
            change = _Change(connection, self._wall())
            yield change
        if change.recorded:
            self._publish(change.recorded)

    def _known(self, connection: Connection, submission: Submission) -> Accepted | None:
        row = connection.execute(_KNOWN, {"given": submission.id, "key": submission.key}).first()
        if row is None:
            return None
        if row.fingerprint == submission.fingerprint and (submission.key or None) == row.idempotency_key:
            return Accepted(row.id, row.number, new=False)
        if submission.key is not None and row.idempotency_key == submission.key:
            message, code = f"the idempotency key {submission.key!r} was used for another job", "idempotency_key_reused"
        else:
            message, code = f"there is another job {submission.id!r}", "job_id_taken"
        raise StoreError(message, code=code, hint="Choose a new one for a new job.")

    def _end(self, change: _Change, job: str, state: State, result: JsonObject) -> None:
        row = change.connection.execute(_FINISH, _ending(change, job, state, result, 1)).one()
        change.tell(job, row.client, row.recorded, [Happening(state, result)])

    def _give_back(self, change: _Change, which: ColumnElement[bool], cause: str) -> list[str]:
        asked = select(JOBS.c.id, JOBS.c.attempts, JOBS.c.cancelling).where(which)
        rows = change.connection.execute(asked).all()
        for row in rows:
            if row.cancelling:
                self._end(change, row.id, "cancelled", {})
            elif row.attempts >= self._limits.attempts:
                self._end(change, row.id, "quarantined", {"error": _poisoned(cause, row.attempts)})
            else:
                again = update(JOBS).where(JOBS.c.id == row.id).values(state="queued", lease_until=None, worker=None)
                change.connection.execute(again)
                change.record(row.id, [Happening("requeued", {"cause": cause})])
        return [row.id for row in rows]


def _held(job: str, fence: int) -> ColumnElement[bool]:
    return and_(JOBS.c.id == job, JOBS.c.fence == fence, JOBS.c.state == "running")


def _ending(change: _Change, job: str, state: State, result: JsonObject, more: int) -> dict[str, object]:
    return {"of_job": job, "to_state": state, "now": change.now, "to_result": _text(result), "more": more}


def _poisoned(cause: str, attempts: int) -> JsonObject:
    message = f"{attempts} attempts ended without a result; the last: {cause}"
    hint = "Its inputs are too much for this machine, or a node brings its process down. Submit it anew to try again."
    return {"code": "quarantined", "message": message, "hint": hint}


def _job(row: Any) -> Job:  # noqa: ANN401 - a row of whichever columns were asked for
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    fields.pop("request", None)
    return Job(**{**fields, "result": json.loads(fields["result"])})


def _text(data: object) -> str:
    return json.dumps(data, separators=(",", ":"), allow_nan=False)
