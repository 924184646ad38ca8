"""A tree of small files that clients keep here (settings, saved workflows): names stay inside it, writes are whole.

A name is looked at before and after symbolic links are followed, so neither `..` nor a planted link leads out. Nothing the
service itself reads as configuration lies in the tree.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graph.files import write_durably
from nodes.folders import is_inside
from server.http.problems import ProblemError


@dataclass(frozen=True, slots=True)
class UserFiles:
    """The tree below `root`."""

    root: Path

    def path(self, name: str) -> Path:
        """Where a name leads. Raises ProblemError (403) when that is outside."""
        if not is_inside(name):
            raise ProblemError(403, "path_outside_folder", f"{name!r} does not stay inside the user's folder")
        path = self.root / name
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise ProblemError(403, "path_outside_folder", f"{name!r} does not stay inside the user's folder")
        return path

    def read(self, name: str) -> bytes | None:
        """The content; None if there is no such file."""
        path = self.path(name)
        return path.read_bytes() if path.is_file() else None

    def write(self, name: str, content: bytes, *, overwrite: bool = True) -> bool:
        """Write the file whole, and to the disk. Raises OSError. False if it exists and may not be overwritten."""
        path = self.path(name)
        if path.is_dir() or (path.exists() and not overwrite):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, (content,))
        return True

    def names(self, directory: str, *, recurse: bool) -> list[str] | None:
        """The files in a directory, relative to it and sorted; None if there is no such directory."""
        base = self.path(directory)
        if not base.is_dir():
            return None
        files = filter(self.is_ours, _files(base, recurse=recurse))
        return sorted(path.relative_to(base).as_posix() for path in files)

    def is_ours(self, path: Path) -> bool:
        """Whether what was found in the tree is of it: a symbolic link that leads out, or nowhere, is not."""
        return not path.is_symlink() or (path.exists() and path.resolve().is_relative_to(self.root.resolve()))


def _files(base: Path, *, recurse: bool) -> Iterator[Path]:
    for folder, directories, files in os.walk(base):
        if not recurse:
            directories.clear()
        yield from (Path(folder) / name for name in files if not name.startswith("."))
