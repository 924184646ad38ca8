"""Files as the engine sees them: names in known folders, the digest of their content, and writing them whole or not at all.

Where the folders are is the business of `nodes/folders.py`; the engine asks through this protocol.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

_DRAFT: Final = ".{}.part"
_ABANDONED: Final = 3600.0
"""Seconds after which a draft is taken to be left over from a process that was killed."""
_GRAIN: Final = 2.0
"""Seconds in which a file can change again and its time of change stay the same, on the coarsest file systems."""


class Files(Protocol):
    """Known folders (checkpoints, input, output, ...) and what is in them."""

    def names(self, folder: str) -> Sequence[str]:
        """The names offered in a folder, sorted; empty for an unknown folder."""
        ...

    def meant(self, folder: str, name: str) -> tuple[str, str]:
        """The folder and the name in it that a requested name speaks of: a name may say itself where it is."""
        ...

    def find(self, folder: str, name: str) -> Path | None:
        """The file of that name, None if there is none or the name would leave the folder."""
        ...

    def digest(self, path: Path) -> str:
        """A digest of the file's content. Raises OSError when it cannot be read."""
        ...


class Digests:
    """Content digests, remembered by (path, size, modification time, inode), so each file is read once; again only while it
    has just been written, and what it holds may be another the next moment without any of these telling."""

    def __init__(
        self, known: dict[str, str] | None = None, is_useless: Callable[[Path], bool] = lambda _: False
    ) -> None:
        """`is_useless` tells of a file by a glance whether nobody can use it."""
        self._is_useless = is_useless
        self.known = known if known is not None else {}
        self._young: dict[str, str] = {}

    def digest(self, path: Path) -> str:
        """BLAKE2b of the content. Raises OSError.

        A file that is no use to anybody is not read: its digest is that of its identity, and not remembered.
        """
        stat = os.stat(path)
        identity = f"{path}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}"
        found = self.known.get(identity)
        if found is None:
            if self._is_useless(path):
                return "useless:" + hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()
            age = time.time() - stat.st_mtime
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, _blake2).hexdigest()
            if 0 <= age < _GRAIN:
                self._young[str(path)] = found
            else:
                self.known[identity] = found
        return found

    def seen(self, digest: str) -> Iterator[Path]:
        """The files that have had this content."""
        for identity, known in list(self.known.items()):
            if known == digest:
                yield Path(identity.rsplit("|", 3)[0])
        for path, known in list(self._young.items()):
            if known == digest:
                yield Path(path)


def _blake2() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


@contextlib.contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """A hidden name in a folder, no other's, for what is written and then renamed; whatever is left of it is removed."""
    path = folder / _DRAFT.format(uuid.uuid4().hex)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def write_whole(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write a file that is, whenever somebody looks, the old one or the new one. A power cut may cost it. Raises OSError,
    and what making the chunks raises."""
    with draft(path.parent) as temporary:
        _write(temporary, chunks)
        os.replace(temporary, path)


def write_durably(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """As `write_whole`, and on the disk when this returns."""
    with draft(path.parent) as temporary:
        write_flushed(temporary, chunks)
        os.replace(temporary, path)
        flush(path.parent)


def write_flushed(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write a new file, its bytes on the disk when this returns; its name is so once `flush` is called on the folder."""
    _write(path, chunks)
    flush(path)


def flush(path: Path) -> None:
    """Make the bytes of a file, or the names in a folder, survive a power cut. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def drop_abandoned_drafts(folder: Path) -> None:
    """Remove drafts that a killed process left in a folder some time ago."""
    before = time.time() - _ABANDONED
    for path in folder.glob(_DRAFT.format("*")):
        with contextlib.suppress(OSError):  # another process may do the same at this moment
            if path.stat().st_mtime < before:
                path.unlink()


def _write(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    with open(path, "xb") as file:
        for chunk in chunks:
            file.write(chunk)
