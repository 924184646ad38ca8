"""The statements of `server/jobs/store.py` that run for every job. Built once: building one costs more than running it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Float, String, and_, bindparam, exists, func, insert, literal_column, or_, select, update

from server.jobs.queries import COLUMNS, IN_LINE
from server.jobs.tables import BLOBS, JOB_BLOBS, JOBS, SETTINGS
from server.jobs.transactions import ADDED

_HELD: Final = and_(
    JOBS.c.id == bindparam("of_job"), JOBS.c.fence == bindparam("of_fence"), JOBS.c.state == literal_column("'running'")
)
_NEXT_END: Final = select(func.coalesce(func.max(JOBS.c.ended), 0) + 1).scalar_subquery()

KNOWN: Final = select(*COLUMNS, JOBS.c.fingerprint, JOBS.c.idempotency_key).where(
    or_(JOBS.c.id == bindparam("given"), JOBS.c.idempotency_key == bindparam("key"))
)
_NEXT: Final = select(func.coalesce(func.max(JOBS.c.position), 0) + 1).scalar_subquery()
_NUMBER: Final = func.coalesce(bindparam("place", type_=Float), bindparam("sign", type_=Float) * _NEXT)
INSERT_JOB: Final = insert(JOBS).values(number=_NUMBER).returning(*COLUMNS)
QUEUED: Final = JOBS.c.state == literal_column("'queued'")
WAITING: Final = select(func.count()).select_from(JOBS).where(QUEUED)
_PAUSED: Final = exists().where(SETTINGS.c.name == "paused", SETTINGS.c.value == "true")
KNOWN_BLOBS: Final = select(BLOBS.c.digest).where(BLOBS.c.digest.in_(bindparam("digests", expanding=True)))
INSERT_BLOB: Final = insert(BLOBS)
INSERT_JOB_BLOB: Final = insert(JOB_BLOBS)
COUNT_UP_HELD: Final = update(JOBS).where(_HELD).values(recorded=ADDED).returning(JOBS.c.recorded, JOBS.c.client)
END: Final = {
    "state": bindparam("to_state", type_=String),
    "finished": bindparam("now", type_=Float),
    "result": bindparam("to_result", type_=String),
    "ended": _NEXT_END,
    "lease_until": None,
    "recorded": ADDED,
}
FINISH: Final = update(JOBS).where(JOBS.c.id == bindparam("of_job")).values(END).returning(*COLUMNS, JOBS.c.recorded)
FINISH_HELD: Final = update(JOBS).where(_HELD).values(END).returning(*COLUMNS, JOBS.c.recorded)
CLAIM: Final = (
    update(JOBS)
    .where(
        JOBS.c.position == select(JOBS.c.position).where(QUEUED, ~_PAUSED).order_by(*IN_LINE).limit(1).scalar_subquery()
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
    .returning(
        JOBS.c.id, JOBS.c.fence, JOBS.c.request, JOBS.c.client, JOBS.c.attempts, JOBS.c.time_limit, JOBS.c.recorded
    )
)
