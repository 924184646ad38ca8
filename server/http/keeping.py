"""An uploaded file is received as a draft, and gets its name: the one it asks for, unless another content has it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from graph.files import flush
from nodes.folders import FolderError, Folders
from server.http.bodies import coming
from server.http.problems import ProblemError


async def receive(draft: Path, read: Callable[[], Awaitable[bytes]], most: int) -> tuple[int, str]:
    """Write what `read` gives, until it gives nothing, to a new file and to the disk. Returns the size and the SHA-256.
    Raises ProblemError: 413 for more than `most` bytes, 408 for a file that stops coming."""
    digest, size = hashlib.sha256(), 0
    with await asyncio.to_thread(draft.open, "xb") as file:
        while part := await coming(read()):
            size += len(part)
            if size > most:
                raise ProblemError(413, "body_too_large", f"an upload has at most {most:,} bytes")
            digest.update(part)
            file.write(part)
    await asyncio.to_thread(flush, draft)
    return size, digest.hexdigest()


def keep(draft: Path, folders: Folders, kind: str, name: str, overwrite: bool) -> str:
    """Give the draft its name. Returns the name it has got."""
    digest = _digest(draft)
    for candidate in _candidates(name):
        path = folders.place(kind, candidate)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(folders.root(kind).resolve()):
            raise FolderError(f"{name!r} would leave the folder {kind!r}")
        if overwrite:
            os.replace(draft, path)
            return candidate
        if _named(draft, path) or (path.is_file() and _digest(path) == digest):
            return candidate
    raise FolderError(f"there are too many files called {name!r}")


def _named(draft: Path, path: Path) -> bool:
    """Give the draft this name too, if it is free: nobody else can have taken it in between. False if it is not."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if path.exists():
            return False
        os.replace(draft, path)
    return True


def _candidates(name: str) -> Iterator[str]:
    stem, suffix = os.path.splitext(name)
    yield name
    yield from (f"{stem} ({number}){suffix}" for number in range(1, 10_000))


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
