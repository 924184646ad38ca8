"""The latents of many pictures, made in parts by all who come: each part is a file that is complete or not there.

So the processes that torch's launcher starts share the work (not by messages, as in `ranks.py`: they do not all come to the
same nodes, nor in one order), and one that is cancelled or killed loses the part at hand, no more. Who takes a part holds a
lock on it, which goes with the process. Once the first process has the whole, the last to leave takes the folder away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import torch
from safetensors.torch import load_file
from torch import Tensor

from nodes.training.checkpoint import write_atomically
from nodes.training.errors import saving
from nodes.training.job import expect_room
from nodes.training.ranks import own_share

_AT_ONCE: Final = 16
_PART: Final = 128  # pictures
_LOCK: Final = "lock"
_SEEN_BY_FIRST: Final = "seen"
_LATENTS: Final = "latents"
_SECONDS_BETWEEN_LOOKS: Final = 0.1

Encode = Callable[[range], Tensor]
Watch = Callable[[int], None]


def encoded_together(folder: Path, count: int, encode: Encode, watch: Watch) -> Tensor:
    """What `encode` makes of `count` pictures, [count, C, h, w] in their order. It is asked for a few at a time.

    Everybody with the same folder takes part and gets the whole. `watch` is told how many are done; whatever it raises (a
    cancel) leaves the parts that are complete for the next time. Raises TrainingError ("cannot_save").
    """
    parts = [_Part.at(folder, start, count) for start in range(0, count, _PART)]
    with saving(folder, "the latents made before stay there"), _kept(folder):
        while missing := [part for part in parts if not part.path.is_file()]:
            done = count - sum(len(part.pictures) for part in missing)
            watch(done)
            if not _make_one(missing, encode, watch, done):
                time.sleep(_SECONDS_BETWEEN_LOOKS)  # others are at the last ones
        return _whole(parts, count)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some pictures, by their indices, and the file of their latents."""

    path: Path
    pictures: range

    @staticmethod
    def at(folder: Path, start: int, count: int) -> _Part:
        return _Part(folder / f"{start:09d}.safetensors", range(start, min(start + _PART, count)))

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Whether this part is to be made here: inside, nobody else makes it."""
        with open(self.path.with_suffix(".lock"), "ab") as lock:
            yield _locked_alone(lock) and not self.path.is_file()

    def make(self, encode: Encode, watch: Watch, done: int) -> None:
        """Where `done` others are made already."""
        made = []
        for start in range(0, len(self.pictures), _AT_ONCE):
            watch(done + start)
            made.append(encode(self.pictures[start : start + _AT_ONCE]))
        write_atomically(self.path, {_LATENTS: torch.cat(made)}, {})


def _whole(parts: list[_Part], count: int) -> Tensor:
    """What all files hold, in one tensor, with one of them beside it at a time."""
    first = load_file(parts[0].path)[_LATENTS]
    whole = first.new_empty(count, *first.shape[1:])
    for part in parts:
        whole[part.pictures.start : part.pictures.stop] = load_file(part.path)[_LATENTS]
    return whole


def _make_one(missing: list[_Part], encode: Encode, watch: Watch, done: int) -> bool:
    """Make the first part that nobody is at, where `done` pictures are made. False if there is none."""
    for part in missing:
        with part.claimed() as ours:
            if ours:
                part.make(encode, watch, done)
                return True
    return False


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Inside, the folder stays. Who comes to the end when nobody else is inside removes it, but not before the first process
    has been here: it may come late, and shall not begin anew."""
    with _entered(folder) as lock:
        yield
        seen = folder / _SEEN_BY_FIRST
        if own_share().first:
            seen.touch()
        if seen.exists() and _locked_alone(lock):
            _remove(folder)


def _entered(folder: Path) -> BinaryIO:
    """The folder's lock, shared. Raises TrainingError ("cannot_save")."""
    while True:
        expect_room(folder)
        try:
            lock = open(folder / _LOCK, "ab")  # noqa: SIM115 - closed by the caller
        except FileNotFoundError:
            continue  # the folder was removed meanwhile
        fcntl.flock(lock, fcntl.LOCK_SH)
        if os.fstat(lock.fileno()).st_nlink:
            return lock
        lock.close()  # of a folder that was removed meanwhile


def _remove(folder: Path) -> None:
    """The lock last: who comes meanwhile waits for it, or finds an empty folder."""
    for path in folder.iterdir():
        if path.name != _LOCK:
            path.unlink(missing_ok=True)
    (folder / _LOCK).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody has come
        folder.rmdir()


def _locked_alone(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
