"""The line that jobs wait in: by priority, the highest first, and by number within one, the lowest first. A place is a
priority and a number; in between two jobs it is a number in between theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from server.jobs.job import Move, StoreError
from server.jobs.queries import IN_LINE
from server.jobs.statements import QUEUED
from server.jobs.tables import JOBS


def place(connection: Connection, job: str, move: Move) -> tuple[int, float]:
    """The priority and number that a move gives. Raises StoreError."""
    own, number = _waiting(connection, job)
    priority = own if move.priority is None else move.priority
    if move.number is not None:
        return priority, move.number
    if move.front:
        priority, before = place_in_front(connection, move.priority, own)
        return priority, number if before is None else before
    beside = move.before or move.after
    if beside is None or beside == job:
        return priority, number
    other, _ = _waiting(connection, beside)
    line = connection.execute(
        select(JOBS.c.id, JOBS.c.number).where(QUEUED, JOBS.c.priority == other, JOBS.c.id != job).order_by(*IN_LINE)
    ).all()
    at = [row.id for row in line].index(beside) + (0 if move.before else 1)
    numbers = [row.number for row in line]
    between = _between(numbers, at)
    if between is None:  # too close together for a number in between: give all of them room
        for index, row in enumerate(line):
            connection.execute(update(JOBS).where(JOBS.c.id == row.id).values(number=float(index)))
        between = at - 0.5
    return other, between


def place_in_front(connection: Connection, wanted: int | None, own: int) -> tuple[int, float | None]:
    """The priority and number of a place before all that wait, or before all of the `wanted` priority; `own` is what the
    job has at least. No number if nothing is there to come before."""
    waiting = select(JOBS.c.priority, JOBS.c.number).where(QUEUED).order_by(*IN_LINE).limit(1)
    if wanted is not None:
        waiting = waiting.where(JOBS.c.priority == wanted)
    first = connection.execute(waiting).first()
    if first is None or (wanted is None and first.priority < own):
        return own if wanted is None else wanted, None
    return first.priority, first.number - 1.0


def _waiting(connection: Connection, job: str) -> tuple[int, float]:
    """A waiting job's priority and number. Raises StoreError."""
    asked = select(JOBS.c.state, JOBS.c.priority, JOBS.c.number).where(JOBS.c.id == job)
    row = connection.execute(asked).first()
    if row is None:
        raise StoreError(f"there is no job {job[:80]!r}", code="unknown_job")
    if row.state != "queued":
        told = f"the job {job!r} is {row.state}; only waiting jobs have a place in the line"
        raise StoreError(told, code="job_not_waiting")
    return row.priority, row.number


def _between(numbers: Sequence[float], at: int) -> float | None:
    """A number that comes before `numbers[at]` and after the one before it; None if there is none."""
    if at == 0:
        return numbers[0] - 1.0
    if at == len(numbers):
        return numbers[-1] + 1.0
    low, high = numbers[at - 1], numbers[at]
    middle = low + (high - low) / 2
    return middle if low < middle < high else None
