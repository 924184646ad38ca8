"""The tier that survives restarts: blobs by key under a folder, an index beside them.

Writing happens on a thread of its own, so the device never waits for the disk: a blob is written to a temporary file,
renamed, and only then entered in the index. A blob whose checksum does not match is a miss and is removed, never an
answer. Past the size cap the entries that cost least to recompute per byte go first (GreedyDual-Size, as in memory).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import queue
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from graph.cache import blob
from graph.cache.entry import Entry, Hit
from graph.cache.index import Index
from graph.files import write_whole
from graph.values import ChangedPlace, UnknownTypeError, Values

SMALLEST_ROW: Final = 512
_BATCH: Final = 256
_BATCH_BYTES: Final = 32 * 2**20
MOST_WAITING: Final = 2**29
"""Bytes of results that may wait for the disk: who is faster than it waits too, or memory would fill."""
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
_ABANDONED: Final = 3600.0
"""Seconds after which a blob that the index does not know is taken to be left over from a process that was killed."""

_NOT_WHAT_WAS_WRITTEN: Final = (AttributeError, KeyError, TypeError, ValueError)
_INSERT: Final = "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    meta: str
    checksum: str | None
    bytes: int
    seconds: float


class DiskStore:
    """Entries on disk. `faults` counts what could not be written or read back, `fault` is why the last one could not; each
    is a miss, never an error. A disk that is full is no reason to stop: what is cheapest to compute again makes room."""

    name = "disk"

    def __init__(self, folder: Path, index: Index, values: Values, *, cap: int) -> None:
        self.folder = folder / "blobs"
        self.cap = cap
        self.faults = 0
        self.fault = ""
        self._index = index
        self._values = values
        self._queue: queue.SimpleQueue[tuple[str, Entry | None] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._written = threading.Condition()
        self._pending = 0
        self._pending_bytes = 0
        self._swept = False

    def find(self, key: str) -> Hit | None:
        try:
            rows = self._index.rows("SELECT meta, seconds FROM entries WHERE key = ?", (key,))
            if not rows:
                return None
            meta, seconds = cast("tuple[str, float]", rows[0])
            return blob.read_hit(self.name, json.loads(meta), seconds)
        except (sqlite3.Error, *_NOT_WHAT_WAS_WRITTEN) as error:
            self._count_fault(error)
            return None

    def get(self, key: str) -> Entry | None:
        try:
            rows = self._index.rows("SELECT meta, blob, seconds FROM entries WHERE key = ?", (key,))
            if not rows:
                return None
            entry = self._read(key, *cast("tuple[str, str | None, float]", rows[0]))
        except UnknownTypeError:
            return None
        except ChangedPlace:
            self.drop(key)
            return None
        except (sqlite3.Error, OSError, *_NOT_WHAT_WAS_WRITTEN) as error:
            self._count_fault(error)
            self.drop(key)
            return None
        self._enqueue(key, None)
        return entry

    def put(self, key: str, entry: Entry) -> bool:
        """Queue the entry for writing. It is findable once written; until then the memory tier has it."""
        self._enqueue(key, entry)
        return True

    def drop(self, key: str) -> None:
        with self._counting_faults():
            self._remove([key])

    def clear(self) -> None:
        """Remove everything, left-over files included."""
        self.flush()
        with self._counting_faults():
            self._index.change("DELETE FROM entries", [()])
            shutil.rmtree(self.folder, ignore_errors=True)

    def flush(self) -> None:
        """Wait until everything put is on disk."""
        with self._written:
            self._written.wait_for(lambda: self._pending == 0)

    def close(self) -> None:
        """Write what is queued and stop."""
        if self._writer is not None:
            self._queue.put(None)
            self._writer.join()
            self._writer = None

    @property
    def nbytes(self) -> int:
        return cast("int", self._index.rows("SELECT COALESCE(SUM(bytes), 0) FROM entries")[0][0])

    def __len__(self) -> int:
        return cast("int", self._index.rows("SELECT COUNT(*) FROM entries")[0][0])

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"

    def _read(self, key: str, meta: str, checksum: str | None, seconds: float) -> Entry:
        data = self._path(key).read_bytes() if checksum else b""
        if checksum and _checksum(data) != checksum:
            raise ValueError("checksum")
        return blob.decode(json.loads(meta), blob.unpack(data) if checksum else {}, seconds, self._values)

    # The writer's thread

    def _enqueue(self, key: str, entry: Entry | None) -> None:
        """Have the writer store an entry, or (None) note that the key was used."""
        size = _size(entry)
        with self._written:
            self._written.wait_for(lambda: self._pending_bytes == 0 or self._pending_bytes + size <= MOST_WAITING)
            self._pending += 1
            self._pending_bytes += size
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="cache-writer", daemon=True)
                self._writer.start()
        self._queue.put((key, entry))

    def _write_all(self) -> None:
        while (item := self._queue.get()) is not None:
            batch = [item]
            stop = False
            with contextlib.suppress(queue.Empty):
                while len(batch) < _BATCH:
                    following = self._queue.get_nowait()
                    if following is None:
                        stop = True
                        break
                    batch.append(following)
            self._write(batch)
            with self._written:
                self._pending -= len(batch)
                self._pending_bytes -= sum(_size(entry) for _, entry in batch)
                self._written.notify_all()
            if stop:
                return

    def _write(self, batch: list[tuple[str, Entry | None]]) -> None:
        rows: list[_Row] = []
        for key, entry in batch:
            if entry is None:
                continue
            try:
                row = self._write_with_room(key, entry)
            except Exception as error:  # noqa: BLE001 - the writer's loop: an entry that cannot be stored is a later miss
                self._count_fault(error)
                continue
            if row is not None:
                rows.append(row)
            if sum(row.bytes for row in rows) > _BATCH_BYTES:
                self._enter(rows)
                rows = []
        self._enter(rows)
        with self._counting_faults():
            clock = self._clock()
            used = [(clock, key) for key, entry in batch if entry is None]
            self._index.change("UPDATE entries SET worth = ? + seconds / bytes WHERE key = ?", used)

    def _write_with_room(self, key: str, entry: Entry) -> _Row | None:
        """Write a blob; on a disk that is full, once more with half of what the cache has there gone."""
        try:
            return self._write_blob(key, entry)
        except OSError as error:
            before = self.nbytes
            if error.errno not in _NO_ROOM or before == 0:
                raise
            while (excess := self.nbytes - before // 2) > 0 and self._evict(excess):
                pass
        return self._write_blob(key, entry)

    def _write_blob(self, key: str, entry: Entry) -> _Row | None:
        encoded = blob.encode(entry, self._values)
        if encoded is None:
            return None
        described, tensors = encoded
        meta = json.dumps(described)
        if not tensors:
            return _Row(key, meta, None, SMALLEST_ROW + len(meta), entry.seconds)
        data = blob.pack(tensors)
        if len(data) > self.cap:
            return None
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (data,))
        return _Row(key, meta, _checksum(data), SMALLEST_ROW + len(data), entry.seconds)

    def _enter(self, rows: list[_Row]) -> None:
        if not rows:
            return
        with self._counting_faults(len(rows)):
            clock = self._clock()
            entered = [
                (row.key, row.meta, row.checksum, row.bytes, row.seconds, clock + row.seconds / row.bytes)
                for row in rows
            ]
            self._index.change(_INSERT, entered)
            while (excess := self.nbytes - self.cap) > 0 and self._evict(excess):
                pass

    def _clock(self) -> float:
        """The worth of what went last. It is kept in the index, so every process that shares the folder goes by it."""
        rows = self._index.rows("SELECT worth FROM clock")
        return cast("float", rows[0][0]) if rows else 0.0

    def _evict(self, excess: int) -> bool:
        """Let go of at most 64 entries, least worth first, until `excess` bytes are free. False when there was none."""
        if not self._swept:
            self._swept = True
            self._sweep()
        keys: list[str] = []
        clock = 0.0
        for row in self._index.rows("SELECT key, bytes, worth FROM entries ORDER BY worth LIMIT 64"):
            if excess <= 0:
                break
            key, nbytes, clock = cast("tuple[str, int, float]", row)
            keys.append(key)
            excess -= nbytes
        self._index.change("INSERT OR REPLACE INTO clock VALUES (0, ?)", [(clock,)] if keys else [])
        self._remove(keys)
        return bool(keys)

    def _sweep(self) -> None:
        """Remove files that no entry leads to: left over when a process was killed between a blob and its row."""
        known = {cast("str", row[0]) for row in self._index.rows("SELECT key FROM entries WHERE blob IS NOT NULL")}
        before = time.time() - _ABANDONED
        paths: list[Path] = []
        with contextlib.suppress(OSError):  # another process may clear the folder at this moment
            paths += self.folder.glob("*/*")
        for path in paths:
            with contextlib.suppress(OSError):
                if path.name.partition(".")[0] not in known and path.stat().st_mtime < before:
                    path.unlink()

    def _remove(self, keys: list[str]) -> None:
        self._index.change("DELETE FROM entries WHERE key = ?", [(key,) for key in keys])
        for key in keys:
            with contextlib.suppress(OSError):
                self._path(key).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _counting_faults(self, count: int = 1) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._count_fault(error, count)

    def _count_fault(self, error: Exception, count: int = 1) -> None:
        self.faults += count
        self.fault = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _size(entry: Entry | None) -> int:
    return entry.nbytes if entry is not None else 0


def _checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
