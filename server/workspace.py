"""Where a run happens on this machine: the folders, the cache, the history. Opened by the command line and by workers.

Opening is cheap and imports no torch: planning needs only the index of the cache. What runs bodies (`services`, the value
table) is made when something really has to run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISREG
from tempfile import TemporaryDirectory, TemporaryFile
from types import TracebackType
from typing import Final

from graph.cache.budget import Budget
from graph.cache.disk import DiskStore
from graph.cache.history import DiskHistory, History
from graph.cache.index import Index
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.errors import InputError, Problem
from graph.files import Digests
from graph.keys import Environment
from graph.values import Values
from nodes.folders import Folders, standard_folders
from nodes.memory.host import host_bytes, what_auto_rests_on
from nodes.truncation import is_cut_off

INDEX: Final = "index.sqlite"
GIB: Final = 2**30
DISK_CAP: Final = 20 * GIB
_PREVIEWS_SHARE: Final = 10
PRECISIONS: Final = ("auto", "fp32", "bf16", "fp16")
"""What may be asked for; `nodes/memory/policy.py` decides what becomes of it."""


@dataclass(frozen=True, slots=True)
class Places:
    """Directories a user may choose; None means the usual place under the working directory (cache: the user's own).
    `cache_bytes` is what the cache may take on the disk."""

    models: Path | None = None
    inputs: Path | None = None
    output: Path | None = None
    cache: Path | None = None
    cache_bytes: int = DISK_CAP


@dataclass(frozen=True, slots=True)
class Computing:
    """How bodies compute: the device and precision as asked for."""

    device: str = "auto"
    precision: str = "auto"

    @property
    def numbers(self) -> str:
        """What decides the numbers that come out, for keys: cards of one kind compute the same."""
        return f"device {self.device.partition(':')[0]}, precision {self.precision}"


class Workspace:
    """Folders, cache and history of one process. A context manager: leaving it writes what is queued for the disk.

    Where the cache's folder cannot be used, a folder that is gone afterwards stands in for it, and `problems` says so: a
    full disk keeps nobody from making a picture."""

    def __init__(self, places: Places) -> None:
        self.cache_folder, self.cache_bytes = cache_folder(places), places.cache_bytes
        self.problems: tuple[Problem, ...] = ()
        self._spare: TemporaryDirectory[str] | None = None
        self.index = self._open_index()
        known = _known_digests(self.index)
        self._digests_saved = set(known)
        self.folders = folders_of(replace(places, cache=self.cache_folder), Digests(known, is_cut_off))
        self.budget = Budget(_memory_limit())
        self._machine = what_auto_rests_on()
        self.history: History = DiskHistory(self.index)
        self._disk: DiskStore | None = None

    def environment(self, computing: Computing) -> Environment:
        return Environment(
            f"{computing.numbers}, {self._machine}", f"output folder {self.folders.root('output').absolute()}"
        )

    def cache(self, values: Values) -> Cache:
        """The tiers. To plan, `values` may know nothing: nothing is loaded then."""
        self._close_disk()
        self._disk = DiskStore(self.cache_folder, self.index, values, cap=self.cache_bytes)
        return Cache([MemoryStore(self.budget), self._disk])

    @property
    def losses(self) -> tuple[Problem, ...]:
        """A warning where results could not be kept. Waits until the last of them is on the disk."""
        if self._disk is None:
            return ()
        self._disk.flush()
        if self._disk.faults == 0:
            return ()
        message = (
            f"{self._disk.faults} results could not be kept in {self.cache_folder} or read back: {self._disk.fault}"
        )
        hint = "They will be computed again. Free some space, or choose another folder with --cache."
        return (Problem("cache_lost", message, hint=hint, severity="warning"),)

    def services(self, computing: Computing) -> Mapping[type, object]:
        """What node bodies may ask for. Imports torch."""
        from nodes.services import services

        return services(self.folders, self.budget, device=computing.device, precision=computing.precision)

    def values(self) -> Values:
        """The value table of the nodes. Imports torch."""
        from nodes.sockets import VALUE_TYPES

        return Values(VALUE_TYPES)

    def keep_digests(self) -> None:
        """Remember for the next process what files were found to hold: a checkpoint takes seconds to read."""
        known = dict(self.folders.digests.known)
        new = known.keys() - self._digests_saved
        if not new:
            return
        with contextlib.suppress(sqlite3.Error):  # a full disk: what is not remembered is read again
            self.index.change("INSERT OR REPLACE INTO digests VALUES (?, ?)", [(one, known[one]) for one in new])
            self._digests_saved |= new

    def close(self) -> None:
        self._close_disk()
        self.keep_digests()
        self.index.close()
        if self._spare is not None:
            self._spare.cleanup()

    def _open_index(self) -> Index:
        try:
            return Index(self.cache_folder / INDEX)
        except InputError as error:
            hint = "Nothing is kept this time. Free some space, clear the cache, or choose another folder with --cache."
            self.problems = tuple(replace(one, severity="warning", hint=hint) for one in error.problems)
            self._spare = TemporaryDirectory(prefix="latentgraph-")
            self.cache_folder = Path(self._spare.name)
            return Index(self.cache_folder / INDEX)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _close_disk(self) -> None:
        if self._disk is not None:
            self._disk.close()
            self._disk = None


def folders_of(places: Places, digests: Digests | None = None) -> Folders:
    """The folders of these places. Creates nothing, and opens no cache."""
    return standard_folders(
        Path.cwd(),
        models=places.models,
        inputs=places.inputs,
        outputs=places.output,
        temp=cache_folder(places) / "temp",
        digests=digests,
    )


def holds_cache(folder: Path) -> bool:
    """Whether there is a cache, sound or damaged, or a file where its folder should be. Creates nothing."""
    return folder.is_file() or any(os.path.lexists(folder / name) for name in (INDEX, "blobs"))


def expect_writable(folder: Path) -> None:
    """Make a folder that files will be saved in, unless it is there. Raises InputError where none can be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return
    except OSError as error:
        message = f"cannot save files in the output folder {folder}: {error.strerror or error}"
        raise InputError([Problem("cannot_save", message, hint="Choose another folder with --output.")]) from None


def trim_previews(places: Places) -> None:
    """Let the oldest previews go where all take more than a tenth of what the cache may: nodes whose preview is gone are run
    again when somebody asks."""
    files = []
    for path in (cache_folder(places) / "temp").rglob("*"):
        with contextlib.suppress(OSError):  # another process may do the same at this moment
            stat = path.stat()
            if S_ISREG(stat.st_mode):
                files.append((stat.st_mtime, stat.st_size, path))
    excess = sum(size for _, size, _ in files) - places.cache_bytes // _PREVIEWS_SHARE
    for _, size, path in sorted(files):
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= size


def clear_cache(folder: Path, *, index: bool) -> None:
    """Delete the previews and blobs that a cache keeps in `folder`; with `index` also an index that cannot be opened, as
    on a full disk."""
    for name in ("blobs", "temp"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in folder.glob(f"{INDEX}*") if index else ():
        with contextlib.suppress(OSError):
            path.unlink()


def cache_folder(places: Places) -> Path:
    """The chosen folder, else `$XDG_CACHE_HOME/latentgraph` or `~/.cache/latentgraph`."""
    if places.cache is not None:
        return places.cache
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "latentgraph"


def _known_digests(index: Index) -> dict[str, str]:
    """The digests of files by identity; none from an index that cannot be read."""
    try:
        return {str(identity): str(digest) for identity, digest in index.rows("SELECT * FROM digests")}
    except sqlite3.Error:
        return {}


def _memory_limit() -> int:
    """Half of the memory there is, for cached values and weights together."""
    return host_bytes() // 2
