"""The tier on disk: restarts, damage, full disks, caps, and two processes in one folder."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from graph.cache.disk import DiskStore
from graph.cache.entry import Entry
from graph.cache.index import Index
from graph.errors import InputError
from graph.result import Blocked, Report, SavedFile
from graph.values import ChangedPlace, Encoded, RawTensor, Values, value_type
from tests.toy_values import Handle, Tile, toy_values


class Disk:
    """A store that can be closed and opened again."""

    def __init__(self, folder: Path, cap: int = 2**30, values: Values | None = None) -> None:
        self.folder, self.cap, self.values = folder, cap, values or toy_values()
        self.open()

    def open(self) -> None:
        self.index = Index(self.folder / "index.sqlite")
        self.store = DiskStore(self.folder, self.index, self.values, cap=self.cap)

    def close(self) -> None:
        self.store.close()
        self.index.close()

    def reopen(self) -> DiskStore:
        self.close()
        self.open()
        return self.store

    def files(self) -> list[Path]:
        return sorted(path for path in (self.folder / "blobs").rglob("*") if path.is_file())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path)
    yield disk
    disk.close()


def tile(size: int = 8, shade: int = 7, seconds: float = 1.0) -> Entry:
    return Entry({"out": (Tile(bytes([shade]) * size),)}, {}, None, seconds, size)


def put(store: DiskStore, key: str, entry: Entry) -> None:
    store.put(key, entry)
    store.flush()


ENTRIES = {
    "an integer": Entry({"out": (7,)}, {"out": "d"}, None, 0.5, 32),
    "a float": Entry({"out": (0.1,)}),
    "a whole float stays a float": Entry({"out": (7.0,)}),
    "a float that JSON does not have": Entry({"out": (float("inf"), float("-inf"))}),
    "a text": Entry({"out": ("\ud800 ü \0",)}),
    "yes and no": Entry({"out": (True, False)}),
    "nothing": Entry({"out": (None,)}),
    "a blocker": Entry({"out": (Blocked(), Blocked("why"))}),
    "a list": Entry({"out": (1, 2, 3)}),
    "an empty list": Entry({"out": ()}),
    "no output at all": Entry({}),
    "a tile": tile(),
    "an empty tile": tile(0),
    "tiles beside numbers": Entry({"a": (Tile(b"1"), Tile(b"22")), "b": (3,), "c": (Tile(b""),)}),
    "a report": Entry({}, {}, Report((SavedFile("output", "a/b.png", 12, "/x/a/b.png"),), ("seen",)), 3.0, 0),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_an_entry_survives_a_restart(disk: Disk, entry: Entry) -> None:
    assert disk.store.find("ab12") is None
    assert disk.store.get("ab12") is None
    put(disk.store, "ab12", entry)
    again = disk.reopen()
    assert again.get("ab12") == entry
    hit = again.find("ab12")
    assert hit is not None
    assert (hit.tier, hit.content, hit.report) == ("disk", entry.content, entry.report)
    assert (hit.seconds, hit.nbytes) == (entry.seconds, entry.nbytes)
    assert again.faults == 0


def test_what_cannot_be_encoded_is_not_kept(disk: Disk) -> None:
    put(disk.store, "k", Entry({"out": (Handle("w"), 1)}))
    assert disk.store.find("k") is None
    assert disk.store.faults == 0


def test_a_type_whose_encoder_fails_does_no_harm(tmp_path: Path) -> None:
    def fail(_: Handle) -> Encoded:
        raise RuntimeError("out of device memory")

    broken = value_type(
        Handle,
        name="handle",
        nbytes=lambda _: 1,
        encode=fail,
        decode=lambda _: Handle(""),
        describe=lambda _: "handle",
    )
    disk = Disk(tmp_path, values=Values([broken]))
    put(disk.store, "bad", Entry({"out": (Handle("w"),)}))
    put(disk.store, "good", Entry({"out": (1,)}))
    assert disk.store.faults == 1
    assert disk.store.find("good") is not None
    disk.close()


def test_a_type_that_only_another_process_knows_is_a_miss_and_is_kept(disk: Disk) -> None:
    put(disk.store, "k", tile())
    other = DiskStore(disk.folder, disk.index, Values(), cap=disk.cap)
    assert other.get("k") is None
    assert disk.store.get("k") == tile()


def test_a_value_whose_file_is_elsewhere_now_is_made_again_and_no_fault(tmp_path: Path) -> None:
    def moved(_: Encoded) -> Handle:
        raise ChangedPlace("model.safetensors is not the file it was")

    kind = value_type(
        Handle,
        name="handle",
        nbytes=lambda _: 1,
        encode=lambda _: Encoded({}),
        decode=moved,
        describe=lambda _: "handle",
    )
    disk = Disk(tmp_path, values=Values([kind]))
    put(disk.store, "k", Entry({"out": (Handle("w"),)}))
    assert disk.store.get("k") is None
    assert (disk.store.find("k"), disk.store.faults) == (None, 0)
    disk.close()


# Damage


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "harm",
    [_cut, _flip, Path.unlink, lambda path: path.write_bytes(b""), _replace_by_folder],
    ids=["cut", "one bit", "gone", "empty", "a folder"],
)
def test_a_damaged_blob_is_a_miss_and_goes(disk: Disk, harm: Callable[[Path], None]) -> None:
    put(disk.store, "ab", tile())
    put(disk.store, "cd", tile(shade=9))
    harm(disk.store._path("ab"))
    assert disk.store.get("ab") is None
    assert disk.store.faults == 1
    assert disk.store.find("ab") is None
    assert disk.store.get("cd") == tile(shade=9)


@pytest.mark.parametrize(
    "meta",
    ["", "{", "[]", "7", "{}", '{"outputs": {"out": [["tile", null, ["pixels"]]]}}', '{"outputs": 5, "nbytes": 1}'],
)
def test_a_damaged_row_is_a_miss(disk: Disk, meta: str) -> None:
    put(disk.store, "k", Entry({"out": (1,)}))
    disk.index.change("UPDATE entries SET meta = ?", [(meta,)])
    disk.store.find("k")
    assert disk.store.get("k") is None
    assert disk.store.faults >= 1


def test_two_values_under_one_key_are_never_mixed(disk: Disk) -> None:
    """The blob of one process with the row of another: the checksum tells."""
    put(disk.store, "k", tile(shade=1))
    first = disk.store._path("k").read_bytes()
    put(disk.store, "k", tile(shade=2))
    disk.store._path("k").write_bytes(first)
    assert disk.store.get("k") is None


@pytest.mark.parametrize("content", [b"not a database" * 100, b"", b"SQLite format 3\0" + b"\xff" * 4000])
def test_an_index_that_is_none_is_set_aside(disk: Disk, content: bytes) -> None:
    put(disk.store, "k", tile())
    disk.close()
    for path in disk.folder.glob("index.sqlite*"):
        path.unlink()
    (disk.folder / "index.sqlite").write_bytes(content)
    disk.open()
    assert disk.store.find("k") is None
    put(disk.store, "k", tile())
    assert disk.store.get("k") == tile()


def test_an_index_of_another_version_is_set_aside(disk: Disk) -> None:
    disk.index.change("PRAGMA user_version = 99", [()])
    disk.reopen()
    assert (disk.folder / "index.sqlite.damaged").exists()
    put(disk.store, "k", tile())
    assert disk.store.get("k") == tile()


def test_an_index_found_damaged_in_use_is_begun_anew(disk: Disk) -> None:
    for number in range(400):
        disk.store.put(f"key{number}", Entry({"out": ("x" * 200,)}))
    disk.reopen()
    path = disk.folder / "index.sqlite"
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(b"\xab" * (path.stat().st_size - 8192))
    keys = [f"key{number}" for number in range(400)]
    assert [disk.store.get(key) for key in keys].count(None) > 0
    assert disk.store.faults > 0
    put(disk.store, "k", tile())
    assert disk.reopen().get("k") == tile()


@pytest.mark.parametrize("kind", ["a file where the folder should be", "no right to write"])
def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "a file where the folder should be":
        (tmp_path / "cache").write_text("")
    else:

        def refused(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(InputError, match="cache_folder"):
        Index(tmp_path / "cache" / "index.sqlite")


# Full disks and locks


def test_a_full_disk_is_a_miss_later_and_leaves_nothing_behind(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, chunks: Iterable[bytes]) -> None:
        data = b"".join(chunks)
        path.write_bytes(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("graph.files._write", full)
    put(disk.store, "k", tile())
    monkeypatch.undo()
    assert disk.store.faults == 1
    assert disk.store.find("k") is None
    assert disk.files() == []
    put(disk.store, "k", tile())
    assert disk.store.get("k") == tile()


def test_who_is_faster_than_the_disk_waits_for_it(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that wait to be written are held in memory: only so many may."""
    monkeypatch.setattr("graph.cache.disk.MOST_WAITING", 100)
    may_write = threading.Event()

    def slow(path: Path, chunks: Iterable[bytes]) -> None:
        may_write.wait(60)
        path.write_bytes(b"".join(chunks))

    monkeypatch.setattr("graph.files._write", slow)
    disk.store.put("larger than may wait", tile(size=500))
    putting = threading.Thread(target=disk.store.put, args=("next", tile(size=60)))
    putting.start()
    putting.join(0.2)
    assert putting.is_alive()
    may_write.set()
    putting.join(60)
    disk.store.flush()
    assert not putting.is_alive()
    assert disk.store.find("larger than may wait")
    assert disk.store.find("next")


def test_a_full_disk_lets_go_of_what_is_cheapest(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        put(disk.store, f"{number}", tile(shade=number, seconds=1.0 + number))
    room = [False, True]

    def tight(path: Path, chunks: Iterable[bytes]) -> None:
        if not room.pop(0):
            raise OSError(errno.ENOSPC, "No space left on device")
        path.write_bytes(b"".join(chunks))

    monkeypatch.setattr("graph.files._write", tight)
    put(disk.store, "new", tile(shade=9, seconds=9.0))
    kept = [key for key in ("0", "1", "2", "3", "new") if disk.store.find(key)]
    assert kept == ["2", "3", "new"]
    assert disk.store.faults == 0
    assert len(disk.files()) == 3


def test_an_index_that_is_there_is_opened_without_a_write(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    put(disk.store, "a", tile())
    disk.close()
    monkeypatch.setattr("graph.cache.index._TABLES", "no statement at all")
    disk.open()
    assert disk.store.get("a") == tile()


@pytest.mark.parametrize("call", ["find", "get", "put", "drop", "clear"])
def test_an_index_that_does_not_answer_is_a_miss(disk: Disk, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(disk.store, "k", tile())

    def locked(*_: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(Index, "rows", locked)
    monkeypatch.setattr(Index, "change", locked)
    calls: dict[str, Callable[[], object]] = {
        "find": lambda: disk.store.find("k"),
        "get": lambda: disk.store.get("k"),
        "put": lambda: put(disk.store, "l", tile()),
        "drop": lambda: disk.store.drop("k"),
        "clear": disk.store.clear,
    }
    assert not calls[call]()
    disk.store.flush()
    assert disk.store.faults >= 1


# The cap


def test_past_the_cap_the_cheapest_go(tmp_path: Path) -> None:
    disk = Disk(tmp_path, cap=20_000)
    put(disk.store, "dear", tile(4000, seconds=100.0))
    for index in range(10):
        put(disk.store, f"cheap{index}", tile(4000, seconds=0.1))
    assert disk.store.nbytes <= 20_000
    assert disk.store.find("dear") is not None
    assert disk.store.find("cheap9") is not None
    assert disk.store.find("cheap0") is None
    assert sum(path.stat().st_size for path in disk.files()) <= 20_000
    disk.close()


def test_an_entry_larger_than_the_cap_is_not_kept(tmp_path: Path) -> None:
    disk = Disk(tmp_path, cap=5000)
    put(disk.store, "small", tile(100))
    put(disk.store, "huge", tile(10_000, seconds=1e6))
    assert disk.store.find("huge") is None
    assert disk.store.find("small") is not None
    disk.close()


def test_a_use_keeps_an_entry_and_a_restart_does_not_forget_the_age(tmp_path: Path) -> None:
    disk = Disk(tmp_path, cap=20_000)
    put(disk.store, "used", tile(4000, seconds=1.0))
    put(disk.store, "unused", tile(4000, seconds=1.0))
    for index in range(12):
        disk.reopen()
        put(disk.store, f"n{index}", tile(4000, seconds=0.9))
        assert disk.store.get("used") is not None
        disk.store.flush()
    assert disk.store.find("unused") is None
    assert disk.store.find("n11") is not None
    disk.close()


def test_left_over_files_go_when_room_is_needed(tmp_path: Path) -> None:
    disk = Disk(tmp_path, cap=20_000)
    put(disk.store, "ab1", tile(4000))
    old, recent, part = (tmp_path / "blobs/ab" / name for name in ("x.safetensors", "y.safetensors", "z.1-2.part"))
    for path in (old, recent, part):
        path.write_bytes(b"left over")
    long_ago = time.time() - 10_000
    for path in (old, part, disk.store._path("ab1")):
        os.utime(path, (long_ago, long_ago))
    for index in range(6):
        put(disk.store, f"cd{index}", tile(4000, seconds=0.5))
    assert not old.exists()
    assert not part.exists()
    assert recent.exists()
    assert disk.store.get("ab1") == tile(4000)
    disk.close()


def test_clear_leaves_nothing(disk: Disk) -> None:
    for index in range(5):
        disk.store.put(f"k{index}", tile())
    disk.store.clear()
    assert (len(disk.store), disk.store.nbytes, disk.files()) == (0, 0, [])
    put(disk.store, "k", tile())
    assert disk.store.get("k") == tile()


# Blobs


def test_raw_tensors_of_every_width_survive(disk: Disk) -> None:
    from graph.cache import blob

    tensors = {f"t/{size}": RawTensor("F32", (size,), bytes(range(4)) * size) for size in (0, 1, 3, 100)}
    assert blob.unpack(blob.pack(tensors)) == tensors
    with pytest.raises(ValueError, match=r".+"):
        blob.unpack(blob.pack(tensors)[:-1])
