"""What the desk promises: many calls in one transaction and one wait for the disk, and nobody told before it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from server.jobs.database import FILE, SqliteDatabase
from server.jobs.desk import Desk
from server.jobs.job import Happening, JobEvent, StoreError, Submission
from server.jobs.store import Limits, Store


class Disk(SqliteDatabase):
    """A database whose disk can be held up, looked at, and broken. `image` is what a power cut would leave."""

    def __init__(self, folder: Path) -> None:
        self.free = threading.Event()
        self.free.set()
        self.asked = threading.Event()
        self.syncs = 0
        self.broken = self.full = False
        self.image = folder
        super().__init__(folder)

    def seal(self, *, durable: bool) -> None:
        if self.full:
            raise DBAPIError("COMMIT", None, sqlite3.OperationalError("database or disk is full"))

    def sync(self) -> None:
        self.asked.set()
        assert self.free.wait(30)
        if self.broken:
            raise OSError("the disk is gone")
        self.syncs += 1
        super().sync()
        image = self._path.with_name(f"image{self.syncs}")
        image.mkdir()
        for suffix in ("-wal", ""):
            shutil.copy(self._path.with_name(FILE + suffix), image)
        self.image = image

    def tidy(self) -> None:
        """Never: the two files are copied one after the other."""


def submission(name: str, key: str | None = None) -> Submission:
    return Submission(name, "{}", name, key=key)


def do(
    folder: Path, act: Callable[[Desk, Disk, list[JobEvent]], Awaitable[None]], limits: Limits | None = None
) -> None:
    async def run() -> None:
        told: list[JobEvent] = []
        disk = Disk(folder)
        async with asyncio.timeout(60):
            with Desk(lambda: disk, told.extend, limits) as desk:
                await act(desk, disk, told)

    asyncio.run(run())


async def held_up(disk: Disk) -> None:
    """Until somebody waits for the disk."""
    disk.asked.clear()
    disk.free.clear()


def test_nobody_is_told_before_the_disk_has_it_and_work_goes_on(tmp_path: Path) -> None:
    async def act(desk: Desk, disk: Disk, told: list[JobEvent]) -> None:
        await held_up(disk)
        accepted = asyncio.ensure_future(desk.do(desk.store.accept, submission("a")))
        await asyncio.to_thread(disk.asked.wait, 30)
        claim = await desk.ask_for_job("w").claim  # a worker need not wait
        # who only looks has to: it saw what is not settled
        looked = asyncio.ensure_future(desk.do(desk.store.job, "a"))
        await asyncio.sleep(0)
        assert await desk.do_unsettled(desk.store.finish, "a", claim.fence, "done", {}, [], durable=False)
        await asyncio.sleep(0.05)
        assert (told, accepted.done(), looked.done()) == ([], False, False)
        disk.free.set()
        assert (await accepted).job.id == "a"
        found = await looked
        assert found is not None
        assert found.state == "running"
        job = await desk.do(desk.store.job, "a")
        assert job is not None
        assert job.state == "done"
        assert [one.type for one in told] == ["queued", "running", "done"]

    do(tmp_path, act)


def test_many_calls_share_one_wait_for_the_disk(tmp_path: Path) -> None:
    async def act(desk: Desk, disk: Disk, told: list[JobEvent]) -> None:
        await held_up(disk)
        first = asyncio.ensure_future(desk.do(desk.store.accept, submission("first")))
        await asyncio.to_thread(disk.asked.wait, 30)
        before = disk.syncs
        rest = [asyncio.ensure_future(desk.do(desk.store.accept, submission(f"{i}"))) for i in range(100)]
        await asyncio.sleep(0)  # so that they are asked first
        await desk.do_unsettled(lambda: None)
        disk.free.set()
        await asyncio.gather(first, *rest)
        assert disk.syncs - before == 2  # the one that was held up, and one for the hundred
        assert [one.job for one in told] == ["first", *(f"{i}" for i in range(100))]

    do(tmp_path, act)


def test_a_call_that_cannot_be_kept_takes_no_other_with_it(tmp_path: Path) -> None:
    def fails(desk: Desk) -> None:
        with desk.store.transactions.change() as change:
            change.record("a", [Happening("half")])
            change.connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    async def act(desk: Desk, disk: Disk, told: list[JobEvent]) -> None:
        await desk.do(desk.store.accept, submission("a"))
        outcomes = await asyncio.gather(
            desk.do(desk.store.accept, submission("b")),
            desk.do(fails, desk),
            desk.do(desk.store.accept, submission("a", key="taken")),
            desk.do(desk.store.accept, submission("c")),
            return_exceptions=True,
        )
        assert [type(one).__name__ for one in outcomes] == ["Accepted", "StoreError", "StoreError", "Accepted"]
        assert [one.type for one in await desk.do(desk.store.events, "a")] == ["queued"]
        assert [one.job for one in told] == ["a", "b", "c"]

    do(tmp_path, act)


def test_a_withdrawn_worker_gets_no_job(tmp_path: Path) -> None:
    async def act(desk: Desk, disk: Disk, told: list[JobEvent]) -> None:
        gone, next_one = desk.ask_for_job("gone"), desk.ask_for_job("next")
        assert gone.withdraw()
        await desk.do(desk.store.accept, submission("a"))
        assert (await next_one.claim).id == "a"
        assert not next_one.withdraw()
        assert not gone.claim.done()

    do(tmp_path, act)


def test_a_job_that_was_lent_in_a_transaction_that_failed_is_not_on_its_way(tmp_path: Path) -> None:
    async def act(desk: Desk, disk: Disk, told: list[JobEvent]) -> None:
        gone = desk.ask_for_job("gone")
        disk.full = True
        with pytest.raises(StoreError):
            await desk.do(desk.store.accept, submission("a"))
        assert gone.withdraw()
        disk.full = False
        next_one = desk.ask_for_job("next")
        await desk.do(desk.store.accept, submission("a"))
        assert (await next_one.claim).id == "a"

    do(tmp_path, act)


def test_a_paused_queue_lends_nothing_until_it_goes_on(tmp_path: Path) -> None:
    async def act(desk: Desk, disk: Disk, told: list[JobEvent]) -> None:
        await desk.do(desk.store.pause, True)
        ticket = desk.ask_for_job("w")
        await desk.do(desk.store.accept, submission("a"))
        assert await desk.do(desk.store.paused)
        assert not ticket.claim.done()
        await desk.do(desk.store.pause, False)
        assert (await ticket.claim).id == "a"

    do(tmp_path, act)


def test_what_was_told_outlives_a_power_cut(tmp_path: Path) -> None:
    """The disk's image is taken at the last sync; every answer and event given by then must be in it."""

    async def act(desk: Desk, disk: Disk, told: list[JobEvent]) -> None:
        async def client(name: str) -> str:
            return (await desk.do(desk.store.accept, submission(name))).job.id

        async def worker() -> None:
            while True:
                claim = await desk.ask_for_job("w").claim
                await desk.do_unsettled(desk.store.record, claim.id, claim.fence, [Happening("step")])
                await desk.do_unsettled(desk.store.finish, claim.id, claim.fence, "done", {"n": claim.id}, [])

        working = asyncio.create_task(worker())
        for wave in range(12):
            answered = await asyncio.gather(*(client(f"{wave}-{i}") for i in range(5)))
            known = {(one.job, one.type) for one in told}
            await asyncio.to_thread(check, disk.image, answered, known)  # the cut
        working.cancel()

    def check(image: Path, answered: list[str], known: set[tuple[str, str]]) -> None:
        database = SqliteDatabase(image)
        store = Store(database)
        kept = {(one.job, one.type) for job in {name for name, _ in known} for one in store.events(job)}
        assert {job for job in answered if store.job(job)} == set(answered)
        assert {one for one in known if one[1] in ("queued", "done")} <= kept
        database.close()

    do(tmp_path, act)


def test_a_disk_that_fails_is_believed_no_more(tmp_path: Path) -> None:
    async def act(desk: Desk, disk: Disk, told: list[JobEvent]) -> None:
        disk.broken = True
        for name in ("a", "b"):
            with pytest.raises(StoreError, match="disk failed"):
                await desk.do(desk.store.accept, submission(name))
        disk.broken = False  # what it did not keep is not kept by being asked again
        with pytest.raises(StoreError, match="disk failed"):
            await desk.do(desk.store.accept, submission("c"))
        assert told == []

    do(tmp_path, act)


def test_a_full_disk_is_said_so(tmp_path: Path) -> None:
    async def act(desk: Desk, disk: Disk, told: list[JobEvent]) -> None:
        pages = disk.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        disk.connection.commit()
        await desk.do(disk.connection.exec_driver_sql, f"PRAGMA max_page_count={pages}")
        with pytest.raises(StoreError) as refused:
            await desk.do(desk.store.accept, Submission("big", "x" * 100_000, "big"))
        assert refused.value.code == "store_full"
        await desk.do(disk.connection.exec_driver_sql, "PRAGMA max_page_count=1000000")
        await desk.do(desk.store.accept, Submission("big", "x" * 100_000, "big"))

    do(tmp_path, act)


def test_opening_takes_back_what_ran(tmp_path: Path) -> None:
    async def run() -> None:
        with Desk(partial(SqliteDatabase, tmp_path), lambda _events: None) as desk:
            await desk.do(desk.store.accept, submission("a"))
            await desk.ask_for_job("w").claim
        with Desk(partial(SqliteDatabase, tmp_path), lambda _events: None) as desk:
            job = await desk.do(desk.store.job, "a")
            assert job is not None
            assert (job.state, job.attempts) == ("queued", 0)

    asyncio.run(run())
