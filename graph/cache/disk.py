"""The tier that survives restarts: blobs by key under a folder, an index beside them.

Writing happens on a thread of its own, so the device never waits for the disk: a blob is written to a temporary file,
renamed, and only then entered in the index. A blob whose checksum does not match is a miss and is removed, never an
answer. Past the size cap the entries that cost least to recompute per byte go first (GreedyDual-Size, as in memory).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from graph.cache import blob
from graph.cache.entry import Entry, Hit
from graph.cache.index import Index
from graph.json import JsonObject, canonical
from graph.values import Values

SMALLEST_ROW = 512
_BATCH = 256


@dataclass(frozen=True, slots=True)
class _Row:
    key: str
    meta: JsonObject
    checksum: str | None
    bytes: int
    seconds: float


class DiskStore:
    """Entries on disk. `faults` counts what could not be written or read back; each is a miss, never an error."""

    name = "disk"

    def __init__(self, folder: Path, index: Index, values: Values, *, cap: int) -> None:
        self.folder = folder / "blobs"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cap = cap
        self.faults = 0
        self._index = index
        self._values = values
        self._queue: queue.SimpleQueue[tuple[str, Entry] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._idle = threading.Event()
        self._idle.set()
        self._lock = threading.Lock()
        self._pending = 0
        rows = index.rows("SELECT COALESCE(SUM(bytes), 0) FROM entries")
        self._used = cast("int", rows[0][0])
        self._clock = 0.0

    def find(self, key: str) -> Hit | None:
        rows = self._index.rows("SELECT meta, seconds FROM entries WHERE key = ?", (key,))
        if not rows:
            return None
        meta, seconds = rows[0]
        return blob.read_hit(self.name, json.loads(cast("str", meta)), cast("float", seconds))

    def get(self, key: str) -> Entry | None:
        rows = self._index.rows("SELECT meta, blob, seconds FROM entries WHERE key = ?", (key,))
        if not rows:
            return None
        meta, checksum, seconds = cast("tuple[str, str | None, float]", rows[0])
        try:
            data = self._path(key).read_bytes() if checksum else b""
            if checksum and _checksum(data) != checksum:
                raise ValueError("checksum")
            entry = blob.decode(json.loads(meta), blob.unpack(data) if checksum else {}, seconds, self._values)
        except (OSError, KeyError, TypeError, ValueError):
            self.faults += 1
            self.drop(key)
            return None
        worth = self._clock + seconds / max(entry.nbytes, 1)
        self._index.change("UPDATE entries SET worth = ? WHERE key = ?", [(worth, key)])
        return entry

    def put(self, key: str, entry: Entry) -> bool:
        """Queue the entry for writing. It is findable once written; until then the memory tier has it."""
        with self._lock:
            self._pending += 1
            self._idle.clear()
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="cache-writer", daemon=True)
                self._writer.start()
        self._queue.put((key, entry))
        return True

    def drop(self, key: str) -> None:
        self._remove([key])

    def clear(self) -> None:
        self.flush()
        self._remove([cast("str", row[0]) for row in self._index.rows("SELECT key FROM entries")])

    def flush(self) -> None:
        """Wait until everything put is on disk."""
        self._idle.wait()

    def close(self) -> None:
        """Write what is queued and stop."""
        if self._writer is not None:
            self._queue.put(None)
            self._writer.join()
            self._writer = None

    @property
    def nbytes(self) -> int:
        return self._used

    def __len__(self) -> int:
        return cast("int", self._index.rows("SELECT COUNT(*) FROM entries")[0][0])

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"

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
            with self._lock:
                self._pending -= len(batch)
                if self._pending == 0:
                    self._idle.set()
            if stop:
                return

    def _write(self, batch: list[tuple[str, Entry]]) -> None:
        rows: list[_Row] = []
        for key, entry in batch:
            try:
                row = self._write_blob(key, entry)
            except OSError:
                self.faults += 1
                continue
            if row is not None:
                rows.append(row)
        try:
            self._enter(rows)
        except sqlite3.Error:
            self.faults += len(rows)

    def _write_blob(self, key: str, entry: Entry) -> _Row | None:
        encoded = blob.encode(entry, self._values)
        if encoded is None:
            return None
        meta, tensors = encoded
        if not tensors:
            return _Row(key, meta, None, SMALLEST_ROW + len(canonical(meta)), entry.seconds)
        data = blob.pack(tensors)
        if len(data) > self.cap:
            return None
        path = self._path(key)
        path.parent.mkdir(exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.part")
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return _Row(key, meta, _checksum(data), SMALLEST_ROW + len(data), entry.seconds)

    def _enter(self, rows: list[_Row]) -> None:
        keys = [(row.key,) for row in rows]
        replaced = sum(
            cast("int", found[0])
            for key in keys
            for found in self._index.rows("SELECT bytes FROM entries WHERE key = ?", key)
        )
        self._index.change(
            "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    row.key,
                    json.dumps(row.meta, separators=(",", ":")),
                    row.checksum,
                    row.bytes,
                    row.seconds,
                    self._clock + row.seconds / row.bytes,
                )
                for row in rows
            ],
        )
        self._used += sum(row.bytes for row in rows) - replaced
        while self._used > self.cap and self._evict():
            pass

    def _evict(self) -> bool:
        worst = self._index.rows("SELECT key, worth FROM entries ORDER BY worth LIMIT 16")
        if not worst:
            return False
        self._clock = cast("float", worst[-1][1])
        self._remove([cast("str", key) for key, _ in worst])
        return True

    def _remove(self, keys: list[str]) -> None:
        for key in keys:
            freed = self._index.rows("SELECT bytes FROM entries WHERE key = ?", (key,))
            self._used -= sum(cast("int", row[0]) for row in freed)
        self._index.change("DELETE FROM entries WHERE key = ?", [(key,) for key in keys])
        for key in keys:
            with contextlib.suppress(OSError):
                self._path(key).unlink(missing_ok=True)


def _checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
