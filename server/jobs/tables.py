"""The tables of the store, and a SQLite file opened the one way that keeps its promises.

Write-ahead log with `synchronous=FULL`: a commit that returned is on disk. One connection, used by one thread, and a lock
file against a second process, so no two writers ever meet. Every transaction takes the write lock when it begins.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from server.jobs.job import StoreError

VERSION: Final = 1
RELAXED: Final = "relaxed"
"""Execution option: this transaction may be undone by a power cut (never by the end of a process), so it does not wait for
the disk. The next one that does brings it to the disk as well."""

METADATA: Final = MetaData()

JOBS: Final = Table(
    "jobs",
    METADATA,
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
    Column("fence", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("worker", String),
    Column("lease_until", Float),
    Column("cancelling", Boolean, nullable=False, default=False),
    Column("recorded", Integer, nullable=False, default=0),
    Column("result", Text, nullable=False, default="{}"),
    Index("jobs_queue", "state", "number", "position"),
    Index("jobs_ended", "ended"),
    sqlite_autoincrement=True,
)

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("job", String, ForeignKey(JOBS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("type", String, nullable=False),
    Column("data", Text, nullable=False),
    sqlite_with_rowid=False,
)


def lock(path: Path) -> IO[str]:
    """Hold the lock file as long as the returned file is open. Raises StoreError (`store_in_use`)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+")  # noqa: SIM115 - the caller keeps it open
    except OSError as error:
        hint = "Choose another folder with --user."
        raise StoreError(f"jobs cannot be kept in {path.parent}: {error}", hint=hint) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        hint = "Stop it, or give this one a folder of its own with --user."
        raise StoreError(f"another service keeps its jobs in {path.parent}", code="store_in_use", hint=hint) from None
    return file


def open_database(path: Path) -> Engine:
    """The engine on a SQLite file, its tables made. Raises StoreError for a file that cannot be used."""
    engine = create_engine(
        f"sqlite:///{path}", poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": 5.0}
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        os.makedirs(path.parent, exist_ok=True)
        with engine.begin() as connection:
            _upgrade(connection)
    except (OSError, DatabaseError) as error:
        engine.dispose()
        hint = "Move the file away to begin anew, or choose another folder with --user."
        raise StoreError(f"{path} cannot be used: {error}", hint=hint) from None
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    relaxed = connection.get_execution_options().get(RELAXED) is True
    connection.exec_driver_sql(f"PRAGMA synchronous={'NORMAL' if relaxed else 'FULL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _create(connection: Connection) -> None:
    METADATA.create_all(connection)


_MIGRATIONS: Final[tuple[Callable[[Connection], None], ...]] = (_create,)
"""What makes each version of the tables out of the one before; the first makes version 1 out of nothing."""


def _upgrade(connection: Connection) -> None:
    """Bring the file to the current version, in the caller's transaction: the old tables or the new, never half."""
    found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if found > VERSION:
        raise StoreError(
            f"the jobs were kept by a newer latentgraph (version {found} of the tables, {VERSION} is known here)",
            hint="Start that one, or choose another folder with --user.",
        )
    for migrate in _MIGRATIONS[found:]:
        migrate(connection)
    connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
