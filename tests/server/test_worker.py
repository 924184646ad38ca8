"""Jobs through real worker processes: they end as they should, whatever becomes of the process."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from graph.document import Document, Node
from server.jobs.database import SqliteDatabase
from server.jobs.desk import Desk
from server.jobs.job import ENDS, Claim, Happening, Job, JobEvent, StoreError, Submission
from server.jobs.request import JobRequest
from server.jobs.store import Limits
from server.worker import crew
from server.worker.crew import Crew
from server.worker.hub import Hub, Passing
from tests.graph.engine import made, of
from tests.server.toy_worker import command


@dataclass
class Shop:
    """A store and one toy worker."""

    desk: Desk
    hub: Hub
    crew: Crew
    folder: Path

    async def submit(self, name: str, **nodes: Node) -> str:
        request = JobRequest(Document(nodes), scope=name).to_text()
        await self.desk.do(self.desk.store.accept, Submission(name, request, name))
        return name

    async def state(self, job: str) -> Job:
        found = await self.desk.do(self.desk.store.job, job)
        assert found is not None
        return found

    async def until(self, job: str, *states: str) -> Job:
        while (found := await self.state(job)).state not in (states or ENDS):  # noqa: ASYNC110 - the store is on disk
            await asyncio.sleep(0.01)
        return found

    async def happened(self, job: str, word: str) -> None:
        while word not in [one.type for one in await self.events(job)]:  # noqa: ASYNC110 - so are its events
            await asyncio.sleep(0.01)

    async def events(self, job: str) -> list[JobEvent]:
        return await self.desk.do(self.desk.store.events, job)


@asynccontextmanager
async def shop(folder: Path, limits: Limits | None = None) -> AsyncIterator[Shop]:
    hub = Hub()
    with Desk(partial(SqliteDatabase, folder / "user"), hub.publish, limits) as desk:
        crew = Crew({"cpu": command(folder)}, desk, hub)
        async with crew.at_work():
            yield Shop(desk, hub, crew, folder)


def do(folder: Path, act: Callable[[Shop], Awaitable[None]], limits: Limits | None = None) -> None:
    async def run() -> None:
        async with asyncio.timeout(120), shop(folder, limits) as opened:
            await act(opened)

    asyncio.run(run())


def writing(name: str, source: str = "work") -> Node:
    return made("WriteText", value=of(source), name=name)


def test_a_job_runs_and_tells(tmp_path: Path) -> None:
    async def act(here: Shop) -> None:
        def mine(job: str, _client: str | None) -> bool:
            return job == "a"

        with here.hub.listening(mine, mine) as listener:
            await here.submit("a", work=made("Steps", value=7, count=3), save=writing("seven"))
            job = await here.until("a")
            assert job.state == "done"
            file = {"folder": "output", "name": "seven.txt", "bytes": 1, "digest": sha256(b"7").hexdigest()}
            assert job.result["outputs"] == {"save": {"files": [file], "text": ["7"]}}
            events = await here.events("a")
            assert [one.type for one in events] == [
                "queued", "running", "started", "node_started", "node_finished", "node_started", "node_finished", "done",
            ]  # fmt: skip
            heard = [await listener.next()]
            while not (isinstance(heard[-1], JobEvent) and heard[-1].type == "done"):
                heard.append(await listener.next())
            assert [one for one in heard if isinstance(one, JobEvent)] == events
            last = [one for one in heard if isinstance(one, Passing)][-1]
            assert (last.data["value"], last.data["maximum"], last.picture[:2]) == (3, 3, b"\xff\xd8")
        assert (tmp_path / "output" / "seven.txt").read_text() == "7"

    do(tmp_path, act)


def test_a_second_run_finds_everything_there(tmp_path: Path) -> None:
    async def act(here: Shop) -> None:
        for name in ("first", "second"):
            await here.submit(name, work=made("Steps", value=7), save=writing("seven"))
        again = await here.until("second")
        assert again.result["nodes"] == {"ran": 0, "cached": 2, "skipped": 0, "failed": 0}
        assert again.result["outputs"] == (await here.state("first")).result["outputs"]

    do(tmp_path, act)


@pytest.mark.parametrize(
    ("nodes", "code", "node"),
    [
        ({"bad": made("Boom", value=1), "save": writing("x", "bad")}, "node_error", "bad"),
        ({"save": made("WriteText", value="no number", name="x")}, "input_wrong", None),
        ({"save": made("Unheard")}, "input_wrong", None),
    ],
)
def test_a_failure_is_a_result(tmp_path: Path, nodes: dict[str, Node], code: str, node: str | None) -> None:
    async def act(here: Shop) -> None:
        await here.submit("bad", **nodes)
        job = await here.until("bad")
        error = job.result["error"]
        assert isinstance(error, dict)
        assert job.state == "failed"
        assert (error.get("node"), bool(error["message"])) == (node, True)
        assert error["code"] == code
        await here.submit("good", work=made("Steps", value=1), save=writing("good"))
        assert (await here.until("good")).state == "done"

    do(tmp_path, act)


@pytest.mark.parametrize("how", ["kill", "exit", "segfault"])
def test_a_poisonous_job_is_set_aside_and_the_next_one_runs(tmp_path: Path, how: str) -> None:
    async def act(here: Shop) -> None:
        await here.submit("poison", work=made("Dies", how=how), save=writing("x"))
        await here.submit("good", work=made("Steps", value=1), save=writing("good"))
        poison = await here.until("poison")
        assert (poison.state, poison.attempts) == ("quarantined", 3)
        causes = {str(one.data["cause"]) for one in await here.events("poison") if one.type == "requeued"}
        assert {one.split(" ended ")[0] for one in causes} in ({"the worker was"}, {"the worker"})
        assert (await here.until("good")).state == "done"

    do(tmp_path, act)


def test_what_a_killed_worker_had_finished_is_kept(tmp_path: Path) -> None:
    async def act(here: Shop) -> None:
        await here.submit(
            "job", first=made("Steps", value=5), work=made("Steps", value=of("first"), count=200), save=writing("five")
        )
        await here.happened("job", "node_finished")
        await asyncio.sleep(0.3)  # the disk cache writes behind
        pid = here.crew.supervisors[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        job = await here.until("job")
        assert (job.state, job.attempts) == ("done", 2)
        ran = [one.data["node"] for one in await here.events("job") if one.type == "node_started"]
        assert ran.count("first") == 1

    do(tmp_path, act)


@pytest.mark.parametrize(("type", "restarts"), [("Steps", 0), ("Stuck", 1)])
def test_a_cancel_ends_one_job_only(tmp_path: Path, type: str, restarts: int) -> None:
    async def act(here: Shop) -> None:
        long = {"count": 10_000} if type == "Steps" else {}
        await here.submit("long", work=made(type, **long), save=writing("x"))
        await here.submit("waiting", work=made("Steps"), save=writing("y"))
        await here.submit("good", work=made("Steps", value=1), save=writing("good"))
        await here.happened("long", "node_started")
        assert await here.crew.cancel("waiting") == "queued"
        assert await here.crew.cancel("long") == "running"
        assert (await here.until("long")).state == "cancelled"
        assert (await here.until("good")).state == "done"
        assert (await here.state("waiting")).state == "cancelled"
        assert await here.crew.cancel("good") == "done"
        assert await here.crew.cancel("unknown") is None
        assert here.crew.supervisors[0].restarts == restarts

    do(tmp_path, act)


def test_a_worker_that_falls_silent_loses_its_job(tmp_path: Path) -> None:
    async def act(here: Shop) -> None:
        await here.submit("job", work=made("Steps", value=1, count=30), save=writing("x"))
        await here.happened("job", "node_started")
        pid = here.crew.supervisors[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        job = await here.until("job")
        assert (job.state, job.attempts) == ("done", 2)
        assert here.crew.supervisors[0].pid != pid

    do(tmp_path, act, Limits(lease=2.5))


def test_a_store_that_stands_still_for_longer_than_a_lease_costs_no_worker_its_job(tmp_path: Path) -> None:
    async def act(here: Shop) -> None:
        await here.submit("job", work=made("Steps", value=1, count=100), save=writing("x"))
        await here.happened("job", "node_started")
        await here.desk.do(time.sleep, 4.0)
        job = await here.until("job")
        assert (job.state, job.attempts, here.crew.supervisors[0].restarts) == ("done", 1, 0)

    do(tmp_path, act, Limits(lease=2.5))


def test_a_lease_is_looked_at_as_of_when_it_was_asked_and_renewed_after_the_store_stood_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crew, "CHECK", 0.01)
    monkeypatch.setattr(crew, "_STOOD_STILL", 0.2)
    claim = Claim("job", 1, "{}", None, 1, None)
    done: list[tuple[str, float]] = []

    def expire(at: float) -> list[str]:
        done.append(("expire", time.monotonic() - at))
        return []

    def beat(job: str, fence: int) -> bool:
        done.append((f"beat {job} {fence}", 0.0))
        return True

    async def stand_still(act: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - whatever it returns
        await asyncio.sleep(0.3 if len(done) < 1 else 0.0)
        return act(*arguments)

    async def run() -> None:
        store = SimpleNamespace(expire=expire, beat=beat, clock=time.monotonic)
        desk: Any = SimpleNamespace(store=store, do=stand_still, do_unsettled=stand_still)
        watched = Crew({"cpu": []}, desk, Hub())
        watched.supervisors[0].claim = claim
        async with asyncio.timeout(50):
            watching = asyncio.create_task(watched._watch_leases())
            while len(done) < 4:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            watching.cancel()
        assert [what for what, _ in done[:4]] == ["expire", "beat job 1", "expire", "expire"]
        assert done[0][1] >= 0.3

    asyncio.run(run())


def test_the_next_service_takes_up_what_the_last_left(tmp_path: Path) -> None:
    async def leave(here: Shop) -> None:
        await here.submit("job", work=made("Steps", value=1, count=100), save=writing("x"))
        await here.submit("next", work=made("Steps", value=2), save=writing("y"))
        await here.happened("job", "node_started")

    async def take_up(here: Shop) -> None:
        first = await here.until("job")
        assert (first.state, first.attempts) == ("done", 1)
        assert (await here.until("next")).state == "done"

    do(tmp_path, leave)
    do(tmp_path, take_up)


def test_a_preview_that_cannot_be_made_is_none(tmp_path: Path) -> None:
    async def act(here: Shop) -> None:
        with here.hub.listening(lambda _job, _client: True, lambda _job, _client: True) as listener:
            await here.submit("job", work=made("Unseen", value=1), save=writing("x"))
            assert (await here.until("job")).state == "done"
            heard = [await listener.next()]
            while not isinstance(heard[-1], Passing):
                heard.append(await listener.next())
            assert heard[-1].picture == b""

    do(tmp_path, act)


def test_what_the_store_could_not_keep_at_first_is_kept_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(here: Shop) -> None:
        record = here.desk.store.record
        refused: list[str] = []

        def refusing(job: str, fence: int, happenings: Sequence[Happening]) -> bool:
            if not refused:
                refused.append(job)
                raise StoreError("the disk is full", code="store_full")
            return record(job, fence, happenings)

        monkeypatch.setattr(here.desk.store, "record", refusing)
        await here.submit("job", work=made("Steps", value=1), save=writing("x"))
        assert (await here.until("job")).state == "done"
        assert refused == ["job"]
        assert [one.type for one in await here.events("job")] == [
            "queued", "running", "started", "node_started", "node_finished", "node_started", "node_finished", "done",
        ]  # fmt: skip

    do(tmp_path, act)
