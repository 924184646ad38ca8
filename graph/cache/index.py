"""The SQLite file beside the blobs: which keys are on disk, what was last run where, which files have which digest.

Losing it loses nothing but time, so it is opened with plain durability, and a damaged one is set aside and begun anew.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from graph.errors import InputError, Problem

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY, meta TEXT NOT NULL, blob TEXT, bytes INTEGER NOT NULL, seconds REAL NOT NULL, worth REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_worth ON entries (worth, bytes);
CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY CHECK (id = 0), worth REAL NOT NULL);
CREATE TABLE IF NOT EXISTS recipes (scope TEXT PRIMARY KEY, recipes TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS digests (identity TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
"""
_VERSION: Final = 1
_PATIENCE: Final = 10.0
_BETWEEN_TRIES: Final = 0.01
"""Seconds to wait for other processes, and from one try to the next."""


class Index:
    """Two SQLite connections shared by threads, one to read and one to write, so that looking up never waits for the
    disk.

    Raises InputError (code `cache_folder`) for a folder that cannot be used. Later faults are sqlite3's own; a file found
    to be damaged is begun anew, so that the fault is the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reading_lock, self._writing_lock = threading.Lock(), threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except (OSError, sqlite3.Error) as error:
            message = f"the cache cannot be kept in {path.parent}: {error}"
            raise InputError([Problem("cache_folder", message, hint="Choose a folder that can be written.")]) from None

    def rows(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple[object, ...]]:
        try:
            with self._reading_lock:
                return self._reading.execute(sql, tuple(arguments)).fetchall()
        except sqlite3.DatabaseError as error:
            self._renew_after(error)
            raise

    def change(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row, in one transaction."""
        try:
            with self._writing_lock, _transaction(self._writing):
                self._writing.executemany(sql, [tuple(row) for row in rows])
        except sqlite3.DatabaseError as error:
            self._renew_after(error)
            raise

    def close(self) -> None:
        with self._writing_lock, self._reading_lock:
            self._writing.close()
            self._reading.close()

    def _open(self) -> None:
        try:
            self._writing = _connect(self.path)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._set_aside()
            self._writing = _connect(self.path)
        self._reading = _connect(self.path)

    def _renew_after(self, error: sqlite3.DatabaseError) -> None:
        if _is_damage(error):
            self.close()
            with self._writing_lock, self._reading_lock:
                self._set_aside()
                self._open()

    def _set_aside(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            damaged = self.path.with_name(self.path.name + suffix)
            if damaged.exists():
                os.replace(damaged, damaged.with_name(damaged.name + ".damaged"))


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """A malformed file is a plain DatabaseError; a locked or full one is of a subclass."""
    return type(error) is sqlite3.DatabaseError


def _write_ahead(connection: sqlite3.Connection) -> None:
    """The one statement for which SQLite does not wait by itself while another process opens the same new file."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_BETWEEN_TRIES)
        else:
            return


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"index version {version}")
        if version == 0:  # an index that is there is opened without a write: a full disk keeps nobody from reading it
            connection.executescript(_TABLES)
            connection.execute(f"PRAGMA user_version={_VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection
