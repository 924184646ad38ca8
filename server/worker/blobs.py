"""What jobs have saved, by content: a file named by the SHA-256 of what is in it.

A name in the output folder may be taken by another picture tomorrow; a hash means one content for good. A blob is a second
name (hard link) of the saved file, so it costs no space, or a copy where that cannot be. It is checked before
it is first served, and whenever its file has changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeVar

from graph.files import flush, write_durably

_log = logging.getLogger("latentgraph.worker")

BLOBS: Final = "blobs"
"""The folder's name in the folder of the service's own."""

_COPIED_AT_ONCE: Final = 2**20
_REMEMBERED: Final = 5000

Key = TypeVar("Key")
Value = TypeVar("Value")


class Blobs:
    """The folder of blobs. Digests are remembered by what a file's entry says of it, so a file is read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[tuple[str, int, int, int], str] = {}

    def keep(self, file: str) -> str | None:
        """Give the file its name by content, on disk when this returns; the digest, or None if that cannot be done."""
        try:
            stat = os.stat(file)
            identity = (file, stat.st_size, stat.st_mtime_ns, stat.st_ino)
            digest = self._known.get(identity) or digest_of(Path(file))
            path = place(self.folder, digest)
            if not path.exists():
                _named(Path(file), path)
        except OSError:  # the file is gone, or the disk is full: the job has ended well all the same
            return None
        _remember(self._known, identity, digest)
        return digest


class CheckedBlobs:
    """The folder of blobs as it may be served. `spoilt` counts those whose content was no longer what they are called."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sound: dict[str, tuple[int, int, int]] = {}
        self.spoilt = 0

    def find(self, digest: str) -> Path | None:
        """The regular file with this content; None if there is none. One whose content is another is removed."""
        path = place(self._folder, digest)
        try:
            entry = os.lstat(path)
            if not stat.S_ISREG(entry.st_mode):
                return None
            state = (entry.st_size, entry.st_mtime_ns, entry.st_ino)
            if self._sound.get(digest) != state:
                if digest_of(path) != digest:
                    self.spoilt += 1
                    _log.error("the blob %s is spoilt and was removed", digest)
                    path.unlink(missing_ok=True)
                    return None
                _remember(self._sound, digest, state)
        except OSError:
            return None
        return path

    def old(self, age: float) -> list[str]:
        """The digests of files that have had their name here for so many seconds."""
        before = time.time() - age
        found = []
        for path in self._folder.glob("??/*"):
            with contextlib.suppress(OSError):
                if path.lstat().st_ctime < before:
                    found.append(path.parent.name + path.name)
        return found

    def remove(self, digests: Iterable[str]) -> None:
        """Delete blobs that nobody refers to any more."""
        for digest in digests:
            self._sound.pop(digest, None)
            try:
                place(self._folder, digest).unlink(missing_ok=True)
            except OSError as error:  # the others go all the same
                _log.warning("the blob %s cannot be removed: %s", digest, error.strerror)


def _remember(known: dict[Key, Value], key: Key, value: Value) -> None:
    """Note something that can be found out again, and forget what was noted longest ago."""
    known[key] = value
    if len(known) > _REMEMBERED:
        del known[next(iter(known))]


def place(folder: Path, digest: str) -> Path:
    """Where the blob of this digest lies."""
    return folder / digest[:2] / digest[2:]


def digest_of(path: Path) -> str:
    """SHA-256 of the content, in hexadecimal. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(file: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, path)
    except FileExistsError:
        return
    except OSError:  # another file system, or one without links
        with open(file, "rb") as content:
            write_durably(path, iter(lambda: content.read(_COPIED_AT_ONCE), b""))
        return
    flush(path.parent)
