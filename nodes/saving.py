"""New files under numbered names: the name from a prefix, and a write that is whole or not there.

A picture is saved as `<prefix>_<counter>_.png`, the counter one more than any in the folder. The bytes go to a hidden
file first, are flushed to disk, and only then get the name; a crash leaves no half-written picture and two writers
never overwrite each other.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from graph.declare import Quotes
from graph.errors import GraphError
from graph.files import draft, drop_abandoned_drafts, flush, write_flushed
from graph.result import SavedFile
from nodes.folders import Folders

Prefix = Annotated[str, Quotes()]
"""The beginning of a file's name. May have folders, `%width%` and the like (`fill_prefix`), and quote other nodes."""

_HINTS: Final[Mapping[int, str]] = {
    errno.ENOSPC: "The disk is full. Free some space, or choose another output folder.",
    errno.EDQUOT: "Your disk quota is used up. Free some space, or choose another output folder.",
    errno.EACCES: "The folder may not be written to. Choose another output folder, or change its permissions.",
    errno.EROFS: "The disk is read-only. Choose another output folder.",
    errno.ENAMETOOLONG: "Shorten the file name prefix.",
    errno.ENOTDIR: "A file is where a folder is needed. Change the file name prefix.",
    errno.EEXIST: "A file is where a folder is needed. Change the file name prefix.",
}
_DATE_FIELDS: Final[Mapping[str, str]] = {
    "yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "hh": "%H", "mm": "%M", "ss": "%S",
}  # fmt: skip
_DATE_FIELD: Final = re.compile("|".join(_DATE_FIELDS))
_VARIABLE: Final = re.compile(r"%(?:(width|height|year|month|day|hour|minute|second)|date(?::([^%]*))?)%")
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})
_NOT_IN_NAMES: Final = re.compile(r'[\x00-\x1f<>:"|?*\\]')


class SaveError(GraphError):
    """A file could not be written; nothing of it is left. Code: `cannot_save`."""

    code = "cannot_save"


@dataclass(frozen=True, slots=True)
class Numbered:
    """A series of files `<stem>_<counter>_<suffix>` in a known folder; `stem` may contain subfolders."""

    folders: Folders
    folder: str
    stem: str
    suffix: str

    def save(self, data: bytes, *, batch_number: int = 0) -> SavedFile:
        """Write the next file. Raises `SaveError` when the disk refuses, `FolderError` when the name leaves the folder."""
        return self.save_chunks((data,), batch_number=batch_number)

    def save_chunks(self, chunks: Iterable[bytes | memoryview], *, batch_number: int = 0) -> SavedFile:
        """Write the next file, piece by piece as its bytes are made. Raises as `save` does, and as making them does."""
        stem = self.stem.replace("%batch_num%", str(batch_number))
        directory = self.folders.place(self.folder, f"{stem}_00001_{self.suffix}").parent
        counter = _highest(directory, os.path.basename(stem)) + 1
        try:
            directory.mkdir(parents=True, exist_ok=True)
            drop_abandoned_drafts(directory)
            with draft(directory) as temporary:
                write_flushed(temporary, chunks)
                while True:
                    name = f"{stem}_{counter:05}_{self.suffix}"
                    path = self.folders.place(self.folder, name)
                    if _publish(temporary, path):
                        return SavedFile.at(path, self.folder, name)
                    counter += 1
        except OSError as error:
            hint = _HINTS.get(error.errno or 0)
            raise SaveError(f"cannot save into {directory}: {error.strerror or error}", hint=hint) from None


def fill_prefix(prefix: str, *, width: int, height: int, now: datetime) -> str:
    """Replace `%year%`, `%month%`, ..., `%width%`, `%height%` and `%date:yyyy-MM-dd%` in a file name prefix.

    `%batch_num%` is left for `Numbered.save`, other words between percent signs are left as they are. Characters that
    some systems forbid in names become underscores in what was filled in.
    """
    values = {
        "width": str(width),
        "height": str(height),
        "year": f"{now:%Y}",
        "month": f"{now:%m}",
        "day": f"{now:%d}",
        "hour": f"{now:%H}",
        "minute": f"{now:%M}",
        "second": f"{now:%S}",
    }

    def fill(match: re.Match[str]) -> str:
        if match[1]:
            return values[match[1]]
        layout = match[2] or "yyyyMMddhhmmss"
        text = _DATE_FIELD.sub(lambda field: now.strftime(_DATE_FIELDS[field[0]]), layout)
        return _NOT_IN_NAMES.sub("_", text)

    return _VARIABLE.sub(fill, prefix)


def _publish(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():  # a file system without hard links: one writer at a time is all it can promise
            return False
        os.rename(temporary, path)
    with contextlib.suppress(OSError):  # it has its name: what is refused now is only how sure that is in a power cut
        flush(path.parent)
    return True


def _highest(directory: Path, stem: str) -> int:
    """The highest counter in a directory among names `<stem>_<digits>_...`, 0 without any."""
    pattern = re.compile(re.escape(stem) + r"_(\d{1,18})_.*", re.DOTALL)
    try:
        names = os.listdir(directory)
    except OSError:
        return 0
    return max((int(match[1]) for name in names if (match := pattern.fullmatch(name))), default=0)
