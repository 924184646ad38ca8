"""The queue: its order and how it is changed, a pause that survives, batches that are kept whole or not at all, limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.jobs.database import SqliteDatabase
from server.jobs.job import Move, StoreError, Submission
from server.jobs.store import Limits, Store
from tests.server.service import Service, running, working
from tests.server.test_jobs_api import do, submit, work


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    database = SqliteDatabase(tmp_path)
    yield Store(database, limits=Limits(queued=5))
    database.close()


def line(store: Store) -> str:
    return "".join(job.id for job in store.line(limit=100))


@pytest.mark.parametrize(
    ("job", "move", "order"),
    [
        ("c", Move(front=True), "cabd"),
        ("a", Move(number=99.0), "bcda"),
        ("d", Move(before="b"), "adbc"),
        ("a", Move(after="c"), "bcad"),
        ("d", Move(after="d"), "abcd"),
        ("b", Move(before="a"), "bacd"),
        ("a", Move(after="d"), "bcda"),
        ("d", Move(priority=1), "dabc"),
        ("a", Move(priority=-1), "bcda"),
        ("b", Move(priority=1, front=True), "bacd"),
        ("a", Move(priority=-1, front=True), "bcda"),
        ("a", Move(before="unknown"), ""),
        ("unknown", Move(front=True), ""),
    ],
)
def test_a_waiting_job_is_moved(store: Store, job: str, move: Move, order: str) -> None:
    for name in "abcd":
        store.accept(Submission(name, "{}", name))
    if not order:
        with pytest.raises(StoreError) as refused:
            store.move(job, move)
        assert refused.value.code == "unknown_job"
    else:
        store.move(job, move)
    assert line(store) == (order or "abcd")


@pytest.mark.parametrize(
    ("job", "priority", "order"),
    [(Submission("e", "{}", "e", first=True), 7, "ecadb"),
     (Submission("e", "{}", "e", first=True, priority=0), 0, "caedb"),
     (Submission("e", "{}", "e", first=True, priority=9), 9, "ecadb"),
     (Submission("e", "{}", "e", first=True, priority=3), 3, "caedb"),
     (Submission("e", "{}", "e", front=True), 0, "caedb"),
     (Submission("e", "{}", "e", first=True, number=2.5), 0, "cadbe")],
)  # fmt: skip
def test_front_is_before_all_that_wait_or_all_of_a_priority(
    store: Store, job: Submission, priority: int, order: str
) -> None:
    for name, above in (("a", 7), ("b", 0), ("c", 7), ("d", 0)):
        store.accept(Submission(name, "{}", name, priority=above))
    store.move("d", Move(front=True, priority=0))
    store.move("c", Move(front=True))
    assert (store.accept(job).job.priority, line(store)) == (priority, order)


def test_a_move_to_the_front_passes_higher_priorities(store: Store) -> None:
    for name, above in (("a", 7), ("b", 0)):
        store.accept(Submission(name, "{}", name, priority=above))
    store.move("b", Move(front=True))
    assert (line(store), [one.priority for one in store.line(limit=9)]) == ("ba", [7, 7])


def test_the_front_of_nothing_is_a_usual_place(store: Store) -> None:
    assert store.accept(Submission("a", "{}", "a", first=True)).job.number == 1
    store.accept(Submission("b", "{}", "b", first=True))
    store.accept(Submission("c", "{}", "c", priority=-3))
    assert line(store) == "bac"


def test_there_is_always_room_between_two(store: Store) -> None:
    """Halving the gap between two numbers ends where numbers do, after some fifty moves."""
    for name in "abc":
        store.accept(Submission(name, "{}", name))
    for _ in range(60):
        last = line(store)[2]
        store.move(last, Move(before=line(store)[1]))
        assert line(store)[1] == last
        assert len({job.number for job in store.line(limit=9)}) == 3


def test_priority_goes_before_number(store: Store) -> None:
    for name, priority, number in (("a", 0, 1.0), ("b", 1, 9.0), ("c", 0, 0.5), ("d", 1, 3.0)):
        store.accept(Submission(name, "{}", name, number=number, priority=priority))
    assert line(store) == "dbca"
    claims = [store.claim("w") for _ in range(4)]
    assert "".join(one.id for one in claims if one) == "dbca"


@pytest.mark.parametrize(
    ("names", "code"), [("abcdef", "queue_full"), (["a", "b", "taken"], "job_id_taken"), ("abcde", "queue_full")]
)
def test_a_batch_is_kept_whole_or_not_at_all(store: Store, names: str | list[str], code: str) -> None:
    store.accept(Submission("taken", "{}", "another"))
    with pytest.raises(StoreError) as refused:
        store.accept_all([Submission(name, "{}", name) for name in names])
    assert refused.value.code == code
    assert [job.id for job in store.line(limit=9)] == ["taken"]


def test_a_pause_survives_a_restart_and_what_runs_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def before(service: Service) -> None:
        first = await submit(service, work(1, count=20))
        while (await service.get(f"/api/v1/jobs/{first['id']}")).json["state"] == "queued":  # noqa: ASYNC110 - on disk
            await asyncio.sleep(0.01)
        assert (await service.post("/api/v1/queue/pause", b"")).json["paused"] is True
        second = await submit(service, work(2))
        assert (await service.get(f"/api/v1/jobs/{first['id']}?wait=60")).json["state"] == "done"
        told = (await service.get("/api/v1/queue")).json
        assert (told["paused"], [one["id"] for one in told["waiting"]]) == (True, [second["id"]])

    async def after(service: Service) -> None:
        while (await service.get("/health/ready")).status != 200:  # noqa: ASYNC110 - the worker is starting
            await asyncio.sleep(0.02)
        told = (await service.get("/api/v1/queue")).json
        assert (told["paused"], told["counts"]) == (True, {"done": 1, "queued": 1})
        assert "the queue is paused, jobs that wait: 1" in caplog.text
        assert await tells(service) == (
            True,
            1,
            ["the queue is paused: no job is begun until POST /api/v1/queue/resume"],
        )
        waiting = told["waiting"][0]["id"]
        assert (await service.post("/api/v1/queue/resume", b"")).json["paused"] is False
        assert (await service.get(f"/api/v1/jobs/{waiting}?wait=60")).json["state"] == "done"
        assert await tells(service) == (False, 0, [])

    async def tells(service: Service) -> tuple[bool, int, list[str]]:
        """What the readiness and the figures say of the queue."""
        figures = (await service.get("/metrics")).body.decode().splitlines()
        (gauge,) = (one.split()[1] for one in figures if one.startswith("latentgraph_queue_paused "))
        ready = (await service.get("/health/ready")).json
        return ready["paused"], int(float(gauge)), ready["notes"]

    do(tmp_path, before)
    assert "paused" not in caplog.text
    do(tmp_path, after)


def test_a_batch_is_one_request(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        batch = {"jobs": [{"workflow": work(value)} for value in range(3)]}
        first = await service.post("/api/v1/batches", json.dumps(batch), {"Idempotency-Key": "b"})
        again = await service.post("/api/v1/batches", json.dumps(batch), {"Idempotency-Key": "b"})
        ids = [one["id"] for one in first.json["jobs"]]
        assert (first.status, again.status) == (202, 200)
        assert [one["id"] for one in again.json["jobs"]] == ids
        alone = json.dumps({"workflow": work(0)})
        assert (await service.post("/api/v1/jobs", alone, {"Idempotency-Key": "b#0"})).status == 202, "a key of its own"
        await service.post("/queue", b'{"clear": true}')
        assert (await service.post("/api/v1/batches", json.dumps(batch), {"Idempotency-Key": "c"})).status == 202
        ids = [one["id"] for one in (await service.get("/api/v1/queue")).json["waiting"]]
        bad: dict[str, Any] = {"jobs": [{"workflow": work(9)}, {"workflow": work(9), "targets": ["nobody"]}]}
        refused = await service.post("/api/v1/batches", json.dumps(bad))
        assert (refused.status, refused.json["code"]) == (422, "input_wrong")
        assert refused.json["detail"].startswith("job 1 of the batch")
        told = (await service.get("/api/v1/queue")).json
        assert [one["id"] for one in told["waiting"]] == ids

    do(tmp_path, act, workers=False)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"number": 1, "front": True},
        {"before": 3},
        {"priority": 0.5},
        {"front": False},
        {"before": "a", "priority": 2},
        {"after": "a", "priority": 0},
    ],
)
def test_a_move_that_makes_no_sense_is_refused(tmp_path: Path, body: dict[str, object]) -> None:
    async def act(service: Service) -> None:
        job = await submit(service)
        refused = await service.post(f"/api/v1/jobs/{job['id']}/move", json.dumps(body))
        assert (refused.status, refused.json["code"]) == (422, "input_wrong")

    do(tmp_path, act, workers=False)


@pytest.mark.parametrize(("kind", "restarts"), [("Steps", 0), ("Stuck", 1)])
def test_a_job_that_takes_too_long_fails_and_says_so(tmp_path: Path, kind: str, restarts: int) -> None:
    async def run() -> None:
        async with asyncio.timeout(60), working(tmp_path) as service:
            long = work()
            long["nodes"]["work"] = {"type": kind, "inputs": {"count": 10_000} if kind == "Steps" else {}}
            long["parameters"] = []
            job = await submit(service, long, "?wait=60", time_limit=0.5)
            assert (job["state"], job["error"]["code"], job["attempts"]) == ("failed", "time_limit", 1)
            words = [one["type"] for one in (await service.get(job["events"])).json["events"]]
            assert words[-2:] == ["timed_out", "failed"]
            assert (await submit(service, work(), "?wait=60", time_limit=50))["state"] == "done"

    asyncio.run(run())


@pytest.mark.parametrize("body", ['{"time_limit": 0}', '{"time_limit": "long"}', '{"priority": 1}', "[]"])
def test_a_retry_takes_another_time_limit_and_nothing_else(tmp_path: Path, body: str) -> None:
    async def act(service: Service) -> None:
        job = await submit(service)
        await service.post(f"/api/v1/jobs/{job['id']}/cancel", b"")
        refused = await service.post(f"/api/v1/jobs/{job['id']}/retry", body)
        assert (refused.status, refused.json["code"]) == (422, "input_wrong")
        assert (await service.get("/api/v1/jobs")).json["counts"] == {"cancelled": 1}

    do(tmp_path, act, workers=False)


def test_only_what_has_ended_is_retried(tmp_path: Path) -> None:
    async def run() -> None:
        async with asyncio.timeout(60), running(tmp_path) as service:
            job = await submit(service, priority=3, time_limit=7)
            refused = await service.post(f"/api/v1/jobs/{job['id']}/retry", b"")
            assert (refused.status, refused.json["code"]) == (409, "job_not_ended")
            await service.post(f"/api/v1/jobs/{job['id']}/cancel", b"")
            for body, limit in ((b"", 7.0), (b'{"time_limit": 4}', 4.0), (b'{"time_limit": null}', None), (b"{}", 7.0)):
                again = (await service.post(f"/api/v1/jobs/{job['id']}/retry", body)).json
                assert (again["state"], again["priority"], again["time_limit"]) == ("queued", 3, limit)
                assert isinstance(job["time_limit"], float)
                assert limit is None or isinstance(again["time_limit"], float)

    asyncio.run(run())
