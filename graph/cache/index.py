"""The SQLite file beside the blobs: which keys are on disk, what was last run where, which files have which digest.

Losing it loses nothing but time, so it is opened with plain durability, and a damaged one is set aside and begun anew.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
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


class Index:
    """A SQLite connection shared by threads, one statement at a time.

    Raises InputError (code `cache_folder`) for a folder that cannot be used. Later faults are sqlite3's own, and found to
    be damaged the file is begun anew, so that the fault is the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()
        except (OSError, sqlite3.Error) as error:
            message = f"the cache cannot be kept in {path.parent}: {error}"
            raise InputError([Problem("cache_folder", message, hint="Choose a folder that can be written.")]) from None

    def rows(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with self._lock, self._renewed_if_damaged():
            return self._connection.execute(sql, tuple(arguments)).fetchall()

    def change(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row, in one transaction."""
        with self._lock, self._renewed_if_damaged(), self._transaction():
            self._connection.executemany(sql, [tuple(row) for row in rows])

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextlib.contextmanager
    def _renewed_if_damaged(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                self._connection.close()
                self._connection = self._begin_anew()
            raise

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self.path)
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                return self._begin_anew()
            raise

    def _begin_anew(self) -> sqlite3.Connection:
        for suffix in ("", "-wal", "-shm"):
            damaged = self.path.with_name(self.path.name + suffix)
            if damaged.exists():
                os.replace(damaged, damaged.with_name(damaged.name + ".damaged"))
        return _connect(self.path)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """A malformed file is a plain DatabaseError; a locked or full one is of a subclass."""
    return type(error) is sqlite3.DatabaseError


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"index version {version}")
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA user_version={_VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection
