"""The database behind the store, opened the one way that keeps its promises: a SQLite file, or PostgreSQL by its URL.

A commit puts a change where the end of this process cannot undo it; `sync` puts every commit where the end of the machine
cannot. The two are apart so that many commits share one wait for the disk, and work goes on during it.

SQLite: write-ahead log. A commit hands its pages to the operating system; `sync` is what `synchronous=FULL` does within
each commit, `fdatasync` of the log, done once for all that have gone before. One connection writes, used by one thread,
and a lock file keeps out a second process, so no two writers ever meet.

PostgreSQL: a commit is synced by the server unless the transaction says otherwise; an advisory lock, held as long as the
connection, keeps out a second service.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO, Final, Protocol

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.pool import StaticPool

from server.jobs.job import StoreError
from server.jobs.migrations import upgrade

FILE: Final = "jobs.sqlite"
LOCK: Final = "jobs.lock"
_ADVISORY: Final = 7_310_579_614
"""The number of our lock in a PostgreSQL database."""
LOG_PAGES: Final = 500
"""Pages (of 4 KiB) that the log may hold before a commit moves them into the file itself. That wait is the longest one a
commit can meet, and it is the shorter the fewer there are: at 200 submissions a second p99 of acceptance was 14 ms with
500 pages, 17 with 1,000, 23 with 4,096 and above 50 with 16,384."""


class Database(Protocol):
    """What the store needs of a database: one connection, and when what it wrote is safe."""

    connection: Connection

    def seal(self, *, durable: bool) -> None:
        """Called last in a transaction: whether a power cut may undo it once `sync` was called."""
        ...

    def sync(self) -> None:
        """Return when everything committed (durably) is on disk. Called from any thread. Raises OSError."""
        ...

    def tidy(self) -> None:
        """What is better done while nothing is asked for."""
        ...

    def close(self) -> None: ...


class SqliteDatabase:
    """A file. Raises StoreError for one that cannot be used, or is used by another service."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = lock(folder / LOCK)
        try:
            self.connection = _opened(self._path)
            self._log = os.open(f"{self._path}-wal", os.O_RDONLY)
        except BaseException:
            self._lock.close()
            raise

    def seal(self, *, durable: bool) -> None:
        """Nothing: the log is synced for all alike."""

    def sync(self) -> None:
        _sync(self._log)

    def tidy(self) -> None:
        driver = self.connection.connection.driver_connection  # a checkpoint is outside of any transaction
        assert driver is not None
        driver.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        os.close(self._log)
        _close(self.connection)
        self._lock.close()


class PostgresDatabase:
    """A database of a PostgreSQL server. Raises StoreError for one that cannot be used, or is used by another service."""

    def __init__(self, url: str) -> None:
        engine = _engine(url)
        event.listen(engine, "connect", _hold)
        try:
            self.connection = engine.connect()
            with self.connection.begin():
                upgrade(self.connection)
        except (DatabaseError, ModuleNotFoundError) as error:
            engine.dispose()
            hint = "Look at the URL given with --database, and whether the server runs."
            raise StoreError(f"the database cannot be used: {error}", hint=hint) from None
        except BaseException:
            engine.dispose()
            raise

    def seal(self, *, durable: bool) -> None:
        if not durable:
            self.connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")

    def sync(self) -> None:
        """Nothing: a durable commit has waited for it, and took what was committed before along."""

    def tidy(self) -> None:
        """Nothing: the server does it."""

    def close(self) -> None:
        _close(self.connection)


def _engine(url: str) -> Engine:
    """Where the URL leads. Raises StoreError, which does not quote it: it may hold a password."""
    try:
        return create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=StaticPool)
    except (ArgumentError, ValueError):
        hint = "It is written postgresql://USER:PASSWORD@HOST:PORT/NAME, with %-codes for @ and / in a password."
        raise StoreError("the URL of the database cannot be read", hint=hint) from None


def open_database(folder: Path, url: str | None = None) -> Database:
    """The database of this URL, else the file in the folder. Raises StoreError."""
    if url is None:
        return SqliteDatabase(folder)
    if not url.startswith(("postgresql://", "postgres://")):
        raise StoreError("the database is none that is known here", hint="Its URL begins with postgresql://.")
    return PostgresDatabase(url.replace("postgres://", "postgresql://", 1))


_sync: Final = getattr(os, "fdatasync", os.fsync)


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


def _hold(connection: DBAPIConnection, _record: object) -> None:
    """Take the lock, with each connection anew: after a broken one another service may hold it."""
    cursor = connection.cursor()
    cursor.execute(f"SELECT pg_try_advisory_lock({_ADVISORY})")
    held = (cursor.fetchone() or (False,))[0]
    connection.commit()
    if not held:
        hint = "Stop it, or give this one a database of its own with --database."
        raise StoreError("another service keeps its jobs in this database", code="store_in_use", hint=hint)


def _close(connection: Connection) -> None:
    connection.close()
    connection.engine.dispose()


def _opened(path: Path) -> Connection:
    engine = create_engine(
        f"sqlite:///{path}", poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": 5.0}
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    try:
        connection = engine.connect()
        with connection.begin():
            upgrade(connection)
    except (OSError, DatabaseError) as error:
        engine.dispose()
        hint = "Move the file away to begin anew, or choose another folder with --user."
        raise StoreError(f"{path} cannot be used: {error}", hint=hint) from None
    except BaseException:
        engine.dispose()
        raise
    return connection


def _begin(connection: Connection) -> None:
    """Take the write lock at once."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("BEGIN IMMEDIATE")


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",  # keeps the file whole over a power cut; `sync` keeps what was promised
        "foreign_keys=ON",
        f"wal_autocheckpoint={LOG_PAGES}",
        "journal_size_limit=67108864",
        "mmap_size=0",
    ):
        connection.execute(f"PRAGMA {pragma}")
