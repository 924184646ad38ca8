"""The tables of the store as they are now, and are made anew. How older ones become these: `migrations.py`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

METADATA: Final = MetaData()

JOBS: Final = Table(
    "jobs",
    METADATA,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("state", String, nullable=False),
    Column("priority", Integer, nullable=False, default=0, server_default="0"),
    Column("number", Float, nullable=False),
    Column("client", String),
    Column("idempotency_key", String, unique=True),
    Column("fingerprint", String, nullable=False),
    Column("request", Text, nullable=False),
    Column("time_limit", Float),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("ended", Integer),
    Column("fence", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("worker", String),
    Column("lease_until", Float),
    Column("ending", String),
    Column("recorded", Integer, nullable=False, default=0),
    Column("result", Text, nullable=False, default="{}"),
    Column("workflow", String),
    Column("name", String),
    sqlite_autoincrement=True,
)
"""`ending` is how a running job is to end ("cancelled", "time_limit"), whatever becomes of its worker; `workflow` the id
that an editor has given the workflow, `name` what lists call the job."""

Index("jobs_line", JOBS.c.state, JOBS.c.priority.desc(), JOBS.c.number, JOBS.c.position)
Index("jobs_ended", JOBS.c.ended)
Index("jobs_workflow", JOBS.c.workflow, JOBS.c.created, JOBS.c.position)

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("job", String, ForeignKey(JOBS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("time", Float, nullable=False),
    Column("type", String, nullable=False),
    Column("data", Text, nullable=False),
    sqlite_with_rowid=False,
)

SETTINGS: Final = Table(
    "settings",
    METADATA,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
    sqlite_with_rowid=False,
)
"""`paused`: no job is handed out while its value is "true"."""

WORKFLOWS: Final = Table(
    "workflows",
    METADATA,
    Column("name", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", Text),
    Column("digest", String, nullable=False),
    Column("created", Float, nullable=False),
    sqlite_with_rowid=False,
)
"""Every version ever saved; one without a document says that the workflow was deleted."""

BLOBS: Final = Table(
    "blobs",
    METADATA,
    Column("digest", String, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("created", Float, nullable=False),
    sqlite_with_rowid=False,
)

JOB_BLOBS: Final = Table(
    "job_blobs",
    METADATA,
    Column("job", String, ForeignKey(JOBS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("digest", String, ForeignKey(BLOBS.c.digest), primary_key=True),
    Index("job_blobs_digest", "digest"),
    sqlite_with_rowid=False,
)
