"""An uploaded file is received as a draft, and gets its name: the one it asks for, unless another content has it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from graph.files import draft, flush, write_flushed
from nodes.folders import FolderError, Folders
from server.http.bodies import coming, refuse_crawling
from server.http.problems import ProblemError

_COPIED_AT_ONCE: Final = 2**20


async def receive(arriving: Path, read: Callable[[], Awaitable[bytes]], most: int) -> tuple[int, str]:
    """Write what `read` gives, until it gives nothing, to a new file and to the disk. Returns the size and the SHA-256.
    Raises ProblemError: 413 for more than `most` bytes, 408 for a file that stops coming."""
    digest, size, began = hashlib.sha256(), 0, time.monotonic()
    with await asyncio.to_thread(arriving.open, "xb") as file:
        while part := await coming(read()):
            size += len(part)
            refuse_crawling(size, began)
            if size > most:
                raise ProblemError(
                    413, "body_too_large", f"an upload has at most {most:,} bytes (`serve --max-upload`)"
                )
            digest.update(part)
            file.write(part)
    await asyncio.to_thread(flush, arriving)
    return size, digest.hexdigest()


def keep(uploaded: Path, folders: Folders, kind: str, name: str, overwrite: bool) -> str:
    """Give an uploaded file its name. Returns the name it has got."""
    root = folders.root(kind)
    root.mkdir(parents=True, exist_ok=True)
    with _beside(root, uploaded) as file:
        digest = _digest(file)
        for candidate in _candidates(name):
            path = folders.place(kind, candidate)
            if not path.parent.resolve().is_relative_to(root.resolve()):
                raise FolderError(f"{name!r} would leave the folder {kind!r}")
            path.parent.mkdir(parents=True, exist_ok=True)
            if overwrite:
                os.replace(file, path)
                return candidate
            if _named(file, path) or (path.is_file() and _digest(path) == digest):
                return candidate
    raise FolderError(f"there are too many files called {name!r}")


@contextlib.contextmanager
def _beside(folder: Path, file: Path) -> Iterator[Path]:
    """The file where it can get a name in the folder: itself, or on another device a copy."""
    if file.stat().st_dev == folder.stat().st_dev:
        yield file
        return
    with draft(folder) as copy:
        with open(file, "rb") as content:
            write_flushed(copy, iter(lambda: content.read(_COPIED_AT_ONCE), b""))
        yield copy


def _named(file: Path, path: Path) -> bool:
    """Give the file this name too, if it is free: nobody else can have taken it in between. False if it is not."""
    try:
        os.link(file, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if path.exists():
            return False
        os.replace(file, path)
    return True


def _candidates(name: str) -> Iterator[str]:
    stem, suffix = os.path.splitext(name)
    yield name
    yield from (f"{stem} ({number}){suffix}" for number in range(1, 10_000))


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
