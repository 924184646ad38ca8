"""Files as the engine sees them: names in known folders, and the digest of their content.

Where the folders are is the business of `nodes/folders.py`; the engine asks through this protocol.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol


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
    """Content digests, remembered by (path, size, modification time, inode), so each file is read once."""

    def __init__(
        self, known: dict[str, str] | None = None, is_useless: Callable[[Path], bool] = lambda _: False
    ) -> None:
        """`is_useless` tells of a file by a glance whether nobody can use it."""
        self._is_useless = is_useless
        self.known = known if known is not None else {}

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
            with open(path, "rb") as file:
                found = hashlib.file_digest(file, _blake2).hexdigest()
            self.known[identity] = found
        return found


def _blake2() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)
