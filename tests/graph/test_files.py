"""Files that are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from graph.files import Digests, drop_abandoned_drafts, write_durably, write_whole

Write = Callable[[Path, Iterable[bytes]], None]
both = pytest.mark.parametrize("write", [write_whole, write_durably])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@both
def test_a_file_is_replaced_by_all_its_chunks(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "a.bin"
    for content in (b"old", b"new and longer"):
        write(path, (content[:2], content[2:]))
        assert path.read_bytes() == content
    assert names(tmp_path) == ["a.bin"]


@both
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), ValueError("no such tensor"), KeyboardInterrupt()]
)
def test_of_a_write_that_fails_nothing_is_left(tmp_path: Path, write: Write, error: BaseException) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def chunks() -> Iterator[bytes]:
        yield b"half of the n"
        raise error

    with pytest.raises(type(error)):
        write(path, chunks())
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


@both
def test_two_writers_at_once_do_not_mix(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "a.bin"

    def interrupted() -> Iterator[bytes]:
        yield b"outer, first half; "
        write(path, (b"inner",))
        assert path.read_bytes() == b"inner"
        yield b"second half"

    write(path, interrupted())
    assert path.read_bytes() == b"outer, first half; second half"


def test_what_is_promised_to_last_is_flushed_before_it_has_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []

    def fsync(descriptor: int) -> None:
        flushed = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        seen.append((flushed == tmp_path, (tmp_path / "a.bin").exists()))

    monkeypatch.setattr("os.fsync", fsync)
    write_whole(tmp_path / "b.bin", (b"may be lost",))
    write_durably(tmp_path / "a.bin", (b"may not",))
    assert seen == [(False, False), (True, True)]


def test_only_drafts_that_are_old_are_taken_to_be_abandoned(tmp_path: Path) -> None:
    for name, hours in ((".a.part", 2), (".b.part", 0), ("c.part", 2), (".d", 2)):
        (tmp_path / name).touch()
        then = (tmp_path / name).stat().st_mtime - 3600 * hours
        os.utime(tmp_path / name, (then, then))
    drop_abandoned_drafts(tmp_path)
    assert names(tmp_path) == [".b.part", ".d", "c.part"]


def _written(path: Path, text: str, age: float) -> None:
    """Write a file whose time of change is so many seconds ago."""
    path.write_text(text)
    changed = time.time() - age
    os.utime(path, (changed, changed))


@pytest.mark.parametrize(("age", "times_read"), [(0.0, 3), (1.0, 3), (10.0, 1), (-3600.0, 1)])
def test_a_file_is_read_once_unless_it_was_just_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: float, times_read: int
) -> None:
    path, digests = tmp_path / "file", Digests()
    _written(path, "content", age)
    digest_of = Mock(side_effect=hashlib.file_digest)
    monkeypatch.setattr("hashlib.file_digest", digest_of)
    assert len({digests.digest(path) for _ in range(3)}) == 1
    assert digest_of.call_count == times_read


def test_a_file_written_twice_within_the_grain_of_its_time_is_told_apart(tmp_path: Path) -> None:
    path, digests = tmp_path / "file", Digests()
    path.write_text("one")
    first, stat = digests.digest(path), path.stat()
    path.write_text("two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert digests.digest(path) != first
