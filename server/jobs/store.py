"""Every change of a job's state, each one transaction. Synchronous: `server/jobs/desk.py` calls it from one thread.

A change and the events that tell of it are written together (an outbox), and told when the disk has them, so nobody hears
of what a crash could still undo. A worker's words count while its fence is the job's latest: one that was given up for
lost and comes back finds its job closed to it. A refusal (StoreError) comes before anything is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Connection

from graph.json import JsonObject
from server.jobs.database import Database
from server.jobs.job import Accepted, Claim, End, Ending, Happening, JobEvent, Move, State, StoreError, Submission
from server.jobs.line import place, place_in_front
from server.jobs.queries import IN_LINE, Queries, job_of
from server.jobs.statements import (
    CLAIM,
    COUNT_UP_HELD,
    FINISH,
    FINISH_HELD,
    INSERT_BLOB,
    INSERT_JOB,
    INSERT_JOB_BLOB,
    KNOWN,
    KNOWN_BLOBS,
    QUEUED,
    WAITING,
)
from server.jobs.tables import BLOBS, JOB_BLOBS, JOBS, SETTINGS
from server.jobs.transactions import Change, Publish, Transactions, as_text
from server.jobs.workflows import WorkflowVersions

SLICE: Final = 500
"""Jobs that one transaction ends or forgets."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`attempts` a job may cost a worker's life before it is quarantined; `lease` seconds a silent worker keeps its job;
    `queued` jobs that may wait."""

    attempts: int = 3
    lease: float = 30.0
    queued: int = 20_000


def _ignore(_events: Sequence[JobEvent]) -> None:
    return None


class Store(Queries):
    """Jobs in a database. `clock` times the leases (it may begin anew with each process), `wall` dates what is kept."""

    def __init__(
        self,
        database: Database,
        *,
        limits: Limits | None = None,
        publish: Publish = _ignore,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.transactions = Transactions(database, publish, wall)
        super().__init__(self.transactions)
        self.workflows = WorkflowVersions(self.transactions)
        self._limits, self.clock = limits or Limits(), clock
        self._change = self.transactions.change

    # What clients ask for

    def accept(self, submission: Submission) -> Accepted:
        """Keep a job. Once this returns no crash loses it. Raises StoreError."""
        return self.accept_all([submission])[0]

    def accept_all(self, submissions: Sequence[Submission]) -> list[Accepted]:
        """Keep all of these jobs or, raising StoreError, none."""
        with self._change() as change:
            known = [self._known(change.connection, one) for one in submissions]
            new = sum(one is None for one in known)
            if new:
                self._refuse_excess(change.connection, new)
            return [one or self._keep(change, made) for one, made in zip(known, submissions, strict=True)]

    def retry(self, job: str, anew: str, *, time_limit: float | None) -> Accepted | None:
        """Keep a new job `anew` that asks for what an ended one asked for, with a time of its own; None if there is none.
        Raises StoreError."""
        asked = select(JOBS.c.state, JOBS.c.request, JOBS.c.client, JOBS.c.priority, JOBS.c.workflow, JOBS.c.name)
        asked = asked.where(JOBS.c.id == job)
        with self._change() as change:
            row = change.connection.execute(asked).first()
            if row is None:
                return None
            if row.state in ("queued", "running"):
                hint = "Wait for its end, or submit the workflow again."
                raise StoreError(f"the job is {row.state}", code="job_not_ended", hint=hint)
            self._refuse_excess(change.connection, 1)
            again = Submission(
                anew,
                row.request,
                f"retry of {job} as {anew}",
                row.client,
                priority=row.priority,
                time_limit=time_limit,
                workflow=row.workflow,
                name=row.name,
            )
            return self._keep(change, again)

    def cancel(self, job: str) -> State | None:
        """End a waiting job, or ask for the end of a running one. Returns the state it was in; None if there is none."""
        with self._change() as change:
            row = change.connection.execute(select(JOBS.c.state, JOBS.c.ending).where(JOBS.c.id == job)).first()
            if row is None:
                return None
            if row.state == "queued":
                self._end(change, job, "cancelled", {})
            elif row.state == "running" and row.ending is None:
                self._ask_to_end(change, job, "cancelled", "cancelling")
            state: State = row.state
            return state

    def cancel_waiting(self, jobs: Sequence[str] | None = None) -> int:
        """End those of these jobs (None: of all) that have not begun, the first in line first, at most `SLICE`. Returns how
        many: where it is as many, there may be more. A long transaction would keep workers from beating."""
        which: ColumnElement[bool] = QUEUED
        if jobs is not None:
            which = and_(which, JOBS.c.id.in_(jobs))
        with self._change() as change:
            first = select(JOBS.c.id).where(which).order_by(*IN_LINE).limit(SLICE)
            found = change.connection.execute(first).scalars().all()
            for job in found:
                self._end(change, job, "cancelled", {})
            return len(found)

    def move(self, job: str, move: Move) -> None:
        """Give a waiting job another place in the line. Raises StoreError (`job_not_waiting`, `unknown_job`)."""
        with self._change() as change:
            priority, number = place(change.connection, job, move)
            placed = update(JOBS).where(JOBS.c.id == job).values(priority=priority, number=number)
            change.connection.execute(placed)
            change.record(job, [Happening("moved", {"number": number, "priority": priority})])

    def pause(self, paused: bool) -> None:
        """Hand out no job any more, until told otherwise. What runs goes on. Survives a restart."""
        with self._change() as change:
            change.connection.execute(delete(SETTINGS).where(SETTINGS.c.name == "paused"))
            change.connection.execute(insert(SETTINGS), {"name": "paused", "value": "true" if paused else "false"})
            change.ready |= not paused

    def forget(self, jobs: Sequence[str] | None = None) -> int:
        """Delete jobs that have ended, with their events; None means all. At most `SLICE`; returns how many."""
        which: ColumnElement[bool] = JOBS.c.ended.is_not(None)
        if jobs is not None:
            which = and_(which, JOBS.c.id.in_(jobs))
        with self._change() as change:
            some = select(JOBS.c.id).where(which).limit(SLICE)
            return change.connection.execute(delete(JOBS).where(JOBS.c.id.in_(some))).rowcount

    # What workers ask for and say

    def claim(self, worker: str) -> Claim | None:
        """Lend the next job. None if none waits, or the queue is paused."""
        with self._change(durable=False) as change:
            lent = {"by": worker, "now": change.now, "until": self.clock() + self._limits.lease}
            row = change.connection.execute(CLAIM, lent).first()
            if row is None:
                return None
            told = Happening("running", {"attempt": row.attempts, "worker": worker})
            change.tell(row.id, row.client, row.recorded, [told])
            return Claim(row.id, row.fence, row.request, row.client, row.attempts, row.time_limit)

    def beat(self, job: str, fence: int) -> bool:
        """The worker is alive: extend its lease. False if the job is no longer its own."""
        with self._change(durable=False) as change:
            longer = update(JOBS).where(_held(job, fence)).values(lease_until=self.clock() + self._limits.lease)
            return bool(change.connection.execute(longer).rowcount)

    def record(self, job: str, fence: int, happenings: Sequence[Happening]) -> bool:
        """Keep what happened. False, and nothing is kept, if the job is no longer the worker's."""
        with self._change(durable=False) as change:
            counted = {"of_job": job, "of_fence": fence, "more": len(happenings)}
            row = change.connection.execute(COUNT_UP_HELD, counted).first()
            if row is None:
                return False
            change.tell(job, row.client, row.recorded, happenings)
            return True

    def finish(
        self,
        job: str,
        fence: int,
        state: End,
        result: JsonObject,
        happenings: Sequence[Happening],
        *,
        durable: bool = True,
        blobs: Mapping[str, int] | None = None,
    ) -> bool:
        """Keep the end of a job, once. False, and nothing is kept, if the job is no longer the worker's. `blobs` are the
        digests of what it saved, with their sizes.

        Not `durable`: clients may be told before the disk has it. That is for an end that nothing came of but words: every
        node was cached, nothing was computed or saved. Should the power fail in the few milliseconds before the next
        durable change (any acceptance, any end that saved something) takes it along, the job is found waiting, runs again
        and, all being cached, ends the same with the same outputs. It is accepted once, it ends, it has one result; what
        a client was told is true again a moment after the restart. The end of the process alone undoes nothing.
        """
        with self._change(durable=durable) as change:
            if state == "cancelled":
                asked = select(JOBS.c.ending).where(_held(job, fence))
                state, result = _as_asked(change.connection.execute(asked).scalar(), state, result)
            told = [*happenings, Happening(state, result)]
            ended = _ended(change, job, state, result, len(told)) | {"of_fence": fence}
            row = change.connection.execute(FINISH_HELD, ended).first()
            if row is None:
                return False
            change.tell(job, row.client, row.recorded, told, job_of(row))
            self._refer(change, job, blobs or {})
            return True

    def time_out(self, job: str, fence: int) -> bool:
        """The job has run as long as it may: it is to end as failed. False if it is no longer the worker's, or is to end
        anyway."""
        with self._change() as change:
            asked = select(JOBS.c.ending).where(_held(job, fence))
            row = change.connection.execute(asked).first()
            if row is None or row.ending is not None:
                return False
            self._ask_to_end(change, job, "time_limit", "timed_out")
            return True

    # When workers are lost

    def lost(self, job: str, fence: int, cause: str) -> None:
        """The worker that held this job has died: the job waits again, or ends if it was to end or has cost too many."""
        with self._change() as change:
            self._give_back(change, _held(job, fence), cause)

    def expire(self, at: float | None = None) -> list[str]:
        """Take back every job whose lease had run out at a time of the `clock`, or has now. Returns their ids."""
        with self._change(durable=False) as change:
            late = and_(JOBS.c.state == "running", JOBS.c.lease_until < (self.clock() if at is None else at))
            taken = self._give_back(change, late, "its worker fell silent")
            change.durable |= bool(taken)
            return taken

    def recover(self) -> list[str]:
        """On start: take back what ran when the service ended. That end is not the job's doing and costs no attempt."""
        with self._change() as change:
            running = JOBS.c.state == "running"
            change.connection.execute(update(JOBS).where(running).values(attempts=JOBS.c.attempts - 1))
            return self._give_back(change, running, "the service was restarted")

    def _known(self, connection: Connection, submission: Submission) -> Accepted | None:
        row = connection.execute(KNOWN, {"given": submission.id, "key": submission.key}).first()
        if row is None:
            return None
        if row.fingerprint == submission.fingerprint and (submission.key or None) == row.idempotency_key:
            return Accepted(job_of(row), new=False)
        if submission.key is not None and row.idempotency_key == submission.key:
            message, code = f"the idempotency key {submission.key!r} was used for another job", "idempotency_key_reused"
        else:
            message, code = f"there is another job {submission.id!r}", "job_id_taken"
        raise StoreError(message, code=code, hint="Choose a new one for a new job.")

    def _refuse_excess(self, connection: Connection, more: int) -> None:
        waiting = connection.execute(WAITING).scalar_one()
        if waiting + more > self._limits.queued:
            hint = "Send it again when some are done."
            raise StoreError(f"{waiting} jobs are waiting already", code="queue_full", hint=hint)

    def _keep(self, change: Change, submission: Submission) -> Accepted:
        priority, number = submission.priority or 0, submission.number
        if submission.first and number is None:
            priority, number = place_in_front(change.connection, submission.priority, priority)
        made = {
            "id": submission.id,
            "state": "queued",
            "priority": priority,
            "place": number,
            "sign": -1.0 if submission.front else 1.0,
            "client": submission.client,
            "idempotency_key": submission.key,
            "fingerprint": submission.fingerprint,
            "request": submission.request,
            "time_limit": submission.time_limit,
            "workflow": submission.workflow,
            "name": submission.name,
            "created": change.now,
            "recorded": 1,
        }
        job = job_of(change.connection.execute(INSERT_JOB, made).one())
        change.tell(job.id, job.client, 1, [Happening("queued", {"number": job.number})])
        change.ready = True
        return Accepted(job, new=True)

    def _ask_to_end(self, change: Change, job: str, ending: Ending, word: str) -> None:
        change.connection.execute(update(JOBS).where(JOBS.c.id == job).values(ending=ending))
        change.record(job, [Happening(word)])

    def _refer(self, change: Change, job: str, blobs: Mapping[str, int]) -> None:
        """The job has these blobs, which stay as long as any job has them."""
        if not blobs:
            return
        known = set(change.connection.execute(KNOWN_BLOBS, {"digests": list(blobs)}).scalars())
        new = [{"digest": one, "bytes": size, "created": change.now} for one, size in blobs.items() if one not in known]
        if new:
            change.connection.execute(INSERT_BLOB, new)
        change.connection.execute(INSERT_JOB_BLOB, [{"job": job, "digest": one} for one in blobs])

    def drop_blobs(self, age: float) -> list[str]:
        """Forget blobs that no job has and that are older than so many seconds. Returns their digests."""
        with self._change() as change:
            unused = ~exists().where(JOB_BLOBS.c.digest == BLOBS.c.digest)
            dropped = delete(BLOBS).where(unused, BLOBS.c.created < change.now - age).returning(BLOBS.c.digest)
            return list(change.connection.execute(dropped).scalars())

    def without_blobs(self, digests: Sequence[str]) -> list[str]:
        """Those of these, at most `SLICE`, that are no job's."""
        with self._change(durable=False) as change:
            known = set(change.connection.execute(KNOWN_BLOBS, {"digests": list(digests)}).scalars())
        return [one for one in digests if one not in known]

    def _end(self, change: Change, job: str, state: State, result: JsonObject) -> None:
        row = change.connection.execute(FINISH, _ended(change, job, state, result, 1)).one()
        change.tell(job, row.client, row.recorded, [Happening(state, result)], job_of(row))

    def _give_back(self, change: Change, which: ColumnElement[bool], cause: str) -> list[str]:
        asked = select(JOBS.c.id, JOBS.c.attempts, JOBS.c.ending).where(which)
        rows = change.connection.execute(asked).all()
        for row in rows:
            if row.ending is not None:
                self._end(change, row.id, *_as_asked(row.ending, "cancelled", {}))
            elif row.attempts >= self._limits.attempts:
                self._end(change, row.id, "quarantined", {"error": _poisoned(cause, row.attempts)})
            else:
                again = update(JOBS).where(JOBS.c.id == row.id).values(state="queued", lease_until=None, worker=None)
                change.connection.execute(again)
                change.record(row.id, [Happening("requeued", {"cause": cause})])
                change.ready = True
        return [row.id for row in rows]


def _held(job: str, fence: int) -> ColumnElement[bool]:
    return and_(JOBS.c.id == job, JOBS.c.fence == fence, JOBS.c.state == "running")


def _ended(change: Change, job: str, state: State, result: JsonObject, more: int) -> dict[str, object]:
    return {"of_job": job, "to_state": state, "now": change.now, "to_result": as_text(result), "more": more}


def _as_asked(ending: Ending | None, state: End, result: JsonObject) -> tuple[End, JsonObject]:
    """How a job ends that was to end: one stopped by its time limit has failed, whatever its worker made of it."""
    if ending != "time_limit" or state != "cancelled":
        return state, result
    hint = (
        'Retry it with more, {"time_limit": SECONDS}, or with null for no limit. What its nodes had finished is kept, so '
        "another run goes on from there."
    )
    return "failed", result | {"error": {"code": "time_limit", "message": "the job ran out of its time", "hint": hint}}


def _poisoned(cause: str, attempts: int) -> JsonObject:
    message = f"{attempts} attempts ended without a result; the last: {cause}"
    hint = "Its inputs are too much for this machine, or a node brings its process down. Submit it anew to try again."
    return {"code": "quarantined", "message": message, "hint": hint}
