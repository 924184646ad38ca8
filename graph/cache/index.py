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

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY, meta TEXT NOT NULL, blob TEXT, bytes INTEGER NOT NULL, seconds REAL NOT NULL, worth REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_worth ON entries (worth);
CREATE TABLE IF NOT EXISTS recipes (scope TEXT PRIMARY KEY, recipes TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS digests (identity TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
"""
_VERSION: Final = 1


class Index:
    """A SQLite connection shared by threads, one statement at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.Lock()
        self._connection = self._open()

    def rows(self, sql: str, arguments: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with self._lock:
            return self._connection.execute(sql, tuple(arguments)).fetchall()

    def change(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row, in one transaction."""
        with self._lock, self._transaction():
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
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self.path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                raise
            for suffix in ("", "-wal", "-shm"):
                damaged = self.path.with_name(self.path.name + suffix)
                if damaged.exists():
                    os.replace(damaged, damaged.with_name(damaged.name + ".damaged"))
            return _connect(self.path)


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
