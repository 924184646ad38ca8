"""What jobs saved, by content: kept when its name is taken by another, checked before it is served, dropped when unused."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from server.jobs.database import SqliteDatabase
from server.jobs.job import Submission
from server.jobs.store import Store
from server.worker.blobs import Blobs, CheckedBlobs, place
from tests.server.service import Service
from tests.server.test_jobs_api import do, submit, work

DIGEST = hashlib.sha256(b"content").hexdigest()


def test_an_output_is_had_by_its_content_whatever_becomes_of_its_name(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        job = await submit(service, work(42), "?wait=60")
        (one,) = job["outputs"]
        assert one["digest"] == hashlib.sha256(b"42").hexdigest()
        file = tmp_path / "output" / one["name"]
        file.unlink()
        file.write_text("another")
        answer = await service.get(one["blob"])
        assert (answer.status, answer.body, answer.kind) == (200, b"42", "application/octet-stream")
        part = await service.get(one["blob"], {"Range": "bytes=1-1"})
        assert (part.status, part.body) == (206, b"2")
        again = await submit(service, work(42), "?wait=60")
        assert again["outputs"][0].get("digest") == hashlib.sha256(file.read_bytes()).hexdigest()

    do(tmp_path, act)


@pytest.mark.parametrize("name", ["0" * 64, "A" * 64, "0" * 63, "..%2f..%2fx", f"{DIGEST}.png", "%00"])
def test_what_is_no_blob_is_not_found(tmp_path: Path, name: str) -> None:
    async def act(service: Service) -> None:
        assert (await service.get(f"/api/v1/blobs/{name}")).status in (400, 404)

    do(tmp_path, act, workers=False)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("spoil", [flipped, linked, piped, lambda path: path.write_bytes(b""), Path.unlink])
@pytest.mark.parametrize("looked", [False, True])
def test_a_spoilt_blob_is_never_served(tmp_path: Path, spoil: Callable[[Path], None], looked: bool) -> None:
    source = tmp_path / "saved.png"
    source.write_bytes(b"content")
    assert Blobs(tmp_path / "blobs").keep(str(source)) == DIGEST
    checked = CheckedBlobs(tmp_path / "blobs")
    if looked:
        assert checked.find(DIGEST) is not None
    spoil(place(tmp_path / "blobs", DIGEST))
    assert checked.find(DIGEST) is None


def test_a_file_is_read_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "saved.png"
    file.write_bytes(b"content")
    blobs = Blobs(tmp_path / "blobs")
    assert blobs.keep(str(file)) == blobs.keep(str(file)) == DIGEST
    file.unlink()
    assert blobs.keep(str(file)) is None
    file.write_bytes(b"other")
    assert blobs.keep(str(file)) == hashlib.sha256(b"other").hexdigest()
    assert place(tmp_path / "blobs", DIGEST).read_bytes() == b"content"


def test_a_blob_stays_as_long_as_a_job_has_it(tmp_path: Path) -> None:
    now = 1000.0
    database = SqliteDatabase(tmp_path)
    store = Store(database, wall=lambda: now)
    for name in "ab":
        store.accept(Submission(name, "{}", name))
        claim = store.claim("w")
        assert claim is not None
        store.finish(name, claim.fence, "done", {}, [], blobs={DIGEST: 7})
    now = 5000.0
    store.forget(["a"])
    assert store.drop_blobs(60.0) == []
    store.forget(["b"])
    assert store.drop_blobs(9999.0) == []
    assert store.drop_blobs(60.0) == [DIGEST]
    assert store.drop_blobs(60.0) == []
    database.close()


def test_one_blob_that_cannot_be_removed_keeps_no_other(tmp_path: Path) -> None:
    stuck, other = "a" * 64, "b" * 64
    place(tmp_path, stuck).mkdir(parents=True)
    place(tmp_path, other).parent.mkdir()
    place(tmp_path, other).touch()
    CheckedBlobs(tmp_path).remove([stuck, other])
    assert not place(tmp_path, other).exists()


def test_of_many_files_only_some_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.worker.blobs._REMEMBERED", 10)
    blobs, checked = Blobs(tmp_path / "blobs"), CheckedBlobs(tmp_path / "blobs")
    for number in range(30):
        file = tmp_path / f"{number}.txt"
        file.write_text(str(number))
        digest = blobs.keep(str(file))
        assert digest is not None
        assert checked.find(digest) is not None
    assert (len(blobs._known), len(checked._sound)) == (10, 10)


def test_files_of_blobs_that_are_no_jobs_go_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left where a process was killed between a file and its row."""
    monkeypatch.setattr("server.http.serving.SWEEP", 0.05)
    monkeypatch.setattr("server.http.serving.STRAYS", -1.0)
    stray = place(tmp_path / "user" / "blobs", "a" * 64)
    stray.parent.mkdir(parents=True)
    stray.touch()

    async def act(service: Service) -> None:
        job = await submit(service, work(42), "?wait=60")
        async with asyncio.timeout(20):
            while stray.exists():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.05)
        assert (await service.get(job["outputs"][0]["blob"])).body == b"42"

    do(tmp_path, act)


def test_a_young_file_of_a_blob_stays(tmp_path: Path) -> None:
    path = place(tmp_path, "a" * 64)
    path.parent.mkdir()
    path.touch()
    assert (CheckedBlobs(tmp_path).old(60), CheckedBlobs(tmp_path).old(-1)) == ([], ["a" * 64])
