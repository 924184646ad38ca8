"""An uploaded file gets its name: the one it asks for, unless another content has it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from nodes.folders import FolderError, Folders


def keep(draft: Path, folders: Folders, kind: str, name: str, overwrite: bool) -> str:
    """Give the draft its name. Returns the name it has got."""
    digest = _digest(draft)
    for candidate in _candidates(name):
        path = folders.place(kind, candidate)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(folders.root(kind).resolve()):
            raise FolderError(f"{name!r} would leave the folder {kind!r}")
        if overwrite or not path.exists():
            os.replace(draft, path)
            return candidate
        if path.is_file() and _digest(path) == digest:
            return candidate
    raise FolderError(f"there are too many files called {name!r}")


def _candidates(name: str) -> Iterator[str]:
    stem, suffix = os.path.splitext(name)
    yield name
    yield from (f"{stem} ({number}){suffix}" for number in range(1, 10_000))


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
