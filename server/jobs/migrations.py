"""How tables of an older version become the present ones: numbered steps, all in one transaction, so that a database has
the old tables or the new and never half of either.

A step is written once and never changed: what it makes is spelled out here, not taken from `tables.py`, which moves on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.engine import Connection

from server.jobs.job import StoreError


def _first(connection: Connection) -> None:
    """Jobs and their events."""
    made = MetaData()
    Table(
        "jobs",
        made,
        Column("position", Integer, primary_key=True, autoincrement=True),
        Column("id", String, nullable=False, unique=True),
        Column("state", String, nullable=False),
        Column("number", Float, nullable=False),
        Column("client", String),
        Column("idempotency_key", String, unique=True),
        Column("fingerprint", String, nullable=False),
        Column("request", Text, nullable=False),
        Column("created", Float, nullable=False),
        Column("started", Float),
        Column("finished", Float),
        Column("ended", Integer),
        Column("fence", Integer, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("worker", String),
        Column("lease_until", Float),
        Column("cancelling", Boolean, nullable=False),
        Column("recorded", Integer, nullable=False),
        Column("result", Text, nullable=False),
        Index("jobs_queue", "state", "number", "position"),
        Index("jobs_ended", "ended"),
        sqlite_autoincrement=True,
    )
    Table(
        "events",
        made,
        Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        Column("sequence", Integer, primary_key=True, autoincrement=False),
        Column("time", Float, nullable=False),
        Column("type", String, nullable=False),
        Column("data", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    made.create_all(connection)


def _second(connection: Connection) -> None:
    """Priorities, time limits, how a job is to end; settings of the queue; workflows with versions; blobs."""
    for statement in (
        "ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN time_limit FLOAT",
        "ALTER TABLE jobs ADD COLUMN ending VARCHAR",
        "UPDATE jobs SET ending = 'cancelled' WHERE cancelling",
        "ALTER TABLE jobs DROP COLUMN cancelling",
        "DROP INDEX jobs_queue",
        "CREATE INDEX jobs_line ON jobs (state, priority DESC, number, position)",
    ):
        connection.execute(text(statement))
    made = MetaData()
    Table("jobs", made, Column("id", String, primary_key=True))  # for the reference; it exists
    Table(
        "settings",
        made,
        Column("name", String, primary_key=True),
        Column("value", String, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "workflows",
        made,
        Column("name", String, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("document", Text),
        Column("digest", String, nullable=False),
        Column("created", Float, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "blobs",
        made,
        Column("digest", String, primary_key=True),
        Column("bytes", BigInteger, nullable=False),
        Column("created", Float, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "job_blobs",
        made,
        Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        Column("digest", String, ForeignKey("blobs.digest"), primary_key=True),
        Index("job_blobs_digest", "digest"),
        sqlite_with_rowid=False,
    )
    made.create_all(connection)


STEPS: Final[tuple[Callable[[Connection], None], ...]] = (_first, _second)
"""Step N makes version N of the tables out of version N - 1; version 0 is nothing."""


def upgrade(connection: Connection, steps: tuple[Callable[[Connection], None], ...] = STEPS) -> None:
    """Bring the tables to the current version, in the caller's transaction. Raises StoreError for newer ones."""
    found = _version(connection)
    if found > len(steps):
        raise StoreError(
            f"the jobs were kept by a newer latentgraph (version {found} of the tables, {len(steps)} is known here)",
            hint="Start that one, or choose another folder with --user.",
        )
    if found == len(steps):
        return
    for step in steps[found:]:
        step(connection)
    _set_version(connection, len(steps))


def _version(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    connection.execute(text("CREATE TABLE IF NOT EXISTS store_version (version INTEGER NOT NULL)"))
    return int(connection.execute(text("SELECT COALESCE(MAX(version), 0) FROM store_version")).scalar_one())


def _set_version(connection: Connection, version: int) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version={version}")
        return
    connection.execute(text("DELETE FROM store_version"))
    connection.execute(text("INSERT INTO store_version VALUES (:version)"), {"version": version})
